# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write what was measured, as a table for people and as JSON for machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dav2_ros.benchmark.cases import AGAINST, EAGER, ENGINE, OUTSIDE, BenchmarkCase
from dav2_ros.benchmark.measure import BenchmarkRow
from dav2_ros.benchmark.timing import median_and_p95
from dav2_ros.models.checkpoints import Checkpoint

FORMAT = 1  # of the JSON


@dataclass(frozen=True)
class BenchmarkReport:
    """Everything that one run of `dav2 bench` found."""

    model: str
    preset: str
    sha256: str
    is_random: bool  # weights that have learnt nothing: their errors are not those of a trained model
    frame: tuple[int, int]  # width, height
    machine: dict[str, object]
    environment: dict[str, str]  # of the measured processes
    rows: tuple[BenchmarkRow, ...]
    time: str  # ISO 8601, UTC


def report(
    checkpoint: Checkpoint,
    is_random: bool,
    frame: tuple[int, int],
    machine: dict[str, object],
    environment: dict[str, str],
    rows: Sequence[BenchmarkRow],
) -> BenchmarkReport:
    """Put together what belongs together, with the time."""
    info, now = checkpoint.info, datetime.now(timezone.utc).isoformat(timespec='seconds')
    return BenchmarkReport(
        info.name, info.preset, checkpoint.sha256, is_random, frame, machine, environment, tuple(rows), now
    )


def times_table(title: str, times_ms: Mapping[str, Sequence[float]]) -> Table:
    """Return what was timed as a table, a row for each name."""
    drawn = Table(title, 'p50 ms', 'p95 ms', 'min ms', 'runs')
    for name, times in times_ms.items():
        drawn.add_row(name, *(f'{ms:.2f}' for ms in (*median_and_p95(times), min(times))), str(len(times)))
    return drawn


def yardstick(rows: Sequence[BenchmarkRow], size: int) -> BenchmarkRow | None:
    """Return what the others of this size are compared with: the published code, else our fp32 in PyTorch."""
    measured = [row for row in rows if row.ms and row.case.size == size and row.case.batch == 1]
    ways = {row.case.way: row for row in measured}
    return ways.get(EAGER) or next((row for row in measured if is_our_fp32(row.case)), None)


def is_our_fp32(case: BenchmarkCase) -> bool:
    """Tell whether this is the engine that all are compared with."""
    return (case.way, case.engine, case.precision, case.device) == (ENGINE, 'torch', 'fp32', 'cpu')


def ratios(row: BenchmarkRow, rows: Sequence[BenchmarkRow]) -> dict[str, float]:
    """Return how many times faster a row is, by medians per frame, than each of the others and than our fp32."""
    if not row.ms or row.case.way == OUTSIDE:
        return {}
    at_size = [other for other in rows if other.ms and other.case.size == row.case.size and other.case.batch == 1]
    known = {other.case.way: other for other in at_size if other.case.way in AGAINST}
    ours = next((other for other in at_size if is_our_fp32(other.case)), None)
    known |= {'torch fp32': ours} if ours else {}
    return {name: other.percentile(50) / row.percentile(50) for name, other in known.items() if other is not row}


def table(found: BenchmarkReport, size: int) -> Table:
    """Draw the rows of one size."""
    rows = [row for row in found.rows if row.case.size == size]
    plan, measure = rows[0].case.plan, yardstick(found.rows, size)
    width, height = found.frame
    title = f'{found.model}, network {plan.net_width}x{plan.net_height}, frames {width}x{height}'
    drawn = Table(title=title, title_justify='left', box=SIMPLE_HEAD, show_edge=False, padding=0)
    drawn.add_column('', min_width=22)
    for name in ('median\nms', 'p95\nms', 'frames\n/s', 'times\nfaster', 'err %\np50', 'err %\np99', 'peak\nMB',
                 'start\ns', 'cold\ns'):  # fmt: skip
        drawn.add_column(name, justify='right', no_wrap=True)
    for row in rows:
        if row.absent:
            continue
        p50, p95 = row.percentile(50), row.percentile(95)
        is_network = row.case.way != OUTSIDE
        times = measure.percentile(50) / p50 if measure and is_network else None
        drawn.add_row(
            row.title, number(p50), number(p95), number(1e3 / p50) if is_network else '',
            _or_blank(times, '{:.2f}'), percent(row.error_p50), percent(row.error_p99),
            _or_blank(row.peak_mb, '{:.0f}'), _or_blank(row.warm_s, '{:.1f}'), _or_blank(row.cold_s, '{:.1f}'),
        )  # fmt: skip
    return drawn


def legend(found: BenchmarkReport, size: int) -> str:
    """Say what the columns of a table are."""
    measure = yardstick(found.rows, size)
    parts = ['Per frame, BGR bytes to metres.']
    parts += [f'Times faster than {measure.case.title}.'] if measure else []
    parts.append('Error: relative to fp32' + (', of random weights.' if found.is_random else '.'))
    parts.append(
        'Peak: most memory ever resident, libraries included. Start: process to first depth, and the first time.'
    )
    return ' '.join(parts)


def absent(found: BenchmarkReport) -> list[str]:
    """Say of every case that was not measured why, each reason once."""
    reasons: dict[str, list[str]] = {}
    for row in found.rows:
        if row.absent:
            reasons.setdefault(row.absent, []).append(f'{row.title} at {row.case.size}')
    return [f'{", ".join(titles)}: {reason}' for reason, titles in reasons.items()]


def to_json(found: BenchmarkReport) -> dict[str, object]:
    """Return the whole as JSON keeps it; null is what was not measured."""
    facts = {name: value for name, value in vars(found).items() if name != 'rows'}
    return {'format': FORMAT, **facts, 'rows': [_row_facts(row, found.rows) for row in found.rows]}


def _row_facts(row: BenchmarkRow, rows: Sequence[BenchmarkRow]) -> dict[str, object]:
    case, plan = row.case, row.case.plan
    keys = ('error_p50', 'error_p99', 'peak_mb', 'private_mb', 'cold_s', 'warm_s')
    times = {f'{name}_ms': _rounded(row.percentile(q)) for name, q in (('p50', 50), ('p95', 95), ('min', 0)) if row.ms}
    return {
        'title': row.title,
        'way': case.way,
        'engine': row.facts.get('engine') or case.engine or None,
        'precision': row.facts.get('precision') or case.precision or None,
        'device': row.facts.get('device') or case.device or None,
        'size': case.size,
        'network': [plan.net_width, plan.net_height],
        'batch': case.batch,
        'absent': row.absent or None,
        'calls': len(row.ms),
        **{'p50_ms': None, 'p95_ms': None, 'min_ms': None, **times},  # per frame
        'frames_per_s': _rounded(1e3 / row.percentile(50)) if row.ms else None,
        'times_faster_than': {name: _rounded(value) for name, value in ratios(row, rows).items()},
        **{key: _rounded(getattr(row, key)) for key in keys},
    }


def percent(share: float | None) -> str:
    """Write a share in per cent, in two digits; '' for what was not measured."""
    if share is None or math.isnan(share):
        return '' if share is None else 'NaN'
    return '0' if not share else '<0.001' if share < 1e-5 else f'{100 * share:.2g}'


def number(value: float) -> str:
    """Write milliseconds or a rate in three digits."""
    return f'{value:.0f}' if value >= 100 else f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def _or_blank(value: float | None, form: str) -> str:
    return '' if value is None else form.format(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f'{value:.4g}')
