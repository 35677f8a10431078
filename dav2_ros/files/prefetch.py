# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read ahead and write behind, so that the engine waits for neither; memory is bounded on both sides."""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar('T')
_END = object()


@contextmanager
def quick_turns() -> Iterator[None]:
    """Let threads take turns after a millisecond, not five: who feeds the engine must not wait for the others."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(min(before_s, 1e-3))
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@contextmanager
def prefetch(items: Iterable[T], most: int = 4) -> Iterator[Iterator[T]]:
    """Iterate `items` on a thread of their own, at most so many ahead; what they raise is raised here."""
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(most)
    stop = threading.Event()

    def offer(failed: bool, item: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put((failed, item), timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def run() -> None:
        try:
            for item in items:
                if not offer(False, item):
                    return
            offer(False, _END)
        except BaseException as error:  # belongs to who waits
            offer(True, error)

    def taken() -> Iterator[T]:
        while True:
            failed, item = ready.get()
            if failed:
                raise item
            if item is _END:
                return
            yield item

    thread = threading.Thread(target=run, name='prefetch', daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop.set()
        thread.join()


class BackgroundWriter:
    """Runs calls on other threads, at most `most` unfinished; results come back in order.

    A context manager: leaving it waits for all of them.
    """

    def __init__(self, threads: int = 1, most: int = 4) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix='behind')
        self._most = most
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def call(self, function: Callable[..., T], *args: Any) -> list[T]:
        """Run `function(*args)` soon; return what earlier calls returned since the last time, or raise what they did.

        Waits while too many are unfinished.
        """
        self._waiting.append(self._pool.submit(function, *args))
        return self._done(self._most)

    def rest(self) -> list[Any]:
        """Wait for all calls, and return what the last of them returned."""
        return self._done(0)

    def _done(self, leave: int) -> list[Any]:
        results = []
        while self._waiting and (len(self._waiting) > leave or self._waiting[0].done()):
            results.append(self._waiting.popleft().result())
        return results
