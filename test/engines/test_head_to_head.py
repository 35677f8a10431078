# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The faster of two engines wins, whatever the machine did when each was proved; the other one is closed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from dav2_ros.engines.engine import EngineSpec
from dav2_ros.engines.selection.head_to_head import TURNS, FastestEngine, compare_speed
from dav2_ros.engines.selection.verdict import AccuracyVerdict
from dav2_ros.image.resize import ResizePlan

SPEC = EngineSpec(ResizePlan(30, 40, 28, 42), 'cpu', 'fp32')
PASSED = AccuracyVerdict(
    True, 'fine', 'torch', 'fp32', 'cpu', 'a CPU', 'random', (30, 40), (28, 42), 'camera', 1, best_ms=10.0
)


class Sleeper:
    """An engine that takes its time, and gives the mean brightness as depth."""

    def __init__(self, takes_ms: float, log: list | None = None, fails: bool = False) -> None:
        self.takes_ms, self.log, self.fails, self.spec, self.is_open = takes_ms, log, fails, SPEC, True

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        if self.fails:
            raise RuntimeError('it worked a minute ago')
        if self.log is not None:
            self.log.append(self)
        time.sleep(1e-3 * self.takes_ms)
        return pictures.mean(-1, dtype=np.float32)

    def __exit__(self, *exc: object) -> None:
        self.is_open = False


def proved_in(best_ms: float) -> AccuracyVerdict:
    return replace(PASSED, best_ms=best_ms)


def test_they_take_turns():
    log = []
    one, other = Sleeper(1, log), Sleeper(2, log)
    one_ms, other_ms = compare_speed(one, other)
    assert log == [one, other] * TURNS
    assert 1 <= one_ms < other_ms


def test_slow_ones_are_not_raced_for_long(monkeypatch):
    monkeypatch.setattr('dav2_ros.engines.selection.head_to_head.PATIENCE_S', 0.05)
    log = []
    compare_speed(Sleeper(30, log), Sleeper(30, log))
    assert len(log) == 4  # twice each, at least


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_the_faster_one_wins_though_the_gate_saw_it_on_a_busy_machine(order):
    entries = [(proved_in(25.0), Sleeper(2)), (proved_in(10.0), Sleeper(8))]  # the first is faster, and seemed slower
    champion = FastestEngine()
    for k in order:
        champion.challenge(*entries[k])
    assert champion.engine is entries[0][1] and champion.engine.is_open
    assert not entries[1][1].is_open
    ((behind, _),) = champion.standings()
    assert behind.best_ms > 1.5 * champion.best_ms  # the next start, which looks at this alone, chooses the same


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_the_standings_are_the_order_of_speed_whoever_raced_whom(order):
    entries = [(proved_in(gate_ms), Sleeper(takes_ms)) for gate_ms, takes_ms in ((20.0, 2), (12.0, 6), (9.0, 18))]
    champion = FastestEngine()
    for k in order:
        champion.challenge(*entries[k])
    assert champion.engine is entries[0][1]
    times_ms = {champion.engine.takes_ms: champion.best_ms}
    times_ms |= {engine.takes_ms: verdict.best_ms for verdict, engine in champion.standings()}
    assert sorted(times_ms, key=times_ms.get) == [2, 6, 18]
    assert sum(engine.is_open for _, engine in entries) == 1


def test_one_far_behind_does_not_race():
    log = []
    champion = FastestEngine()
    champion.challenge(proved_in(1.0), Sleeper(1, log))
    champion.challenge(proved_in(100.0), Sleeper(100, log))
    assert log == []


@pytest.mark.parametrize('fails', [(True, False), (False, True)])
def test_one_that_raises_has_lost(fails):
    champion = FastestEngine()
    engines = [Sleeper(1, fails=each) for each in fails]
    for engine in engines:
        champion.challenge(proved_in(10.0), engine)
    assert champion.engine is engines[fails.index(False)]
    assert engines[fails.index(True)].is_open is False


def test_closing_leaves_none():
    champion = FastestEngine()
    engine = Sleeper(1)
    champion.challenge(proved_in(10.0), engine)
    champion.close()
    champion.close()
    assert not engine.is_open and champion.engine is None
