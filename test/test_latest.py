# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The newest item wins, and every other one is accounted for."""

from __future__ import annotations

import gc
import threading
import weakref

from dav2_ros.nodes.latest import Worker

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
