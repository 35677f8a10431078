# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep measurements until the picture of their moment comes."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar


class Stamped(Protocol):
    """Anything of one moment."""

    @property
    def stamp_ns(self) -> int: ...


T = TypeVar('T', bound=Stamped)


class MeasurementBuffer(Generic[T]):
    """The latest measurements, or messages that will become some. One thread adds, another takes.

    Each is used at most once: twice would count one measurement as two.

    Args:
        tolerance_s: how far apart the stamps of a picture and of its measurement may be.
        depth: how many are kept: at 10 Hz more than a picture waits.
    """

    def __init__(self, tolerance_s: float, depth: int = 16) -> None:
        self._tolerance_ns = int(1e9 * tolerance_s)
        self._pieces: deque[T] = deque(maxlen=depth)
        self._lock = threading.Lock()
        self._used_ns: int | None = None
        self.received = 0

    def add(self, piece: T) -> None:
        """Keep a piece; the oldest makes room. Stamps that go back (a recording in a loop) start anew."""
        with self._lock:
            if self._pieces and piece.stamp_ns < self._pieces[-1].stamp_ns:
                self._pieces.clear()
                self._used_ns = None
            self._pieces.append(piece)
            self.received += 1

    def take(self, stamp_ns: int) -> tuple[T | None, str]:
        """Return the piece nearest in time that was not used yet, or None and why there is none."""
        with self._lock:
            if not self._pieces:
                return None, 'nothing has arrived'
            nearest = min(self._pieces, key=lambda piece: abs(piece.stamp_ns - stamp_ns))
            apart_s = 1e-9 * abs(nearest.stamp_ns - stamp_ns)
            if abs(nearest.stamp_ns - stamp_ns) > self._tolerance_ns:
                return None, f'the nearest in time is {apart_s:.2f} s from the picture'
            if nearest.stamp_ns == self._used_ns:
                return None, 'nothing new since the last picture'
            self._used_ns = nearest.stamp_ns
            return nearest, ''
