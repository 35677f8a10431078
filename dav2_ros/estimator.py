# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime in one call: a picture in, metres out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.confidence import confidence_of, mask_unsure
from dav2_ros.engines.engine import Engine, EngineSpec
from dav2_ros.engines.supply import EngineSupply, State
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.info import SATURATED
from dav2_ros.models.registry import ModelError
from dav2_ros.resize import ResizePlan

LOG = logging.getLogger(__name__)
FOCAL_CORRECTIONS = ('auto', 'on', 'off')
SQUARE = 0.02  # fy / fx this close to 1 is a calibration's noise, not the shape of a pixel


@dataclass(frozen=True)
class Timings:
    """Where the time of one frame went."""

    pre_ms: float
    engine_ms: float
    post_ms: float


class DepthEstimator:
    """A metric model on an engine, ready for pictures of any camera.

        with DepthEstimator(checkpoints.load('vitt-procedural')) as estimator:
            depth, timings = estimator.estimate(Frame(rgb, camera))

    Depth is along Z, at the picture's full resolution or the network's. The engine is built and proved
    (engines/gate.py) for the shape of the first picture, and anew when the shape changes. One thread at a time.

    Args:
        checkpoint: a metric one; a relative one has no metres and is refused (ModelError).
        engine, device, precision: see `engines.ladder.open_proved`; auto is the fastest that is proved here.
        size: short side of the network input, rounded to multiples of 14; None is the model's own.
        focal_correction: multiply by f_camera / f_train, both in pixels of the network input. `auto` is on for models
            trained in canonical-camera space, where it is exact, and off for the others.
        assumed_hfov_deg: horizontal field of view of pictures whose camera is unknown.
        turns: counter-clockwise quarter turns that bring a picture upright, for a camera mounted on its head (2) or its
            side (1, 3). The network sees it upright; depth belongs to the picture as it came.
        output: `camera` for depth of every pixel of the picture, `network` for the smaller map that the network gives,
            with the camera that belongs to it.
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
        self._supply: EngineSupply | None = None
        self.size = size or info.train_size
        self.corrects_focal = self._decide(focal_correction)
        self.assumed_hfov_rad = math.radians(assumed_hfov_deg)
        self._choice = {'name': engine, 'device': device, 'precision': precision, 'output': output}
        self._turns = turns
        self._background, self._say, self._warn = background, say, warn

    def _decide(self, focal_correction: str) -> bool:
        if focal_correction not in FOCAL_CORRECTIONS:
            raise ValueError(f'focal_correction is {focal_correction!r}: choose {", ".join(FOCAL_CORRECTIONS)}.')
        if focal_correction == 'on' and self.info.f_train_px is None:
            raise ModelError(
                f'Model {self.info.name} does not say its training focal length: set focal_correction off.'
            )
        return self.info.canonical if focal_correction == 'auto' else focal_correction == 'on'

    def __enter__(self) -> DepthEstimator:
        return self

    def __exit__(self, *exc: object) -> None:
        supply, self._supply = self._supply, None
        if supply:
            supply.__exit__(*exc)

    @property
    def state(self) -> State | None:
        """The engine in use, and what is being built meanwhile; None until the first picture. For any thread."""
        supply = self._supply
        return supply.state if supply else None

    @property
    def engine(self) -> Engine | None:
        """The engine in use; None until the first picture."""
        state = self.state
        return state.proved.engine if state else None

    def prepare(self, height: int, width: int, camera: Camera | None = None) -> ResizePlan:
        """Open and prove the engine for pictures of this shape, unless it is open, and return how they are resized.

        The plan is that of the upright picture; pixels that are not square become square by it. Raises EngineError that
        says of every engine tried why it is not used.
        """
        if self._turns % 2:
            height, width = width, height
        upright = camera.turned(self._turns) if camera else None
        stretch = upright.fy_px / upright.fx_px if upright else 1.0
        plan = ResizePlan.lower_bound(height, width, self.size, stretch if abs(stretch - 1.0) > SQUARE else 1.0)
        if self._supply is None or self._supply.spec.plan != plan:
            last, self._supply = self._supply, None
            if last:
                last.close(0.0)  # what is being built for the last shape ends when it can
            name, device, precision, output = self._choice.values()
            spec = EngineSpec(plan, device, precision, output)
            supply = EngineSupply(
                self.checkpoint, name, spec, background=self._background, say=self._say, warn=self._warn
            )
            self._supply = supply.__enter__()
        return plan

    def replace_engine(self, why: str) -> None:
        """Take another proved engine in place of the one that threw; if it is the only one, open it anew.

        Raises EngineError if none can be had; the next picture looks again.
        """
        supply, self._supply = self._supply, None
        if supply:
            supply.lost(why)
            self._supply = supply

    def focal_factor(self, plan: ResizePlan, camera: Camera | None) -> float:
        """Return what the network's depth is multiplied by because this is not the camera it was trained on.

        The same thing through twice the focal length is twice as large in the picture and looks half as far: depth
        is f_camera / f_train times what the network sees (Yin et al. 2023, Metric3D, section 3.1).
        """
        if not self.corrects_focal:
            return 1.0
        upright = camera.turned(self._turns) if camera else self._assumed_camera(plan)
        return plan.camera(upright).f_px / self.info.f_train_px

    def _assumed_camera(self, plan: ResizePlan) -> Camera:
        height, width = (plan.width, plan.height) if self._turns % 2 else (plan.height, plan.width)
        return Camera.from_hfov(width, height, self.assumed_hfov_rad).turned(self._turns)

    def estimate(
        self, frame: Frame, *, max_range_m: float | None = None, confidence: str = '', min_confidence: float = 0.0
    ) -> tuple[DepthMap, Timings]:
        """Estimate depth of a frame; beyond `max_range_m`, or the model's own range, it is +inf.

        With `confidence`, one of confidence.VARIANTS, the map has it, and depth less sure than `min_confidence` is NaN.
        The full variant looks at the mirrored picture as well: the engine's time twice. Depth is (H, W) with the
        frame's camera, or, where the output is the network's, (h, w) with that of its grid.
        """
        started = time.perf_counter()
        plan = self.prepare(*frame.rgb.shape[:2], frame.camera)
        engine = self._supply.engine()
        ready = time.perf_counter()
        upright = np.rot90(frame.rgb, self._turns)
        mirrored_m = None
        if confidence == 'full':
            mirrored_m = self._turned_back(engine.infer(upright[None, :, ::-1])[0][:, ::-1]).copy()  # its buffer
        z_net_m = self._turned_back(engine.infer(upright[None])[0])
        inferred = time.perf_counter()
        sure = confidence_of(z_net_m, self.info.max_depth_m, mirrored_m) if confidence else None
        z_m = to_metres(z_net_m, self.focal_factor(plan, frame.camera), self.info.max_depth_m, max_range_m)
        if frame.seen is not None:
            z_m[~_resized(frame.seen, z_m.shape)] = np.nan
        if sure is not None:
            sure[~np.isfinite(z_m)] = 0.0
            mask_unsure(z_m, sure, min_confidence)
        done = time.perf_counter()
        timings = Timings(1e3 * (ready - started), 1e3 * (inferred - ready), 1e3 * (done - inferred))
        camera = frame.camera
        if camera and engine.spec.output == 'network':
            camera = camera.resized(*z_m.shape[::-1])
        return DepthMap(z_m, camera, frame.stamp_ns, frame.frame_id, sure), timings

    def _turned_back(self, z_net_m: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(z_net_m, -self._turns)) if self._turns else z_net_m

    def describe(self) -> dict[str, str]:
        """Say what runs, for logs and diagnostics."""
        state = self.state
        engine = state.proved.engine if state else None
        plan = engine.spec.plan if engine else None
        return {
            'model': self.info.name,
            'engine': engine.name if engine else self._choice['name'],
            'device': engine.device if engine else self._choice['device'],
            'precision': engine.precision if engine else self._choice['precision'],
            'network_input': f'{plan.net_width}x{plan.net_height}' if plan else 'not open yet',
            'focal_correction': 'on' if self.corrects_focal else 'off',
            'why': state.proved.why if state else 'not open yet',
        }


def _resized(seen: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if seen.shape == shape:
        return seen
    return cv2.resize(seen.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)


def to_metres(z_net_m: np.ndarray, factor: float, max_depth_m: float, max_range_m: float | None = None) -> np.ndarray:
    """Return a new array of metres: corrected for the camera, +inf where the network or the range only says "far"."""
    far = z_net_m >= SATURATED * max_depth_m
    z_m = z_net_m * np.float32(factor)
    if max_range_m is not None:
        far |= z_m > max_range_m
    z_m[far] = np.inf
    return z_m
