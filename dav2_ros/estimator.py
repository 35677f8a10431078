# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime in one call: a picture in, metres out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.confidence import confidence_of, mask_unsure
from dav2_ros.engines.engine import Engine, EngineSpec, WrongDepthError, objection_to
from dav2_ros.engines.shelf import EngineShelf
from dav2_ros.engines.supply import EngineSupply, State
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.look import Look, plan_of, upright_camera
from dav2_ros.metres import mask_unseen, to_metres
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.registry import ModelError
from dav2_ros.resize import ResizePlan

LOG = logging.getLogger(__name__)
REPLACEMENTS = 4  # of engines that give no depth for a picture, before it is the picture's or the model's fault
FOCAL_CORRECTIONS = ('auto', 'on', 'off')


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
    (engines/gate.py) for the shape of the first picture, and anew when the shape changes; `estimate_many` keeps
    several. One thread at a time.

    Args:
        checkpoint: a metric one; a relative one has no metres and is refused (ModelError).
        engine, device, precision: see `engines.ladder.open_proved`; auto is the fastest that is proved here.
        size: short side of the network input, rounded to multiples of 14; None is the model's own.
        focal_correction: multiply by f_camera / f_train, both in pixels of the network input. `auto` is on for models
            trained in canonical-camera space, where it is exact, and off for the others.
        assumed_hfov_deg: horizontal field of view of pictures whose camera is unknown.
        turns: quarter turns that bring a picture upright, see `Look`.
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
        self._shelf = EngineShelf(self._describe_supply)
        self.size = size or info.train_size
        self.corrects_focal = self._decide(focal_correction)
        self.assumed_hfov_rad = math.radians(assumed_hfov_deg)
        self._choice = {'engine': engine, 'device': device, 'precision': precision}
        self._output, self._batch = output, batch
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
        self._shelf.close(*exc)

    def _describe_supply(self, plan: ResizePlan) -> EngineSupply:
        name, device, precision = self._choice.values()
        spec = EngineSpec(plan, device, precision, self._output, self._batch)
        return EngineSupply(self.checkpoint, name, spec, background=self._background, say=self._say, warn=self._warn)

    @property
    def state(self) -> State | None:
        """The engine in use, and what is being built meanwhile; None until the first picture. For any thread."""
        return self._shelf.state()

    def state_of(self, plan: ResizePlan | None) -> State | None:
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
        plan = plan_of(height, width, camera, self._turns, self.size)
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

    def focal_factor(self, look: Look) -> float:
        """Return what the network's depth is multiplied by because this is not the camera it was trained on.

        The same thing through twice the focal length is twice as large in the picture and looks half as far: depth
        is f_camera / f_train times what the network sees (Yin et al. 2023, Metric3D, section 3.1).
        """
        if not self.corrects_focal:
            return 1.0
        plan = look.plan(self.size)
        hfov_rad = look.frame.hfov_rad or look.assumed_hfov_rad
        upright = upright_camera(plan, look.frame.camera, look.turns, hfov_rad)
        return plan.camera(upright).f_px / self.info.f_train_px

    def estimate(
        self, frame: Frame, *, max_range_m: float | None = None, confidence: str = '', min_confidence: float = 0.0
    ) -> tuple[DepthMap, Timings]:
        """Estimate depth of a frame; what is asked of it is told in `Look`.

        Depth is (H, W) with the frame's camera, or, where the output is the network's, (h, w) with that of its grid.
        """
        look = Look(frame, max_range_m, confidence, min_confidence, self._turns, self.assumed_hfov_rad)
        self.keep([look.plan(self.size)])
        return self.estimate_many([look])[0]

    def estimate_many(self, looks: Sequence[Look]) -> list[tuple[DepthMap, Timings]]:
        """Estimate depth of several frames, those of one shape together; see `estimate`.

        The engines of their shapes stay open until somebody calls `keep`. A frame's engine time is that of all frames
        which went with it. Of an engine that gives what cannot be depth nothing comes out, and another proved one takes
        its place: with `background` for the next frames, since these would be old (WrongDepthError), else for these.
        """
        alike: dict[ResizePlan, list[int]] = {}
        for k, look in enumerate(looks):
            alike.setdefault(look.plan(self.size), []).append(k)
        found: dict[int, tuple[DepthMap, Timings]] = {}
        for plan, numbers in alike.items():
            found |= zip(numbers, self._estimate_alike(plan, [looks[k] for k in numbers]), strict=True)
        return [found[k] for k in range(len(looks))]

    def _estimate_alike(self, plan: ResizePlan, looks: list[Look]) -> list[tuple[DepthMap, Timings]]:
        for _ in range(0 if self._background else REPLACEMENTS):
            try:
                return self._estimate_with_one(plan, looks)
            except WrongDepthError as error:
                self._warn(str(error))
        return self._estimate_with_one(plan, looks)

    def _estimate_with_one(self, plan: ResizePlan, looks: list[Look]) -> list[tuple[DepthMap, Timings]]:
        clock = time.perf_counter
        started_s, post_s = clock(), []
        engine = self._shelf.open(plan).engine()
        ready_s = clock()
        depths = self._infer(engine, [picture for look in looks for picture in look.pictures()])
        maps = []
        for look in looks:
            mirrored_m = look.turned_back(next(depths)[:, ::-1]).copy() if look.confidence == 'full' else None
            z_net_m = look.turned_back(next(depths))
            begun_s = clock()
            maps.append(self._depth_map(look, z_net_m, mirrored_m))
            post_s.append(clock() - begun_s)
        engine_s = clock() - ready_s - sum(post_s)
        pre_ms, engine_ms = 1e3 * (ready_s - started_s), 1e3 * engine_s
        return [(depth, Timings(pre_ms, engine_ms, 1e3 * each_s)) for depth, each_s in zip(maps, post_s, strict=True)]

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

    def _depth_map(self, look: Look, z_net_m: np.ndarray, mirrored_m: np.ndarray | None) -> DepthMap:
        frame, camera, far_m = look.frame, look.frame.camera, self.info.max_depth_m
        factor = self.focal_factor(look)
        sure = confidence_of(z_net_m, far_m, mirrored_m) if look.confidence else None
        z_m = to_metres(z_net_m, factor, far_m, look.max_range_m)
        mask_unseen(z_m, frame.seen)
        if sure is not None:
            sure[~np.isfinite(z_m)] = 0.0
            mask_unsure(z_m, sure, look.min_confidence)
        if camera and self._output == 'network':
            camera = camera.resized(*z_m.shape[::-1])
        return DepthMap(z_m, camera, frame.stamp_ns, frame.frame_id, sure)

    def describe(self, plan: ResizePlan | None = None) -> dict[str, str]:
        """Say what runs for a plan, by default the newest, for logs and diagnostics."""
        state = self._shelf.state(plan)
        engine = state.proved.engine if state else None
        open_for = engine.spec.plan if engine else None
        return {
            'model': self.info.name,
            **{
                what: getattr(engine, 'name' if what == 'engine' else what, asked)
                for what, asked in self._choice.items()
            },
            'network_input': f'{open_for.net_width}x{open_for.net_height}' if open_for else 'not open yet',
            'focal_correction': 'on' if self.corrects_focal else 'off',
            'why': state.proved.why if state else 'not open yet',
        }
