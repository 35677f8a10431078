# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate depth on a recording: as the network gives it, with one factor per frame, and with the node's scale."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraFrame, CameraStream, RefusedPicture
from dav2_ros.bags.evaluation.ground_truth import ComparedDepth, GroundTruth, compare
from dav2_ros.bags.evaluation.worst_frames import WorstFrames
from dav2_ros.estimator import Timings
from dav2_ros.evaluation import flicker
from dav2_ros.evaluation.metrics import DepthMetrics, depth_metrics, mean
from dav2_ros.evaluation.page import FramePictures
from dav2_ros.evaluation.ranges import EDGES_M, RangeTable, by_range
from dav2_ros.evaluation.scale_drift import ScaleDrift, drift, frame_scale
from dav2_ros.files.prefetch import prefetch
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.measurements import Measurement

VARIANTS = ('raw', 'median', 'scaled')
METRICS = tuple(each.name for each in dataclasses.fields(DepthMetrics))
NUMBERS = (*METRICS, 'bias', 'coverage', 'drift_spread', 'drift_per_minute', 'flicker_p95', 'flips', 'engine_ms',
           'total_ms')  # fmt: skip
APART_S = 0.5  # frames farther apart say nothing of flicker


@dataclass(frozen=True)
class FrameRow:
    """One frame of one variant."""

    stamp_ns: int
    metrics: DepthMetrics
    scale: float  # truth over depth; NaN where too little is known
    coverage: float  # see ComparedDepth
    engine_ms: float
    total_ms: float


@dataclass(frozen=True, eq=False)
class VariantResult:
    """One variant of one model on one engine, over all frames that something is known of."""

    model: str
    engine: str
    variant: str
    frames: tuple[FrameRow, ...]
    ranges: RangeTable
    drift: ScaleDrift | None
    flicker: flicker.Flicker | None  # None: it takes depth images of the same camera

    @property
    def metrics(self) -> DepthMetrics:
        """The mean over frames."""
        return mean([row.metrics for row in self.frames])

    @property
    def numbers(self) -> dict[str, float]:
        """Everything that has a name in NUMBERS; NaN for what is not known."""
        known = {name: float(getattr(self.metrics, name)) for name in METRICS}
        known |= {'bias': self.ranges.total().bias}
        known |= {name: float(np.mean([getattr(row, name) for row in self.frames])) for name in ('coverage',)}
        known |= {f'drift_{name}': getattr(self.drift, name, np.nan) for name in ('spread', 'per_minute')}
        known |= {'flicker_p95': getattr(self.flicker, 'p95', np.nan), 'flips': getattr(self.flicker, 'flips', np.nan)}
        times = {name: float(np.median([getattr(row, name) for row in self.frames])) for name in NUMBERS[-2:]}
        return known | times


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All variants of one model on one engine, and its worst frames as the network gives them."""

    judged: tuple[VariantResult, ...]
    worst: tuple[FramePictures, ...]
    refused: dict[str, int]  # why pictures could not be judged, and how many


class _Tally:
    """Collects one variant."""

    def __init__(self, name: str, max_m: float) -> None:
        self.name, self._max_m = name, max_m
        self.rows: list[FrameRow] = []
        self._ranges = RangeTable(EDGES_M, np.zeros((len(EDGES_M) - 1, 6)))
        self._clips: list[flicker.Flicker] = []
        self._before: tuple[ComparedDepth | None, int] = None, 0

    def add(self, picture: CameraFrame, both: ComparedDepth, timings: Timings) -> bool:
        """Take in a frame; False if nothing of it can be compared."""
        within = np.where((both.true_m > 0) & (both.true_m <= self._max_m), both.true_m, np.float32(np.nan))
        metrics = depth_metrics(both.z_m, within, max_m=self._max_m)
        if metrics is None:
            return False
        spent_ms = picture.decode_ms + timings.pre_ms + timings.engine_ms + timings.post_ms
        scale = frame_scale(both.z_m, within)
        self.rows.append(FrameRow(picture.frame.stamp_ns, metrics, scale, both.coverage, timings.engine_ms, spent_ms))
        self._ranges = self._ranges + by_range(both.z_m, within)
        if both.is_dense:
            self._look_for_flicker(picture.frame.stamp_ns, both)
        return True

    def _look_for_flicker(self, stamp_ns: int, both: ComparedDepth) -> None:
        before, before_ns = self._before
        if before is not None and before.z_m.shape == both.z_m.shape and 0 < stamp_ns - before_ns <= 1e9 * APART_S:
            self._clips.append(flicker.flicker((before.z_m, both.z_m), (before.true_m, both.true_m)))
        self._before = both, stamp_ns

    def judged(self, model: str, engine: str) -> VariantResult:
        stamps = [row.stamp_ns for row in self.rows]
        drifted = drift(stamps, [row.scale for row in self.rows])
        clips = [clip for clip in self._clips if np.isfinite(clip.p95)]
        flickers = flicker.mean(clips) if clips else None
        return VariantResult(model, engine, self.name, tuple(self.rows), self._ranges, drifted, flickers)


@dataclass(frozen=True)
class EvaluationOptions:
    """How an evaluation is made."""

    frames: int = 0  # 0: all
    max_depth_m: float = 80.0  # of the truth; what is farther is not compared
    worst: int = 6


def evaluate(
    stream: CameraStream,
    truth: GroundTruth,
    pipeline: DepthPipeline,
    options: EvaluationOptions,
    *,
    is_scaled: bool,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Judge one model on one engine; raises BagError, one sentence, when nothing can be compared.

    `is_scaled` says whether the pipeline's scale is something else than 1.
    """
    tallies = {name: _Tally(name, options.max_depth_m) for name in VARIANTS if is_scaled or name != 'scaled'}
    frames = _Frames(truth, pipeline, tallies, options)
    total = stream.count
    every = max(1, -(-total // options.frames)) if options.frames else 1
    number = itertools.count()
    with prefetch(stream.read(truth.handlers, skip=lambda _: next(number) % every != 0), most=4) as pictures:
        for done, picture in enumerate(pictures, 1):
            frames.judge(picture)
            watch(done, -(-total // every))
    return frames.evaluation()


class _Frames:
    """Goes through the frames of one evaluation."""

    def __init__(
        self, truth: GroundTruth, pipeline: DepthPipeline, tallies: dict[str, _Tally], options: EvaluationOptions
    ) -> None:
        self._truth, self._pipeline, self._tallies = truth, pipeline, tallies
        self._worst = WorstFrames(options.worst)
        self._refused: dict[str, int] = {}

    def judge(self, picture: CameraFrame | RefusedPicture) -> None:
        """Judge a picture, or count why it cannot be."""
        try:
            if isinstance(picture, RefusedPicture):
                return self._refuse(picture.why)
            pipeline = self._pipeline
            request = pipeline.request(picture.frame, picture.info)
            known = self._truth.at(picture, request.frame)
            pipeline.estimator.keep([request.plan])
            (estimate,) = pipeline.estimator.estimate_many([request])
            depth = pipeline.postprocess(request, estimate)
            raw = replace(depth, z_m=depth.z_m.copy())
            pipeline.correct_scale(depth, picture.measurement, picture.missing)  # its filter lives on all frames
            if known is None:
                return self._refuse(self._truth.why_not)
            return self._compare(picture, request.frame, known, raw, depth, estimate.timings)
        except BagError:
            raise
        except ValueError as error:
            return self._refuse(str(error))

    def _compare(
        self,
        picture: CameraFrame,
        frame: Frame,
        known: DepthMap | Measurement,
        raw: DepthMap,
        scaled: DepthMap,
        timings: Timings,
    ) -> None:
        both = compare(known, raw)
        if not self._tallies['raw'].add(picture, both, timings):
            return self._refuse('no known distance falls on the picture')
        factor = self._tallies['raw'].rows[-1].scale
        factor = factor if np.isfinite(factor) else 1.0
        self._tallies['median'].add(picture, replace(both, z_m=both.z_m * np.float32(factor)), timings)
        if 'scaled' in self._tallies:
            self._tallies['scaled'].add(picture, compare(known, scaled), timings)
        rows = self._tallies['raw'].rows
        at_s = 1e-9 * (rows[-1].stamp_ns - rows[0].stamp_ns)
        self._worst.offer(rows[-1].metrics, at_s, frame, known, raw)
        return None

    def _refuse(self, why: str) -> None:
        self._refused[why] = self._refused.get(why, 0) + 1

    def evaluation(self) -> Evaluation:
        """Return all that was found; raises BagError if that is nothing."""
        if not self._tallies['raw'].rows:
            why = max(self._refused, key=self._refused.__getitem__, default='there is no picture')
            raise BagError(f'Nothing could be compared: {why}.')
        about = self._pipeline.estimator.describe()
        engine = f'{about["engine"]} {about["precision"]}'
        judged = tuple(tally.judged(about['model'], engine) for tally in self._tallies.values() if tally.rows)
        return Evaluation(judged, self._worst.pictures(), self._refused)
