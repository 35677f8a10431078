# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prove an engine: none is used before it agrees with PyTorch in fp32, on this machine, at its own shape.

Whatever the version says: several releases of TensorRT give wrong depth for this kind of network, in fp32 too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dav2_ros.engines.engine import Engine, objection_to
from dav2_ros.engines.selection.reference import gate_pictures, reference
from dav2_ros.engines.selection.verdict import AccuracyVerdict, facts_of
from dav2_ros.errors import is_ours, message_of
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.info import SATURATED

# Which picture goes in, run by run: other ones between two runs of the same, so that a buffer of the run before shows.
FULL = (0, 1, 2, 0, 1, 0, 2, 0, 1, 0)  # five runs of the first
BRIEF = FULL[:4]  # for what passed before
SLOWER = 1.5  # times the fastest engine so far: its speed is known well enough after the brief runs


@dataclass(frozen=True)
class Tolerance:
    """Largest error relative to fp32: of half of the pixels, and of all but one in a hundred."""

    p50: float
    p99: float


# fp32: sums in another order give 1e-6 to 1e-5, TF32 in convolutions some 1e-4. bf16 and fp16: what the fifth decimal
# of AbsRel does not see. int8: 3 % on top of an AbsRel of 0.1 makes 0.1044 if the errors are independent.
TOLERANCES = {
    'fp32': Tolerance(1e-3, 1e-2),
    'bf16': Tolerance(0.01, 0.05),
    'fp16': Tolerance(0.01, 0.05),
    'int8': Tolerance(0.03, 0.15),
}
# Largest difference between two runs of one picture, relative to its largest depth: a CPU gives the same bits; a GPU
# may sum in the order in which its threads finish.
REPEAT = {'cpu': 0.0, 'gpu': 1e-3, 'cuda': 1e-3}
# Errors are relative to the depth, but to no less than this share of the largest one: metric, relative (which is
# inverse depth, and 0 in the sky).
FLOOR = {'metric': 1e-3, 'relative': 0.05}


def prove(
    engine: Engine, checkpoint: Checkpoint, order: Sequence[int] = FULL, fastest_ms: float = float('inf')
) -> AccuracyVerdict:
    """Compare an entered engine with fp32 and return the verdict; it never raises for what the engine does.

    `order` says which picture each run begins with. An engine much slower than `fastest_ms` gets the brief runs only.
    Raises EngineError if there is no reference.
    """
    spec, info = engine.spec, checkpoint.info
    true = reference(checkpoint, spec.plan)
    if spec.output == 'camera':
        true = np.stack([spec.plan.undo(depth) for depth in true])
    try:
        runs, times_ms = _run(engine, order, fastest_ms)
    except Exception as error:
        return broken(engine, checkpoint, error)
    first = {k: depths for k, depths in reversed(runs)}  # the first run that begins with each picture
    found = np.concatenate([first[k] for k in sorted(first)])
    true = np.concatenate([true[_batch(k, spec.batch, len(true))] for k in sorted(first)])
    wrong = next(filter(None, (objection_to(depths, spec, spec.batch, info.kind) for _, depths in runs)), '')
    timed = AccuracyVerdict(
        passed=False,
        reason=wrong,
        median_ms=float(np.median(times_ms)) / spec.batch,
        best_ms=min(times_ms) / spec.batch,
        runs=len(runs),
        **facts_of(engine, checkpoint),
    )
    if wrong:
        return timed
    measured = compare(found, true, info.max_depth_m, FLOOR[info.kind])
    spread = max(_relative_change(first[k], depths) for k, depths in runs)
    reason = _objection(engine, spread, measured)
    return replace(
        timed,
        passed=not reason,
        reason=reason or f'error p50 {_percent(measured.p50)}, p99 {_percent(measured.p99)}',
        error_p50=measured.p50,
        error_p99=measured.p99,
        finite=True,
        deterministic=spread <= _repeat(engine),
        monotone=measured.monotone(TOLERANCES[engine.precision].p50),
    )


def broken(engine: Engine, checkpoint: Checkpoint, error: Exception) -> AccuracyVerdict:
    """Return the verdict on an engine that raised."""
    message = message_of(error).rstrip('.')
    reason = message if is_ours(error) and message else f'raises {type(error).__name__}: {message}'.rstrip(': ')
    return AccuracyVerdict(passed=False, reason=reason, **facts_of(engine, checkpoint))


@dataclass(frozen=True)
class Comparison:
    """Errors relative to the reference, and the mean depth of both over each tenth of the reference's depths."""

    p50: float
    p99: float
    tenths: tuple[tuple[float, float], ...]  # (reference, engine), rising in the first

    def monotone(self, slack: float) -> bool:
        """Return whether the engine's depth rises wherever the reference's rises by more than `slack`."""
        steps = zip(self.tenths, self.tenths[1:])
        return all(b > a for (true_a, a), (true_b, b) in steps if true_b > (1 + 2 * slack) * true_a)


def compare(found: np.ndarray, true: np.ndarray, max_depth_m: float | None, floor: float) -> Comparison:
    """Compare depth with its reference, wherever not both say that it is too far to tell."""
    limit = SATURATED * max_depth_m if max_depth_m else float('inf')
    found, true = np.minimum(found, limit).ravel(), np.minimum(true, limit).ravel()
    told = np.flatnonzero((found < limit) | (true < limit))
    if not told.size:
        return Comparison(0.0, 0.0, ())
    found, true = found[told], true[told]
    error = np.abs(found - true) / np.maximum(true, floor * (max_depth_m or true.max() or 1.0))
    p50, p99 = (float(value) for value in np.percentile(error, (50, 99)))
    tenths = np.array_split(np.argsort(true), 10)
    means = tuple((float(true[tenth].mean()), float(found[tenth].mean())) for tenth in tenths if tenth.size)
    return Comparison(p50, p99, means)


def _run(engine: Engine, order: Sequence[int], fastest_ms: float) -> tuple[list[tuple[int, np.ndarray]], list[float]]:
    """Return (first picture's number, copy of the depths) of each run, and how long each took."""
    spec = engine.spec
    pictures = gate_pictures(spec.plan.height, spec.plan.width)
    runs, times_ms = [], []
    for k in order:
        batch = pictures[_batch(k, spec.batch, len(pictures))]
        started = time.perf_counter()
        depths = engine.infer(batch)
        times_ms.append(1e3 * (time.perf_counter() - started))
        if depths.shape != (spec.batch, *spec.out_shape) or depths.dtype != np.float32:
            raise TypeError(f'{depths.dtype} {depths.shape} came out, not float32 {(spec.batch, *spec.out_shape)}')
        runs.append((k, depths.copy()))
        if len(runs) == len(BRIEF) and min(times_ms) > SLOWER * spec.batch * fastest_ms:
            break
    return runs, times_ms


def _batch(k: int, size: int, count: int) -> list[int]:
    """Return the numbers of the pictures of a run that begins with `k`."""
    return [(k + i) % count for i in range(size)]


def _relative_change(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / max(float(one.max()), 1e-9))


def _objection(engine: Engine, spread: float, measured: Comparison) -> str:
    """Return why the engine does not pass; '' if it does."""
    allowed = TOLERANCES[engine.precision]
    if measured.p50 > allowed.p50 or measured.p99 > allowed.p99:
        return (
            f'differs from fp32 by p50 {_percent(measured.p50)} and p99 {_percent(measured.p99)}, '
            f'allowed are {_percent(allowed.p50)} and {_percent(allowed.p99)}'
        )
    if not measured.monotone(allowed.p50):
        return 'does not rise where the depth of fp32 rises'
    if spread > _repeat(engine):
        return f'gives another depth each time for the same picture (by up to {_percent(spread)})'
    return ''


def _repeat(engine: Engine) -> float:
    return REPEAT[engine.device.partition(':')[0]]


def _percent(share: float) -> str:
    return f'{100 * share:.2g} %'
