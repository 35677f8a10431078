# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep the newest item of each sender for the thread that works on them; losses are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar('K')
T = TypeVar('T')


class Mailbox(Generic[K, T]):
    """One slot per sender between the threads that receive and the thread that works. No queue, so no silent lag.

    Args:
        senders: who may leave items.
        most: so many are taken together; of those that wait, the senders served longest ago.
        wait_s: so long, at most, do the first items wait for those of the other senders. Who was waited for in vain is
            silent: nobody waits for it again until it has left an item.
    """

    def __init__(self, senders: tuple[K, ...], most: int, wait_s: float) -> None:
        self._changed = threading.Condition()
        self._items: dict[K, T] = {}
        self._order = list(senders)  # the one served longest ago first
        self._silent: set[K] = set()
        self._most, self._wait_s = most, wait_s
        self._closed = False

    def put(self, sender: K, item: T) -> bool:
        """Leave an item; True if it replaced one that nobody had taken."""
        with self._changed:
            replaced = sender in self._items
            self._items[sender] = item
            self._silent.discard(sender)
            self._changed.notify()
            return replaced

    def take(self) -> dict[K, T]:
        """Wait for items and remove them, the sender served longest ago first; none once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items)
            self._changed.wait_for(self._is_full, self._wait_s)
            self._silent |= set(self._order) - set(self._items)
            taken = [] if self._closed else [sender for sender in self._order if sender in self._items][: self._most]
            self._order = [sender for sender in self._order if sender not in taken] + taken
            return {sender: self._items.pop(sender) for sender in taken}

    def _is_full(self) -> bool:
        awaited = set(self._order) - self._silent - set(self._items)
        return self._closed or not awaited or len(self._items) >= self._most

    def close(self) -> list[K]:
        """Wake the taker for the last time; return the senders whose items are left untaken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return list(self._items)


class FairWorker(Generic[K, T]):
    """A thread that handles the newest items of several senders together, and tells of each one that it never saw.

    A context manager: leaving it waits for the items in hand. `handle` deals with its own errors; see `Mailbox` for its
    argument, and for `most` and `wait_s`.
    """

    def __init__(
        self,
        handle: Callable[[dict[K, T]], None],
        dropped: Callable[[K], None],
        name: str,
        senders: tuple[K, ...],
        *,
        most: int = 1,
        wait_s: float = 0.0,
    ) -> None:
        self._latest: Mailbox[K, T] = Mailbox(senders, most, wait_s)
        self._handle, self._dropped = handle, dropped
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> FairWorker[K, T]:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for sender in self._latest.close():
            self._dropped(sender)
        self._thread.join()

    def put(self, sender: K, item: T) -> None:
        """Hand over an item; one of this sender that still waits is dropped."""
        if self._latest.put(sender, item):
            self._dropped(sender)

    def _run(self) -> None:
        while items := self._latest.take():
            self._handle(items)
            del items  # or pictures stay in memory until the next ones


class Worker(Generic[T]):
    """A thread that handles the newest item of one sender; see `FairWorker`."""

    def __init__(self, handle: Callable[[T], None], dropped: Callable[[], None], name: str) -> None:
        self._fair: FairWorker[Worker[T], T] = FairWorker(
            lambda items: handle(items.pop(self)), lambda sender: dropped(), name, (self,)
        )

    def __enter__(self) -> Worker[T]:
        self._fair.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._fair.__exit__(*error)

    def put(self, item: T) -> None:
        """Hand over an item; one that still waits is dropped."""
        self._fair.put(self, item)
