# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Report an evaluation: as tables to print, as JSON, as CSV and as a page with pictures."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from dav2_ros.evaluation.page import Curve, Figure, FramePictures, Plot, Report, ReportTable
from dav2_ros.evaluation.ranges import RangeTable
from dav2_ros.evaluation.tables import number, percent
from dav2_training.evaluation.scoring import DatasetScore, EvaluatedPicture, PictureRecord, by_group

FORMAT = 1  # of the JSON
MAX_WIDTH_PX = 1024  # of a picture that is kept for the page; panels are smaller
HEADER = ('pictures', 'AbsRel', 'δ1', 'RMSE m', 'SILog', 'coverage', 'sky\nfound', 'SSIM', 'boundary\nF1')
NOTE = (
    'Errors: smaller is better; δ1 is the share of pixels within 25 %. Coverage: of the truth, what got a distance. '
    'SSIM is of disparity, fitted by factor and offset; boundary F1 after Depth Pro. A dash: nothing to compare.'
)
CSV_HEADER = ('model', 'aligned', 'picture', 'groups', 'abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'log10', 'silog', 'd1',
              'd2', 'd3', 'pixels', 'coverage', 'sky_found', 'scale', 'shift', 'ssim', 'boundary_f1',
              'predict_ms')  # fmt: skip


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """One model under one alignment, on every picture."""

    model: str
    kind: str
    how: str
    records: tuple[PictureRecord, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the row."""
        return self.model if self.how == 'none' else f'{self.model}, {self.how}'


@dataclass(frozen=True)
class EvaluationSetup:
    """What is evaluated, and how."""

    data: str  # in words
    protocol: tuple[str, ...]  # sentences
    options: tuple[tuple[str, str], ...]


class WorstPictures:
    """The pictures with the largest AbsRel, up to a limit, reduced in size."""

    def __init__(self, limit: int) -> None:
        self._limit, self._kept, self._order = limit, [], 0

    def add(self, evaluated: EvaluatedPicture, model: str) -> None:
        """Keep a picture if it is one of the worst by its first alignment."""
        if not evaluated.records or not self._limit:
            return
        record, judged = evaluated.records[0], evaluated.judged[0]
        if len(self._kept) == self._limit and record.metrics.abs_rel <= self._kept[0][0]:
            return
        step = max(1, evaluated.sample.rgb.shape[1] // MAX_WIDTH_PX)
        caption = f'{model}, {record.picture}: AbsRel {record.metrics.abs_rel:.3f}, δ1 {record.metrics.d1:.3f}'
        pictures = FramePictures(
            caption,
            evaluated.sample.rgb[::step, ::step].copy(),
            evaluated.sample.z_m[::step, ::step].astype(np.float32),
            judged.aligned.z_m[::step, ::step].astype(np.float32),
        )
        self._order += 1
        push = heapq.heappush if len(self._kept) < self._limit else heapq.heapreplace
        push(self._kept, (record.metrics.abs_rel, self._order, pictures))

    def frames(self) -> tuple[FramePictures, ...]:
        """Return them, the worst first."""
        return tuple(pictures for _, _, pictures in sorted(self._kept, key=lambda kept: -kept[0]))


def row(score: DatasetScore) -> tuple[str, ...]:
    """Write the numbers under HEADER."""
    m = score.metrics
    return (
        str(score.frames), *(number(v) for v in (m.abs_rel, m.d1)), number(m.rmse, 3), number(m.silog),
        percent(score.coverage, 2), percent(score.sky_found), number(score.ssim, 3), number(score.boundary_f1, 3),
    )  # fmt: skip


def tables(results: Sequence[EvaluationResult]) -> tuple[ReportTable, ...]:
    """Return all models in one table, then each with its groups and its ranges."""
    scores = {result.title: by_group(result.records) for result in results}
    found = [
        ReportTable('All pictures', ('model', *HEADER), tuple((t, *row(s['all'])) for t, s in scores.items()), NOTE)
    ]
    for title, groups in scores.items():
        if len(groups) > 1:
            found.append(
                ReportTable(title, ('pictures of', *HEADER), tuple((name, *row(s)) for name, s in groups.items()))
            )
    return (*found, *(by_distance(title, groups['all'].ranges) for title, groups in scores.items()))


def by_distance(title: str, ranges: RangeTable) -> ReportTable:
    """Return the table of error by true distance, over pixels."""
    rows = tuple(
        (f'{r.low_m:g} to {r.high_m:g}', f'{r.pixels:,}', number(r.abs_rel), f'{100 * r.bias:+.1f} %',
         number(r.rmse, 3), number(r.log10), number(r.d1))
        for r in ranges.filled()
    )  # fmt: skip
    header = ('metres', 'pixels', 'AbsRel', 'bias', 'RMSE m', 'log10', 'δ1')
    return ReportTable(f'{title}: by true distance', header, rows, 'Over pixels. Bias: negative is seen too near.')


def plots(results: Sequence[EvaluationResult]) -> tuple[Plot, ...]:
    """Return error and bias by distance, and how the pictures are spread."""
    errors, biases, spread = [], [], []
    for result in results:
        rows = by_group(result.records, 0)['all'].ranges.filled()
        middle = np.array([math.sqrt(r.low_m * r.high_m) if r.low_m else 0.5 * r.high_m for r in rows])
        errors.append(Curve(result.title, middle, np.array([r.abs_rel for r in rows])))
        biases.append(Curve(result.title, middle, np.array([r.bias for r in rows])))
        each = np.sort([r.metrics.abs_rel for r in result.records])
        spread.append(Curve(result.title, each, np.arange(1, len(each) + 1) / len(each)))
    return (
        Plot('Error by distance', 'true distance (m)', 'AbsRel', tuple(errors), True, True, True, markers=True),
        Plot('Bias by distance', 'true distance (m)', 'mean of (predicted - true) / true', tuple(biases), True, True,
             level=0.0, markers=True),
        Plot('Pictures by error', 'AbsRel of a picture', 'share of the pictures with less', tuple(spread),
             percent=True, from_zero=True),
    )  # fmt: skip


def page(setup: EvaluationSetup, results: Sequence[EvaluationResult], frames: tuple[FramePictures, ...]) -> Report:
    """Return the report."""
    names = list(dict.fromkeys(result.model for result in results))
    best = min(results, key=lambda result: by_group(result.records, 0)['all'].metrics.abs_rel)
    score = by_group(best.records, 0)['all']
    truth = [frame.true_m[np.isfinite(frame.true_m) & (frame.true_m > 0)] for frame in frames]
    known = np.concatenate(truth) if truth else np.empty(0)
    near, far = np.percentile(known, (1, 99)) if known.size else (0.5, 40.0)
    return Report(
        title=f'Depth on {setup.data}',
        summary=f'{", ".join(names)}; {score.frames} pictures.',
        figures=(
            Figure('AbsRel', number(score.metrics.abs_rel), best.title if len(results) > 1 else ''),
            Figure('δ1', number(score.metrics.d1)),
            Figure('RMSE', f'{score.metrics.rmse:.2f} m'),
            Figure('Coverage', percent(score.coverage)),
        ),
        tables=tables(results),
        plots=plots(results),
        frames=frames,
        protocol=setup.protocol,
        options=setup.options,
        range_m=(float(max(near, 0.05)), float(max(far, 1.5 * near, 0.1))),
        data=as_data(setup, results),
    )


def as_data(setup: EvaluationSetup, results: Sequence[EvaluationResult]) -> dict[str, object]:
    """Return everything but the single pictures, for JSON."""
    return {
        'format': FORMAT,
        'data': setup.data,
        'protocol': setup.protocol,
        'options': dict(setup.options),
        'results': [
            {'model': r.model, 'kind': r.kind, 'aligned': r.how, **times(r.records), **r.facts,
             'groups': {name: score_facts(s) for name, s in by_group(r.records).items()}}
            for r in results
        ],
    }  # fmt: skip


def score_facts(score: DatasetScore) -> dict[str, object]:
    """Return a score for JSON."""
    rest = ('frames', 'coverage', 'sky_found', 'ssim', 'boundary_f1')
    ranges = [asdict(r) for r in score.ranges.filled()]
    return {**asdict(score.metrics), **{name: getattr(score, name) for name in rest}, 'ranges': ranges}


def times(records: Sequence[PictureRecord]) -> dict[str, float]:
    """Return how long a picture takes, from RGB to depth of the same size."""
    low, high = np.percentile([r.predict_ms for r in records], (50, 95))
    return {'predict_ms_p50': float(low), 'predict_ms_p95': float(high)}


def csv_rows(results: Sequence[EvaluationResult]) -> Iterable[tuple[object, ...]]:
    """Yield a line for each picture under CSV_HEADER."""
    for result in results:
        for r in result.records:
            yield (result.model, result.how, r.picture, ' '.join(r.groups), *asdict(r.metrics).values(), r.coverage,
                   r.sky_found, r.scale, r.shift, r.ssim, r.boundary.f1 if r.boundary else math.nan,
                   r.predict_ms)  # fmt: skip
