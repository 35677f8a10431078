# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write an evaluation on a recording as a page, JSON, CSV and lines to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dav2_ros.bags.evaluation.evaluate import METRICS, Evaluation, VariantResult
from dav2_ros.evaluation.page import Curve, Figure, Plot, Report, ReportTable
from dav2_ros.evaluation.report import ReportFiles
from dav2_ros.evaluation.tables import number, percent

FORMAT = 1  # of the JSON
HEADER = ('frames', 'AbsRel', 'SqRel m', 'RMSE m', 'RMSE log', 'log10', 'SILog', 'δ1', 'δ2', 'δ3')
MORE = ('bias', 'coverage', 'scale spread', 'scale per min', 'flicker p95', 'engine ms', 'frame ms')
CSV_HEADER = ('model', 'engine', 'variant', 'stamp_ns', *METRICS, 'scale', 'coverage', 'engine_ms', 'total_ms')
VARIANTS = {
    'raw': 'raw: in the metres of the estimator, steadied as the parameters say.',
    'median': 'median: multiplied, frame by frame, by the median of truth over depth; what is left is shape.',
    'scaled': 'scaled: by the scale_source of the parameters, as the node would.',
}


@dataclass(frozen=True)
class EvaluationSettings:
    """What was to be found out."""

    bag: str
    truth: str
    max_depth_m: float
    options: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]  # damage of the recording, and what is not known of its camera


def title(each: VariantResult) -> str:
    """Name a row."""
    return f'{each.model}, {each.engine}, {each.variant}'


def tables(found: Sequence[Evaluation]) -> tuple[ReportTable, ...]:
    """Return all numbers side by side, then the error by range."""
    judged = [each for one in found for each in one.judged]
    rows: list[tuple[str, ...]] = []
    for each in judged:
        m = each.metrics
        values = (m.abs_rel, m.sq_rel, m.rmse, m.rmse_log, m.log10, m.silog, m.d1, m.d2, m.d3)
        rows.append((title(each), str(len(each.frames)), *map(number, values)))
    more = []
    for each in judged:
        n = each.numbers
        shares = ('bias', 'coverage', 'drift_spread', 'drift_per_minute', 'flicker_p95')
        times = (number(n['engine_ms'], 1), number(n['total_ms'], 1))
        more.append((title(each), *(percent(n[name]) for name in shares), *times))
    ranges = []
    for each in judged:
        for row in each.ranges.filled():
            reach = f'{row.low_m:g} to {row.high_m:g}'
            errors = (percent(row.bias), percent(row.abs_rel), number(row.rmse, 3), number(row.d1, 3))
            ranges.append((title(each), reach, str(row.pixels), *errors))
    return (
        ReportTable(
            'All frames', ('', *HEADER), tuple(rows), 'Means over frames. Errors: smaller is better; δ: larger.'
        ),
        ReportTable('Beside them', ('', *MORE), tuple(more),
              'Spread and trend of the scale that a frame needs; change of depth from frame to frame that is not the '
              "scene's; medians of times, decoding included in that of a frame."),
        ReportTable('By range', ('', 'm', 'pairs', 'bias', 'AbsRel', 'RMSE m', 'δ1'), tuple(ranges),
              'Bias is signed: negative is seen too near.'),
    )  # fmt: skip


def lines(found: Sequence[Evaluation]) -> list[str]:
    """Return a narrow table of what matters most."""
    rows = [('', 'frames', 'AbsRel', 'RMSE m', 'SILog', 'δ1', 'bias', 'coverage', 'engine ms')]
    for each in (each for one in found for each in one.judged):
        m, n = each.metrics, each.numbers
        errors = (number(m.abs_rel), number(m.rmse, 3), number(m.silog), number(m.d1))
        shares = (percent(n['bias']), percent(n['coverage']))
        rows.append((title(each), str(len(each.frames)), *errors, *shares, number(n['engine_ms'], 1)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def page(asked: EvaluationSettings, found: Sequence[Evaluation]) -> Report:
    """Lay out the page."""
    judged = [each for one in found for each in one.judged]
    best = min((each for each in judged if each.variant == 'raw'), key=lambda each: each.metrics.abs_rel)
    figures = (
        Figure('AbsRel', number(best.metrics.abs_rel, 3), title(best)),
        Figure('δ1', number(best.metrics.d1, 3), 'share within 25 %'),
        Figure('frames', str(len(best.frames)), f'{best.metrics.pixels} known distances'),
    )
    refused = tuple(f'{count} pictures were left out: {why}' for one in found for why, count in one.refused.items())
    shown = {each.variant: None for each in judged}
    protocol = (
        f'Compared with {asked.truth}, up to {asked.max_depth_m:g} m.',
        *(VARIANTS[name] for name in shown), *asked.notes, *refused,
    )  # fmt: skip
    return Report(
        title=f'Depth on {asked.bag}',
        summary=', '.join(dict.fromkeys(f'{each.model} on {each.engine}' for each in judged)),
        figures=figures,
        tables=tables(found),
        plots=tuple(_plots(judged)),
        frames=tuple(frame for one in found for frame in one.worst),
        protocol=protocol,
        options=asked.options,
        range_m=(0.3, min(asked.max_depth_m, 40.0)),
        data=as_data(asked, found),
    )


def _plots(judged: Sequence[VariantResult]) -> list[Plot]:
    by_range = []
    for each in judged:
        rows = each.ranges.filled()
        middles_m = np.array([0.5 * (row.low_m + row.high_m) for row in rows])
        by_range.append(Curve(title(each), middles_m, np.array([row.bias for row in rows])))
    raw = [each for each in judged if each.variant != 'median']
    start = min(each.frames[0].stamp_ns for each in judged)

    def over_time(values: str) -> tuple[Curve, ...]:
        return tuple(
            Curve(title(each), 1e-9 * np.array([row.stamp_ns - start for row in each.frames]),
                 np.array([row.scale if values == 'scale' else row.metrics.abs_rel for row in each.frames]))
            for each in (raw if values == 'scale' else judged)
        )  # fmt: skip

    return [
        Plot('Bias by range', 'true distance, m', 'bias', tuple(by_range), log_x=True, percent=True, level=0.0,
             markers=True),
        Plot('Error over time', 's', 'AbsRel', over_time('abs_rel'), percent=True, from_zero=True),
        Plot('The scale that each frame needs', 's', 'truth / depth', over_time('scale'), level=1.0),
    ]  # fmt: skip


def as_data(asked: EvaluationSettings, found: Sequence[Evaluation]) -> dict[str, object]:
    """Return everything but the frames, for machines."""
    return {
        'format': FORMAT,
        **asdict(asked),
        'results': [
            {'model': each.model, 'engine': each.engine, 'variant': each.variant, 'frames': len(each.frames),
             'numbers': each.numbers, 'ranges': [asdict(row) for row in each.ranges.filled()]}
            for one in found for each in one.judged
        ],
        'refused': [one.refused for one in found],
    }  # fmt: skip


def write(out: Path, asked: EvaluationSettings, found: Sequence[Evaluation]) -> None:
    """Write report.html, evaluation.json and frames.csv; each is whole or not there."""
    rows = (
        (each.model, each.engine, each.variant, row.stamp_ns, *(getattr(row.metrics, name) for name in METRICS),
         row.scale, row.coverage, row.engine_ms, row.total_ms)
        for one in found for each in one.judged for row in each.frames
    )  # fmt: skip
    files = ReportFiles(out / 'evaluation.json', out / 'frames.csv', out / 'report.html')
    files.write(page(asked, found), CSV_HEADER, rows)
