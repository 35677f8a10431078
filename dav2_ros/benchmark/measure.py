# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure many ways in turns, each in a process of its own, all under the same noise of the machine."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from dav2_ros.benchmark.cases import AUTO, OUTSIDE, BenchmarkCase
from dav2_ros.benchmark.machine import available_mb
from dav2_ros.benchmark.timing import rounds_of
from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.selection.accuracy_gate import FLOOR, compare
from dav2_ros.engines.selection.reference import reference
from dav2_ros.models.checkpoints import Checkpoint

TURN_S = 0.3  # how long one turn of a fast way lasts; a slow one makes one call
CALLS = 20  # most calls of one turn
REST_S = 0.02  # after a turn: threads that spin for more work come to rest
Tell = Callable[[str], None]


@dataclass(frozen=True)
class BenchmarkRow:
    """What was found of one case. Times are of one call, which takes `case.batch` frames."""

    case: BenchmarkCase
    absent: str = ''  # why it was not measured: a sentence
    ms: tuple[float, ...] = ()
    error_p50: float | None = None  # relative to fp32
    error_p99: float | None = None
    peak_mb: float | None = None
    private_mb: float | None = None  # the same without mapped files: libraries, some weights
    cold_s: float | None = None  # start of the process to the first depth, where something had to be built
    warm_s: float | None = None  # the same when it was there
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name it in a table, with what auto has chosen."""
        chosen = self.facts if self.case.way == AUTO else {}
        return f'auto: {chosen["engine"]} {chosen["precision"]}' if chosen else self.case.title

    def percentile(self, q: float) -> float:
        """Return the milliseconds of one frame that q per cent of the calls stay under."""
        return float(np.percentile(self.ms, q)) / self.case.batch


class WorkerProcess:
    """The worker of one case."""

    def __init__(self, case: BenchmarkCase) -> None:
        self._errors = tempfile.TemporaryFile()
        command = [sys.executable, '-m', 'dav2_ros.benchmark.worker']
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True)
        assert self._process.stdin and self._process.stdout  # they are pipes
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self.case = case

    def ask(self, **request: object) -> dict:
        """Send a line and wait for the answer; what kills the worker is an answer too."""
        try:
            self._requests.write(json.dumps(request) + '\n')
            self._requests.flush()
            return json.loads(self._answers.readline())
        except (OSError, ValueError):
            status = self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().decode(errors='replace').strip().splitlines() or ['it says nothing'])[-1]
            return {'absent': f'Its process ended with status {status}: {last[:300]}'}

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let it end."""
        with contextlib.suppress(OSError):  # it has ended, and what it did not read is lost
            self._requests.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._answers.close()
        self._errors.close()


def measure(
    cases: Sequence[BenchmarkCase], checkpoint: Checkpoint, rounds: int, tell: Tell = lambda text: None
) -> list[BenchmarkRow]:
    """Open every case, compare its depth with fp32, then let all take turns, `rounds` times; rows in the same order.

    `tell` hears before every step what it is: there are len(cases) + rounds of them.
    """
    rows: list[BenchmarkRow] = []
    opened: dict[int, WorkerProcess] = {}
    try:
        for i, case in enumerate(cases):
            tell(f'{case.title} at {case.size}')
            row, process = _open(case, 1.5 * max((row.peak_mb or 0 for row in rows), default=0))
            if process:
                opened[i] = process
                row = _with_error(row, process, checkpoint)
            rows.append(row)
        times = _take_turns(opened, rounds, tell)
        for i, process in opened.items():
            answer = process.ask(memory=True)
            rows[i] = replace(rows[i], ms=() if 'absent' in answer else tuple(times[i]), **answer)
        return rows
    finally:
        for process in opened.values():
            process.close()


def _open(case: BenchmarkCase, needs_mb: float) -> tuple[BenchmarkRow, WorkerProcess | None]:
    """Start a case; where that built something, which takes longer and more memory, start it again."""
    if (free_mb := available_mb()) < needs_mb:
        return BenchmarkRow(
            case, absent=f'Only {free_mb:.0f} MB of memory are free: measure fewer at a time (--engine).'
        ), None
    cold_s = None
    for _ in range(3):
        before, started = _kept(), time.perf_counter()
        process = WorkerProcess(case)
        answer = process.ask(case=asdict(case))
        took_s = time.perf_counter() - started
        if 'ready' not in answer:
            break
        if _kept() == before:
            row = BenchmarkRow(case, cold_s=cold_s, warm_s=took_s, facts=answer['ready'])
            return replace(row, **process.ask(memory=True)), process
        process.close()
        cold_s = cold_s or took_s
    process.close()
    return BenchmarkRow(case, absent=answer.get('absent', 'It builds something anew at every start.')), None


def _kept() -> set[str]:
    return {path.name for path in cache.home().glob('[!.]*')}


def _with_error(row: BenchmarkRow, process: WorkerProcess, checkpoint: Checkpoint) -> BenchmarkRow:
    if row.case.way == OUTSIDE:
        return row
    plan, info = row.case.plan, checkpoint.info
    try:
        true = np.stack([plan.undo(depth) for depth in reference(checkpoint, plan)])
    except EngineError:
        return row
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'depths.npy'
        process.ask(depths=str(path))
        found = np.load(path) if path.exists() else np.full_like(true, np.nan)
    if np.isnan(found).any():
        return replace(row, error_p50=math.nan, error_p99=math.nan)
    measured = compare(found, true, info.max_depth_m, FLOOR[info.kind])
    return replace(row, error_p50=measured.p50, error_p99=measured.p99)


def _take_turns(opened: dict[int, WorkerProcess], rounds: int, tell: Tell) -> dict[int, list[float]]:
    """Return the milliseconds of every call; a turn's first of many is not counted."""
    calls = {i: 1 for i in opened}
    times: dict[int, list[float]] = {i: [] for i in opened}
    for turn, order in enumerate(rounds_of(opened, rounds + 1)):
        tell('warming up' if not turn else f'round {turn} of {rounds}')
        for i in order:
            ms = opened[i].ask(calls=calls[i] if turn else 2).get('ms', [])
            if ms and not turn:
                calls[i] = min(CALLS, math.ceil(1e3 * TURN_S / ms[-1]))
            elif ms:  # else it has died, and its row will say so
                times[i] += ms[1:] if len(ms) > 2 else ms
            time.sleep(REST_S)
    return times
