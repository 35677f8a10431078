# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compare the speed of two open engines in turns, so that both meet whatever else the machine does.

Timed one after the other while other processes came and went, OpenVINO took 54 ms once and 150 ms a minute later, and
what starts a robot's engines starts everything else, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

from dav2_ros.engines.engine import Engine
from dav2_ros.engines.selection.reference import gate_pictures
from dav2_ros.engines.selection.verdict import AccuracyVerdict

TURNS = 6
PATIENCE_S = 3.0  # then it is decided by the turns there were
HOPELESS = 4.0  # times the other's time in the gate: no comparison


def compare_speed(one: Engine, other: Engine) -> tuple[float, float]:
    """Return the least time that each took for a picture, in ms; infinite for one that raises, which then has lost."""
    spec = one.spec
    pictures = gate_pictures(spec.plan.height, spec.plan.width)[:1].repeat(spec.batch, axis=0)
    turns_ms: tuple[list[float], list[float]] = ([], [])
    end_s = time.monotonic() + PATIENCE_S
    while len(turns_ms[0]) < TURNS and (len(turns_ms[0]) < 2 or time.monotonic() < end_s):
        for engine, times_ms in zip((one, other), turns_ms):
            started = time.perf_counter()
            try:
                engine.infer(pictures)
            except Exception:  # it passed the gate, and now this
                return (math.inf, 0.0) if engine is one else (0.0, math.inf)
            times_ms.append(1e3 * (time.perf_counter() - started) / spec.batch)
    return min(turns_ms[0]), min(turns_ms[1])


class FastestEngine:
    """The fastest proved engine so far, the only one that is open, and how far behind it the others came in."""

    def __init__(self) -> None:
        self.verdict: AccuracyVerdict | None = None
        self.engine: Engine | None = None
        self._behind: list[tuple[float, AccuracyVerdict, Engine]] = []  # time as a multiple of the champion's

    @property
    def best_ms(self) -> float:
        """Least time of a picture in the gate; infinite while there is none."""
        return self.verdict.rank_ms if self.verdict else math.inf

    def challenge(self, verdict: AccuracyVerdict, engine: Engine) -> None:
        """Let a proved, open engine take its place if it is faster; the slower one is closed."""
        champion_ms, challenger_ms = self.best_ms, verdict.rank_ms
        if challenger_ms < HOPELESS * champion_ms and self.engine:
            champion_ms, challenger_ms = compare_speed(self.engine, engine)
        if champion_ms <= challenger_ms:
            self._behind.append((_ratio(challenger_ms, champion_ms), verdict, engine))
            engine.__exit__(None, None, None)
            return
        if self.engine and self.verdict:
            self._behind.append((1.0, self.verdict, self.engine))
            share = _ratio(champion_ms, challenger_ms)
            self._behind = [(share * pace, slower, behind) for pace, slower, behind in self._behind]
            self.close()
        self.verdict, self.engine = verdict, engine

    def standings(self) -> Iterator[tuple[AccuracyVerdict, Engine]]:
        """Return those that lost, each with the time it would have taken when the champion was proved."""
        for pace, verdict, engine in self._behind:
            yield replace(verdict, best_ms=pace * self.best_ms), engine

    def close(self) -> None:
        """Close the engine, if there is one."""
        engine, self.engine, self.verdict = self.engine, None, None
        if engine:
            engine.__exit__(None, None, None)


def _ratio(slower_ms: float, faster_ms: float) -> float:
    return min(slower_ms / max(faster_ms, 1e-6), 1e3)
