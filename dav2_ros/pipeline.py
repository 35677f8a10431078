# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn the frames of one camera into depth in right metres: the only place that knows the order of the steps.

frame -> rectify -> request -> [estimate] -> postprocess -> correct scale -> limit range -> DepthResult
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from dav2_ros.depth.metric import limit_range
from dav2_ros.depth.postprocess import Postprocessor
from dav2_ros.estimator import DepthEstimator, Estimate
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.image.rectify import Rectification
from dav2_ros.image.request import EstimateRequest
from dav2_ros.parameters.estimator import TURNS, EstimatorParameters
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.corrector import make_scale_corrector
from dav2_ros.scale.kalman import Scale
from dav2_ros.scale.measurements import Measurement
from dav2_ros.stats import FrameStats

LOG = logging.getLogger(__name__)


class PipelineParameters(Protocol):
    """What the pipeline reads of the parameters of a node or a tool."""

    @property
    def estimator(self) -> EstimatorParameters:
        """The model, its engine, and what becomes of its depth."""

    @property
    def scale(self) -> ScaleParameters:
        """Where right metres come from."""


@dataclass(frozen=True, eq=False)
class DepthResult:
    """What became of one frame."""

    depth: DepthMap  # in right metres
    scale: Scale  # that was applied
    stats: FrameStats
    frame: Frame  # as the network saw it: rectified, if that was asked for
    info: Any | None  # the CameraInfo that belongs to the frame and its depth, or what stands for it


class DepthPipeline:
    """One camera: a frame in, depth in right metres out, frame after frame in the order of their stamps.

        with DepthPipeline(OfflineParameters()) as pipeline:
            result = pipeline.process(Frame(rgb, camera))

    Several cameras share one estimator, and a batch of theirs one call of it: then `request`, `estimate_many` of the
    estimator, and `finish` are called one after the other. `request` and `finish` may be on two threads.

    Args:
        params: see PipelineParameters.
        estimator: shared with others, who close it; by default one of its own, by the parameters.
        log: gets a sentence about engines and rectification.
        warn: gets one when an engine failed.
    """

    def __init__(
        self,
        params: PipelineParameters,
        estimator: DepthEstimator | None = None,
        *,
        log: Callable[[str], None] = LOG.info,
        warn: Callable[[str], None] = LOG.warning,
    ) -> None:
        self._opened = ExitStack()
        self.estimator = estimator or self._opened.enter_context(make_estimator(params.estimator, log=log, warn=warn))
        self._log = log
        self._params, self._scale_params = params.estimator, params.scale
        self._rectification = self._make_rectification()
        self.reset()

    def __enter__(self) -> DepthPipeline:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def _make_rectification(self) -> Rectification:
        return Rectification(math.radians(self._params.max_hfov_deg), self._log)

    def reset(self) -> None:
        """Forget what earlier frames taught: the next one may show another place."""
        self._postprocessor = make_postprocessor(self._params)
        self._scale = make_scale_corrector(self._scale_params)

    def change(self, params: PipelineParameters) -> None:
        """Take other parameters, from the next frame on; what is remembered is forgotten only where they concern it.

        Those of the model and its engine are the estimator's, and stay.
        """
        before, self._params = self._params, params.estimator
        if before.max_hfov_deg != self._params.max_hfov_deg:
            self._rectification = self._make_rectification()
        if _shapes_depth(before) != _shapes_depth(self._params):  # borders that the user moves are not held back
            self._postprocessor = make_postprocessor(self._params)
        if self._scale_params != params.scale:
            self._scale_params = params.scale
            self._scale = make_scale_corrector(params.scale)

    def request(self, frame: Frame, info: Any | None = None, *, confidence: bool = False) -> EstimateRequest:
        """Rectify a frame, if that is asked for, and describe what the network is shown of it.

        Args:
            info: its CameraInfo; without one, a frame is rectified to the pinhole of its own camera.
            confidence: whether anybody wants the confidence; where `min_confidence` is set it is made anyway.

        Raises ValueError, one sentence, for a frame that cannot be used.
        """
        params = self._params
        if frame.camera and params.rectify and not params.rectified_input:
            frame, info = self._rectification.apply(frame, info)
        return self.estimator.request(
            frame,
            confidence=params.confidence if confidence or params.min_confidence else '',
            min_confidence=params.min_confidence,
            turns=TURNS[params.turn_upright],
            assumed_hfov_rad=math.radians(params.assumed_hfov_deg),
            info=info,
        )

    def postprocess(self, request: EstimateRequest, estimate: Estimate) -> DepthMap:
        """Remove flying pixels and stabilise, in place, as asked for; the metres are the network's."""
        return self._postprocessor.apply(estimate.depth, request.frame.rgb)

    def correct_scale(self, depth: DepthMap, measurement: Measurement | None = None, missing: str = '') -> Scale:
        """Bring depth to right metres, in place; beyond `max_range_m` it becomes +inf.

        `missing` says why there is no measurement.
        """
        scale = self._scale.correct(depth, measurement, missing)
        limit_range(depth.z_m, self._params.max_range_m)
        return scale

    def finish(
        self, request: EstimateRequest, estimate: Estimate, measurement: Measurement | None = None, missing: str = ''
    ) -> DepthResult:
        """Make depth in right metres of what the network returned, in place."""
        depth = self.postprocess(request, estimate)
        scale = self.correct_scale(depth, measurement, missing)
        timings = estimate.timings
        stats = FrameStats(
            model=self.estimator.info.name,
            engine=estimate.engine,
            precision=estimate.precision,
            pre_ms=timings.pre_ms,
            engine_ms=timings.engine_ms,
            post_ms=timings.post_ms,
            focal_correction=request.focal_factor,
            scale=scale.applied,
        )
        return DepthResult(depth, scale, stats, request.frame, request.info)

    def process(
        self,
        frame: Frame,
        measurement: Measurement | None = None,
        missing: str = '',
        *,
        info: Any | None = None,
        confidence: bool = False,
    ) -> DepthResult:
        """Do all of it for one frame; engines of other shapes are closed.

        Raises ValueError for a frame that cannot be used, EngineError when no engine can be had; one sentence each.
        """
        request = self.request(frame, info, confidence=confidence)
        self.estimator.keep([request.plan])
        (estimate,) = self.estimator.estimate_many([request])
        return self.finish(request, estimate, measurement, missing)


def make_postprocessor(params: EstimatorParameters) -> Postprocessor:
    """Make what cleans the depth of one camera as the parameters say."""
    return Postprocessor(remove_flying=params.remove_flying, steady=params.steady)


def make_estimator(
    params: EstimatorParameters,
    *,
    batch: int = 1,
    background: bool = False,
    log: Callable[[str], None] = LOG.info,
    warn: Callable[[str], None] = LOG.warning,
) -> DepthEstimator:
    """Load the model of the parameters and describe its engine; see `DepthEstimator`. Raises ModelError."""
    from dav2_ros.models import checkpoints
    from dav2_ros.models.info import ModelInfo

    if params.threads:
        import torch

        torch.set_num_threads(params.threads)
    stated = ModelInfo.stated(
        params.model,
        kind=params.model_kind,
        preset=params.model_preset,
        max_depth_m=params.model_max_depth_m,
        f_train_px=params.model_f_train_px,
    )
    return DepthEstimator(
        checkpoints.load(params.model, stated=stated),
        engine=params.engine,
        device=params.device,
        precision=params.precision,
        size=params.input_size or None,
        focal_correction=params.focal_correction,
        assumed_hfov_deg=params.assumed_hfov_deg,
        turns=TURNS[params.turn_upright],
        output=params.output_size,
        batch=batch,
        background=background,
        say=log,
        warn=warn,
    )


def _shapes_depth(params: EstimatorParameters) -> tuple[object, ...]:
    """Return what of the parameters decides which pixels have depth before the scale is corrected."""
    variant = params.confidence if params.min_confidence else ''
    view = params.rectified_input, params.rectify, params.max_hfov_deg, params.turn_upright
    return params.steady, params.remove_flying, params.min_confidence, variant, view
