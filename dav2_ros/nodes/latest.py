# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A mailbox with one slot, and the thread that empties it: the newest item wins, losses are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class Latest(Generic[T]):
    """One slot between the thread that receives and the thread that works. No queue, so no silent lag."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Leave an item; True if it replaced one that nobody had taken."""
        with self._changed:
            replaced = self._item is not None
            self._item = item
            self._changed.notify()
            return replaced

    def take(self) -> T | None:
        """Wait for an item and remove it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> bool:
        """Wake the taker for the last time; True if an item was left untaken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return self._item is not None


class Worker(Generic[T]):
    """A thread that handles the newest item, and tells of each one that it never saw.

    A context manager: leaving it waits for the item in hand. `handle` deals with its own errors.
    """

    def __init__(self, handle: Callable[[T], None], dropped: Callable[[], None], name: str) -> None:
        self._latest: Latest[T] = Latest()
        self._handle, self._dropped = handle, dropped
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Worker[T]:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._latest.close():
            self._dropped()
        self._thread.join()

    def put(self, item: T) -> None:
        """Hand over an item; one that still waits is dropped."""
        if self._latest.put(item):
            self._dropped()

    def _run(self) -> None:
        while (item := self._latest.take()) is not None:
            self._handle(item)
            del item  # or a picture stays in memory until the next one
