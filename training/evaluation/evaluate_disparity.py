# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate models by disparity of unknown scale and shift: sets without metres, and pseudo labels.

Relative and metric models alike: metres are inverted, then factor and offset are fitted to the truth in each picture.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.depth.colour import palette
from dav2_ros.evaluation.alignment import inverted
from dav2_ros.evaluation.charts import paint_error
from dav2_ros.evaluation.disparity import DisparityMetrics, compare_disparity
from dav2_ros.evaluation.page import Figure, PictureRow, Report, ReportTable
from dav2_ros.evaluation.report import ReportFiles
from dav2_ros.evaluation.tables import number
from dav2_training.data.sample import DataError, DepthSet, Sample
from dav2_training.evaluation.predictors import Predictor, open_predictor
from dav2_training.evaluation.scoring import read_ahead
from dav2_training.evaluation.tables import show

RULE = (
    'Disparity: prediction fitted to the truth in each picture by factor and offset, least squares in disparity, not '
    "clipped. Errors are shares of the truth's range in the picture; SSIM in Gaussian windows of 11 pixels without an "
    'unknown one (Wang et al. 2004). Mean over pictures.'
)
NUMBERS = ('ssim', 'mae', 'rmse', 'pixels')
WIDTH = 480  # pixels of a panel


@dataclass(frozen=True, eq=False)
class DisparityResult:
    """One model on every picture."""

    model: str
    kind: str
    facts: Mapping[str, str]
    pictures: tuple[tuple[str, tuple[float, ...]], ...]  # name, NUMBERS
    worst: tuple[PictureRow, ...]

    @property
    def means(self) -> dict[str, float]:
        """NUMBERS over pictures; SSIM over those that have one."""
        found = np.array([numbers for _, numbers in self.pictures])
        means = [float(np.nanmean(column)) if np.isfinite(column).any() else float('nan') for column in found.T[:3]]
        return dict(zip(NUMBERS, (*means, int(found[:, 3].sum()))))


def evaluate_model(
    predict: Predictor, samples: DepthSet, indices: Sequence[int], threads: int, worst: int
) -> DisparityResult:
    """Judge every picture with truth; keep the `worst` by MAE to look at. Raises DataError where none has any."""
    from rich.progress import track

    pictures, kept = [], []
    reading = read_ahead(samples, indices, threads)
    for k, sample in enumerate(track(reading, total=len(indices), description=f'evaluate {predict.name}')):
        prediction = predict(sample.rgb, sample.camera)
        disparity = prediction if predict.kind == 'relative' else inverted(prediction)
        if (found := compare_disparity(disparity, sample.inverse_depth())) is None:
            continue
        pictures.append((sample.name, tuple(float(getattr(found, name)) for name in NUMBERS)))
        if len(kept) < worst:
            heapq.heappush(kept, (found.mae, k, draw_panels(predict.name, sample, found)))
        elif kept and found.mae > kept[0][0]:
            heapq.heapreplace(kept, (found.mae, k, draw_panels(predict.name, sample, found)))
    if not pictures:
        raise DataError('There is no disparity to compare with: choose another --data or --split.')
    frames = tuple(pictures for _, _, pictures in sorted(kept, key=lambda each: -each[0]))
    return DisparityResult(predict.name, predict.kind, predict.facts, tuple(pictures), frames)


def draw_panels(model: str, sample: Sample, metrics: DisparityMetrics) -> PictureRow:
    """Draw picture, truth, fitted prediction and their difference, all small."""
    true = sample.inverse_depth()
    known = np.isfinite(metrics.difference)
    low, high = (float(f(true[known])) for f in (np.min, np.max))
    size = (WIDTH, max(1, round(WIDTH * sample.rgb.shape[0] / sample.rgb.shape[1])))

    def shrink(values: np.ndarray) -> np.ndarray:
        return cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_NEAREST_EXACT)

    share = shrink(np.where(known, (true - low) / (high - low), np.nan))
    difference = shrink(metrics.difference)
    panels = (
        ('picture', cv2.resize(sample.rgb, size, interpolation=cv2.INTER_AREA)),
        ('truth (red is near)', colour_disparity(share)),
        ('prediction, fitted', colour_disparity(share + difference)),
        ('difference', paint_error(-difference)),
    )
    return PictureRow(f'{model}, {sample.name}: SSIM {metrics.ssim:.3f}, MAE {metrics.mae:.3f}', panels)


def colour_disparity(share: np.ndarray) -> np.ndarray:
    """Paint 0 (far) to 1 (near) as RGB; black unknown."""
    levels = np.rint(254 - 253 * np.clip(np.nan_to_num(share), 0, 1)).astype(np.uint8)
    return palette()[np.where(np.isnan(share), 0, levels)]


def table(results: Sequence[DisparityResult]) -> ReportTable:
    """Return one row for each model."""
    rows = tuple(
        (r.model, str(len(r.pictures)), *(number(m[name]) for name in NUMBERS[:3]))
        for r, m in ((r, r.means) for r in results)
    )
    return ReportTable(
        'Disparity', ('model', 'pictures', 'SSIM', 'MAE', 'RMSE'), rows, 'SSIM: 1 is equal. Errors: of range.'
    )


def run(
    models: Sequence[str],
    title: str,
    samples: DepthSet,
    indices: Sequence[int],
    threads: int,
    options: tuple[tuple[str, str], ...],
    worst: int,
    engine: Mapping[str, object],
    files: ReportFiles,
) -> None:
    """Judge models, print the table, write what was asked for."""
    results = []
    for model in models:
        with open_predictor(model, **engine) as predict:
            results.append(evaluate_model(predict, samples, indices, threads, worst))
    show(title, [table(results)], [RULE])
    found = [{'model': r.model, 'kind': r.kind, **r.facts, 'pictures': len(r.pictures), **r.means} for r in results]
    data = {'format': 1, 'data': title, 'protocol': [RULE], 'options': dict(options), 'results': found}
    rows = ((r.model, name, *numbers) for r in results for name, numbers in r.pictures)
    best = max(results, key=lambda result: result.means['ssim'])
    page = Report(
        f'Disparity on {title}',
        ', '.join(r.model for r in results),
        (Figure('SSIM', number(best.means['ssim'], 3), best.model), Figure('MAE', number(best.means['mae']))),
        (table(results),),
        frames=tuple(frame for r in results for frame in r.worst),
        frames_title='Worst pictures. Difference: blue too near, red too far, full colour at half the range',
        protocol=(RULE,),
        options=options,
        data=data,
    )
    files.write(page, ('model', 'picture', *NUMBERS), rows)
