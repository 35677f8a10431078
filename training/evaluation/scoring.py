# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Score a model picture by picture: a record for each picture and alignment, and their means.

A record is what the CSV has a line of; a score is a mean over records, each counting once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.evaluation.alignment import inverted
from dav2_ros.evaluation.boundary import BoundaryScore, boundary_score
from dav2_ros.evaluation.disparity import compare_disparity
from dav2_ros.evaluation.metrics import DepthMetrics, mean
from dav2_ros.evaluation.protocols import Protocol, ProtocolResult
from dav2_ros.evaluation.ranges import RangeTable
from dav2_ros.files.prefetch import BackgroundWriter
from dav2_training.data.sample import DepthSet, Sample
from dav2_training.evaluation.predictors import Predictor

HFOV_BINS_DEG = ((0, 40), (40, 60), (60, 80), (80, 100), (100, 180))
MIN_KNOWN_SHARE = 0.5  # of the pixels: sparser truth has no boundaries, and no disparity for SSIM


@dataclass(frozen=True, eq=False)
class PictureRecord:
    """One picture under one alignment."""

    picture: str
    how: str  # of alignment.ALIGNMENTS
    groups: tuple[str, ...]  # what it counts for, beside all
    metrics: DepthMetrics
    ranges: RangeTable
    coverage: float  # share of the truth's pixels that count and got a distance
    sky_found: float  # share of the sky's pixels that are +inf; NaN without sky, and for relative models
    scale: float
    shift: float
    ssim: float  # of disparity; NaN for sparse truth
    boundary: BoundaryScore | None  # None for sparse truth
    predict_ms: float


@dataclass(frozen=True, eq=False)
class DatasetScore:
    """What is true of a set of pictures: means in which each counts once."""

    frames: int
    metrics: DepthMetrics
    coverage: float
    sky_found: float
    ssim: float
    boundary_f1: float
    ranges: RangeTable


@dataclass(frozen=True, eq=False)
class EvaluatedPicture:
    """One picture, what was predicted, and the records made of it."""

    sample: Sample
    prediction: np.ndarray  # (H, W): disparity or metres, as predicted
    records: tuple[PictureRecord, ...]
    judged: tuple[ProtocolResult, ...]  # the same, with maps


def evaluate_pictures(
    predict: Predictor,
    samples: DepthSet,
    indices: Sequence[int],
    protocol: Protocol,
    alignments: Sequence[str],
    *,
    details: bool = True,
    threads: int = 2,
) -> Iterator[EvaluatedPicture]:
    """Predict and judge pictures one after the other; those without anything to compare have no records.

    `details` are boundaries and SSIM; `threads` read ahead, 0 reads when it is needed.
    """
    rules = [protocol.aligned_by(predict.kind, how) for how in alignments]
    for sample in read_ahead(samples, indices, threads):
        started = time.perf_counter()
        prediction = predict(sample.rgb, sample.camera)
        predict_ms = 1e3 * (time.perf_counter() - started)
        true_m = sample.z_m
        if true_m is None:
            true_m = np.full(prediction.shape, np.nan, np.float32)
        found = [rule.judge(prediction, true_m, kind=predict.kind) for rule in rules]
        found = tuple((how, judged) for how, judged in zip(alignments, found) if judged)
        extra = detail_scores(prediction, true_m, predict.kind) if details and found else (math.nan, None)
        records = tuple(_record(sample, how, judged, prediction, predict, extra, predict_ms) for how, judged in found)
        yield EvaluatedPicture(sample, prediction, records, tuple(judged for _, judged in found))


def read_ahead(samples: DepthSet, indices: Sequence[int], threads: int) -> Iterator[Sample]:
    """Yield samples in order while threads read the next ones: at most two each."""
    if not threads:
        yield from (samples[i] for i in indices)
        return
    with BackgroundWriter(threads, 2 * threads) as behind:
        for index in indices:
            yield from behind.call(samples.__getitem__, index)
        yield from behind.rest()


def _record(
    sample: Sample,
    how: str,
    judged: ProtocolResult,
    prediction: np.ndarray,
    predict: Predictor,
    extra: tuple[float, BoundaryScore | None],
    predict_ms: float,
) -> PictureRecord:
    sky = np.isposinf(sample.z_m)
    finds_sky = sky.any() and predict.kind == 'metric'
    return PictureRecord(
        picture=sample.name,
        how=how,
        groups=groups(sample.name, sample.camera),
        metrics=judged.metrics,
        ranges=judged.ranges,
        coverage=judged.coverage,
        sky_found=float(np.isposinf(prediction[sky]).mean()) if finds_sky else math.nan,
        scale=judged.aligned.scale,
        shift=judged.aligned.shift,
        ssim=extra[0],
        boundary=extra[1],
        predict_ms=predict_ms,
    )


def detail_scores(prediction: np.ndarray, true_m: np.ndarray, kind: str) -> tuple[float, BoundaryScore | None]:
    """Return SSIM of disparity and the boundaries; neither of sparse truth."""
    if np.mean(true_m > 0) < MIN_KNOWN_SHARE:
        return math.nan, None
    disparity = prediction if kind == 'relative' else inverted(prediction)
    found = compare_disparity(disparity, np.where(true_m > 0, inverted(true_m), np.nan))
    z_m = inverted(prediction) if kind == 'relative' else prediction
    return found.ssim if found else math.nan, boundary_score(z_m, true_m)


def groups(name: str, camera: Camera | None) -> tuple[str, ...]:
    """Return what a picture counts for, beside all: the first folder of its name, and the lens."""
    found = [name.partition('/')[0]] if '/' in name else []
    if camera:
        hfov_deg = math.degrees(camera.hfov_rad)
        found += [f'{low}-{high} deg' for low, high in HFOV_BINS_DEG if low <= hfov_deg < high]
    return tuple(found)


def score(records: Iterable[PictureRecord]) -> DatasetScore:
    """Average records, each counting once; ranges are sums over pixels."""
    records = list(records)
    return DatasetScore(
        frames=len(records),
        metrics=mean([r.metrics for r in records]),
        coverage=_mean(r.coverage for r in records),
        sky_found=_mean(r.sky_found for r in records),
        ssim=_mean(r.ssim for r in records),
        boundary_f1=_mean(r.boundary.f1 for r in records if r.boundary),
        ranges=sum((r.ranges for r in records[1:]), records[0].ranges),
    )


def by_group(records: Sequence[PictureRecord], limit: int = 12) -> dict[str, DatasetScore]:
    """Score all records, then each group; of more than `limit` groups only the largest."""
    sizes: dict[str, int] = {}
    for record in records:
        for name in record.groups:
            sizes[name] = sizes.get(name, 0) + 1
    largest = sorted(sizes, key=lambda name: -sizes[name])[:limit]
    names = sorted((n for n in largest if sizes[n] < len(records)), key=lambda n: (n.endswith('deg'), n))
    return {'all': score(records)} | {n: score(r for r in records if n in r.groups) for n in names}


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
