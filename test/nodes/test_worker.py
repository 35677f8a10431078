# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The newest item wins, and every other one is accounted for."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter

from dav2_ros.nodes.worker import FairWorker, Mailbox, Worker

PATIENCE_S = 30.0


class Slow:
    """A handler that takes an item only when allowed to finish the one before."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.dropped = 0
        self.started, self.allowed = threading.Semaphore(0), threading.Semaphore(0)

    def handle(self, item: object) -> None:
        self.seen.append(item)
        self.started.release()
        assert self.allowed.acquire(timeout=PATIENCE_S)

    def drop(self) -> None:
        self.dropped += 1


def test_the_newest_wins_and_losses_are_counted() -> None:
    slow = Slow()
    with Worker(slow.handle, slow.drop, 'test') as worker:
        worker.put(0)
        assert slow.started.acquire(timeout=PATIENCE_S)  # 0 is in hand: the rest arrives meanwhile
        for item in range(1, 10):
            worker.put(item)
        slow.allowed.release(2)
        assert slow.started.acquire(timeout=PATIENCE_S)
    assert slow.seen == [0, 9]
    assert slow.dropped == 8


def test_leaving_waits_for_the_item_in_hand_and_drops_the_one_that_waits() -> None:
    slow = Slow()
    with Worker(slow.handle, slow.drop, 'test') as worker:
        worker.put('in hand')
        assert slow.started.acquire(timeout=PATIENCE_S)
        worker.put('waiting')
        threading.Timer(0.05, slow.allowed.release, [2]).start()
    assert slow.seen[0] == 'in hand'
    assert len(slow.seen) + slow.dropped == 2
    assert not [thread for thread in threading.enumerate() if thread.name == 'test']


def test_received_is_handled_plus_dropped_under_load() -> None:
    handled, dropped = [], []
    with Worker(handled.append, lambda: dropped.append(1), 'test') as worker:
        for item in range(20_000):
            worker.put(item)
    assert len(handled) + len(dropped) == 20_000
    assert handled == sorted(handled), 'never an older item after a newer one'


def test_an_item_is_let_go_once_handled() -> None:
    class Item:
        pass

    done = threading.Event()
    with Worker(lambda item: done.set(), lambda: None, 'test') as worker:
        item = Item()
        alive = weakref.ref(item)
        worker.put(item)
        del item
        assert done.wait(PATIENCE_S)
        for _ in range(1000):
            gc.collect()
            if alive() is None:
                return
            threading.Event().wait(0.01)
    raise AssertionError('the worker keeps the last picture until the next one comes')


class TestSenders:
    def test_of_those_that_wait_who_was_served_longest_ago_goes_first(self) -> None:
        latest: Mailbox[str, int] = Mailbox(('a', 'b', 'c'), 1, 0.0)
        for sender, item in zip('cab', range(3), strict=True):
            latest.put(sender, item)
        assert [latest.take() for _ in range(3)] == [{'a': 1}, {'b': 2}, {'c': 0}]
        latest.put('a', 3)
        latest.put('c', 4)
        latest.put('b', 5)
        latest.put('a', 6)
        assert [latest.take() for _ in range(2)] == [{'a': 6}, {'b': 5}]
        latest.put('a', 7)
        assert [latest.take() for _ in range(2)] == [{'c': 4}, {'a': 7}]

    def test_who_sends_more_is_served_no_more_under_overload(self) -> None:
        """Each has an item waiting whenever one is taken; one of them has had ten."""
        for most in (1, 2, 3):
            latest: Mailbox[str, int] = Mailbox(tuple('abcd'), most, 0.0)
            served: Counter[str] = Counter()
            for _ in range(101):
                for sender, times in zip('abcd', (10, 1, 1, 3), strict=True):
                    for item in range(times):
                        latest.put(sender, item)
                taken = latest.take()
                assert len(taken) == most
                served.update(list(taken))
            assert max(served.values()) - min(served.values()) <= 1

    def test_those_that_come_within_the_wait_go_together(self) -> None:
        batches, done = [], threading.Event()

        def handle(items: dict[str, int]) -> None:
            batches.append(dict(items))
            done.set()

        with FairWorker(handle, print, 'test', ('a', 'b', 'c'), most=3, wait_s=PATIENCE_S) as worker:
            for item, sender in enumerate('cab'):
                worker.put(sender, item)
                time.sleep(0.02)
            assert done.wait(PATIENCE_S), 'nobody is left to be waited for'
        assert batches == [{'a': 1, 'b': 2, 'c': 0}]

    def test_the_silent_are_waited_for_no_longer_than_stated_and_only_once(self) -> None:
        handled, wait_s, count = threading.Semaphore(0), 0.5, 40
        with FairWorker(lambda items: handled.release(), print, 'test', ('a', 'b'), most=2, wait_s=wait_s) as worker:
            started_s = time.monotonic()
            for item in range(count):
                worker.put('a', item)
                assert handled.acquire(timeout=PATIENCE_S)
            lasted_s = time.monotonic() - started_s
        assert wait_s <= lasted_s < count * wait_s / 2

    def test_each_sender_s_losses_are_told_apart(self) -> None:
        slow, dropped = Slow(), []
        with FairWorker(slow.handle, dropped.append, 'test', ('a', 'b'), most=2) as worker:
            worker.put('a', 0)
            assert slow.started.acquire(timeout=PATIENCE_S)
            for item in range(5):
                worker.put('b', item)
            worker.put('a', 1)
            worker.put('a', 2)
            slow.allowed.release(2)
            assert slow.started.acquire(timeout=PATIENCE_S)
        assert Counter(dropped) == {'b': 4, 'a': 1}
