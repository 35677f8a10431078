# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Estimate depth of frames with a model on an engine."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.depth.confidence import confidence_of, mask_unsure
from dav2_ros.depth.metric import FOCAL_CORRECTIONS, mask_unseen, to_metres
from dav2_ros.engines.engine import Engine, EngineSpec, WrongDepthError, objection_to
from dav2_ros.engines.hot_swap import EngineState, SwappableEngine
from dav2_ros.engines.pool import EnginePool
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.image.request import EstimateRequest, resize_plan, upright_camera
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.registry import ModelError

LOG = logging.getLogger(__name__)
REPLACEMENTS = 4  # of engines that give no depth for a picture, before it is the picture's or the model's fault


@dataclass(frozen=True)
class Timings:
    """Where the time of one frame went."""

    pre_ms: float
    engine_ms: float
    post_ms: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """The depth of one frame, and how it came about."""

    depth: DepthMap
    timings: Timings  # its engine time is that of all frames that went with it
    engine: str
    precision: str


class DepthEstimator:
    """A metric model on an engine, ready for pictures of any camera.

        with DepthEstimator(checkpoints.load('vitt-procedural')) as estimator:
            depth, timings = estimator.estimate(Frame(rgb, camera))

    Depth is along Z, at the picture's full resolution or the network's. The engine is built and proved
    (engines/selection/accuracy_gate.py) for the shape of the first picture, and anew when the shape changes;
    `estimate_many` keeps several. One thread at a time.

    Args:
        checkpoint: a metric one; a relative one has no metres and is refused (ModelError).
        engine, device, precision: see `engines.selection.selection.open_proved`; auto is the fastest that is proved
            here.
        size: short side of the network input, rounded to multiples of 14; None is the model's own.
        focal_correction: one of metric.FOCAL_CORRECTIONS: multiply by f_camera / f_train, both in pixels of the network
            input. `auto` does for models trained in canonical-camera space, where it is exact, not for the others.
        assumed_hfov_deg: horizontal field of view of pictures whose camera is unknown.
        turns: quarter turns that bring a picture upright, see `EstimateRequest`.
        output: `camera` for depth of every pixel of the picture, `network` for the smaller map that the network gives,
            with the camera that belongs to it.
        batch: most pictures of one call of the engine.
        background: start with an engine that opens in seconds, and change to the fastest one between two frames, when
            a thread has built and proved it. Without it, the first picture waits for that.
        say: gets a sentence when an engine is tried or chosen.
        warn: gets one when an engine failed.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        engine: str = 'auto',
        device: str = 'auto',
        precision: str = 'auto',
        size: int | None = None,
        focal_correction: str = 'auto',
        assumed_hfov_deg: float = 60.0,
        turns: int = 0,
        output: str = 'camera',
        batch: int = 1,
        background: bool = False,
        say: Callable[[str], None] = LOG.info,
        warn: Callable[[str], None] = LOG.warning,
    ) -> None:
        info = checkpoint.info
        if info.kind != 'metric':
            raise ModelError(
                f'Model {info.name} is relative: it orders points by distance but knows no metres. '
                'Choose a metric one (`dav2 models list`).'
            )
        self.info = info
        self.checkpoint = checkpoint
        self._shelf = EnginePool(self._describe_supply)
        self.size = size or info.train_size
        self.corrects_focal = self._decide(focal_correction)
        self.assumed_hfov_rad = math.radians(assumed_hfov_deg)
        self._engine, self._device, self._precision = engine, device, precision  # as asked for
        self._output, self._batch = output, batch
        self._turns = turns
        self._background, self._say, self._warn = background, say, warn

    def _decide(self, focal_correction: str) -> bool:
        if focal_correction not in FOCAL_CORRECTIONS:
            raise ValueError(f'focal_correction is {focal_correction!r}: choose {", ".join(FOCAL_CORRECTIONS)}.')
        if focal_correction == 'always' and self.info.f_train_px is None:
            raise ModelError(
                f'Model {self.info.name} does not say its training focal length: set focal_correction never.'
            )
        return self.info.canonical if focal_correction == 'auto' else focal_correction == 'always'

    def __enter__(self) -> DepthEstimator:
        return self

    def __exit__(self, *exc: object) -> None:
        self._shelf.close(*exc)

    def _describe_supply(self, plan: ResizePlan) -> SwappableEngine:
        spec = EngineSpec(plan, self._device, self._precision, self._output, self._batch)
        background, say, warn = self._background, self._say, self._warn
        return SwappableEngine(self.checkpoint, self._engine, spec, background=background, say=say, warn=warn)

    @property
    def state(self) -> EngineState | None:
        """The engine in use, and what is being built meanwhile; None until the first picture. For any thread."""
        return self._shelf.state()

    def state_of(self, plan: ResizePlan | None) -> EngineState | None:
        """Return the same of one plan, by default the newest."""
        return self._shelf.state(plan)

    @property
    def engine(self) -> Engine | None:
        """The engine in use; None until the first picture."""
        state = self.state
        return state.proved.engine if state else None

    def prepare(self, height: int, width: int, camera: Camera | None = None) -> ResizePlan:
        """Open and prove the engine for pictures of this shape, unless it is open, and return how they are resized.

        The plan is that of the upright picture. Raises EngineError that says of every engine tried why it is not used.
        """
        plan = resize_plan(height, width, camera, self._turns, self.size)
        self.keep([plan])
        self._shelf.open(plan)
        return plan

    def begin(self, plan: ResizePlan) -> bool:
        """Let a thread open the engine of a plan; True once `estimate_many` need not wait for it."""
        return self._shelf.begin(plan)

    def keep(self, plans: Collection[ResizePlan]) -> None:
        """Close the engines of all other shapes; one whose builder is at work ends when it can."""
        self._shelf.keep(plans)

    def replace_engine(self, why: str) -> None:
        """Take another proved engine in place of the one that threw; if it is the only one, open it anew.

        Raises EngineError if none can be had; the next picture looks again.
        """
        self._shelf.replace(why)

    def request(
        self,
        frame: Frame,
        *,
        confidence: str = '',
        min_confidence: float = 0.0,
        turns: int | None = None,
        assumed_hfov_rad: float | None = None,
        info: Any | None = None,
    ) -> EstimateRequest:
        """Describe what is asked of a frame's depth, see `EstimateRequest`; by default with the estimator's turns.

        Raises ValueError, one sentence, for pictures of a shape that no network can bear.
        """
        turns = self._turns if turns is None else turns
        height, width = frame.rgb.shape[:2]
        plan = resize_plan(height, width, frame.camera, turns, self.size)
        assumed_rad = self.assumed_hfov_rad if assumed_hfov_rad is None else assumed_hfov_rad
        factor = self._focal_factor(plan, frame.camera, turns, frame.hfov_rad or assumed_rad)
        return EstimateRequest(frame, plan, factor, confidence, min_confidence, turns, info)

    def _focal_factor(self, plan: ResizePlan, camera: Camera | None, turns: int, assumed_hfov_rad: float) -> float:
        """Return what the network's depth is multiplied by because this is not the camera it was trained on.

        The same thing through twice the focal length is twice as large in the picture and looks half as far: depth
        is f_camera / f_train times what the network sees (Yin et al. 2023, Metric3D, section 3.1).
        """
        if not self.corrects_focal or self.info.f_train_px is None:
            return 1.0
        return plan.camera(upright_camera(plan, camera, turns, assumed_hfov_rad)).f_px / self.info.f_train_px

    def estimate(self, frame: Frame, *, confidence: str = '', min_confidence: float = 0.0) -> tuple[DepthMap, Timings]:
        """Estimate depth of a frame, as the network gives it; `DepthPipeline` does all that follows.

        Depth is (H, W) with the frame's camera, or, where the output is the network's, (h, w) with that of its grid.
        """
        request = self.request(frame, confidence=confidence, min_confidence=min_confidence)
        self.keep([request.plan])
        estimate = self.estimate_many([request])[0]
        return estimate.depth, estimate.timings

    def estimate_many(self, requests: Sequence[EstimateRequest]) -> list[Estimate]:
        """Estimate depth of several frames, those of one shape together.

        The engines of their shapes stay open until somebody calls `keep`. Of an engine that gives what cannot be depth
        nothing comes out, and another proved one takes its place: with `background` for the next frames, since these
        would be old (WrongDepthError), else for these.
        """
        alike: dict[ResizePlan, list[int]] = {}
        for k, request in enumerate(requests):
            alike.setdefault(request.plan, []).append(k)
        estimates: dict[int, Estimate] = {}
        for plan, numbers in alike.items():
            estimates |= zip(numbers, self._estimate_alike(plan, [requests[k] for k in numbers]), strict=True)
        return [estimates[k] for k in range(len(requests))]

    def _estimate_alike(self, plan: ResizePlan, requests: list[EstimateRequest]) -> list[Estimate]:
        for _ in range(0 if self._background else REPLACEMENTS):
            try:
                return self._estimate_with_one(plan, requests)
            except WrongDepthError as error:
                self._warn(str(error))
        return self._estimate_with_one(plan, requests)

    def _estimate_with_one(self, plan: ResizePlan, requests: list[EstimateRequest]) -> list[Estimate]:
        clock = time.perf_counter
        started_s, post_s = clock(), []
        engine = self._shelf.open(plan).engine()
        ready_s = clock()
        depths = self._infer(engine, [picture for request in requests for picture in request.pictures()])
        maps = []
        for request in requests:
            mirrored_m = None
            if request.confidence == 'full':
                mirrored_m = request.turned_back(next(depths)[:, ::-1]).copy()
            z_net_m = request.turned_back(next(depths))
            begun_s = clock()
            maps.append(self._depth_map(request, z_net_m, mirrored_m))
            post_s.append(clock() - begun_s)
        pre_ms, engine_ms = 1e3 * (ready_s - started_s), 1e3 * (clock() - ready_s - sum(post_s))
        return [
            Estimate(depth, Timings(pre_ms, engine_ms, 1e3 * one_s), engine.name, engine.precision)
            for depth, one_s in zip(maps, post_s, strict=True)
        ]

    def _infer(self, engine: Engine, pictures: list[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the network's depth of each picture, which holds until the next is asked for."""
        most = engine.spec.batch
        for first in range(0, len(pictures), most):
            some = pictures[first : first + most]
            depths = engine.infer(some[0][None] if len(some) == 1 else np.stack(some))
            if wrong := objection_to(depths, engine.spec, len(some), self.info.kind):
                self.replace_engine(wrong)
                raise WrongDepthError(f'{engine.name} {engine.precision} on {engine.device} {wrong}: it is replaced.')
            yield from depths

    def _depth_map(self, request: EstimateRequest, z_net_m: np.ndarray, mirrored_m: np.ndarray | None) -> DepthMap:
        frame, camera, far_m = request.frame, request.frame.camera, self.info.max_depth_m
        assert far_m is not None  # of a metric model, and no other is taken
        confidence = confidence_of(z_net_m, far_m, mirrored_m) if request.confidence else None
        z_m = to_metres(z_net_m, request.focal_factor, far_m)
        mask_unseen(z_m, frame.seen)
        if confidence is not None:
            confidence[~np.isfinite(z_m)] = 0.0
            mask_unsure(z_m, confidence, request.min_confidence)
        if camera and self._output == 'network':
            camera = camera.resized(*z_m.shape[::-1])
        return DepthMap(z_m, camera, frame.stamp_ns, frame.frame_id, confidence)

    def describe(self, plan: ResizePlan | None = None) -> dict[str, str]:
        """Say what runs for a plan, by default the newest, for logs and diagnostics."""
        state = self._shelf.state(plan)
        engine = state.proved.engine if state else None
        open_for = engine.spec.plan if engine else None
        return {
            'model': self.info.name,
            'engine': engine.name if engine else self._engine,
            'device': engine.device if engine else self._device,
            'precision': engine.precision if engine else self._precision,
            'network_input': f'{open_for.net_width}x{open_for.net_height}' if open_for else 'not open yet',
            'focal_correction': 'on' if self.corrects_focal else 'off',
            'why': state.proved.why if state else 'not open yet',
        }
