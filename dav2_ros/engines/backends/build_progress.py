# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn a builder's phases and steps into sentences for a log; TensorRT calls it, nothing here needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

EVERY_S = 1.0  # a builder takes thousands of steps


@dataclass(frozen=True)
class BuildPhase:
    """One phase of a build: `done` of `steps`."""

    name: str
    steps: int
    done: int = 0


class BuildProgress:
    """Says how far a build is. Its three callbacks are those of trt.IProgressMonitor and come from several threads.

    Args:
        what: what is built, as the sentences name it.
        say: gets a sentence, at most one per EVERY_S. If it raises, the build is to stop; `stopped` is what it raised.
        clock: seconds.
    """

    def __init__(self, what: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._say, self._clock = what, say, clock
        self._lock = threading.Lock()
        self._phases: dict[str, BuildPhase] = {}  # those under way, outermost first
        self._said_s = -float('inf')
        self.stopped: Exception | None = None

    def phase_start(self, name: str, parent: str | None, steps: int) -> None:
        """Note that a phase begins, within `parent` or, without one, by itself."""
        with self._lock:
            self._phases[name] = BuildPhase(name, steps)
            self._tell()

    def step_complete(self, name: str, step: int) -> bool:
        """Note that step number `step` is done; False asks the builder to stop."""
        with self._lock:
            if name in self._phases:
                self._phases[name] = replace(self._phases[name], done=step + 1)
                self._tell()
            return self.stopped is None

    def phase_finish(self, name: str) -> None:
        """Note that a phase ends, be it early."""
        with self._lock:
            self._phases.pop(name, None)

    def _tell(self) -> None:
        now_s = self._clock()
        if self.stopped or now_s - self._said_s < EVERY_S:
            return
        self._said_s = now_s
        way = ', '.join(f'{each.name} {each.done} of {each.steps}' for each in self._phases.values())
        try:
            self._say(f'{self._what}: {way}.')
        except Exception as error:
            self.stopped = error
