# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run our own ways: a BGR frame in, metres at its resolution out, whatever the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from dav2_ros.benchmark.cases import AUTO, EAGER, ENGINE, OUTSIDE, PLAIN_ONNX, TRANSFORMERS, BenchmarkCase
from dav2_ros.depth.metric import to_metres
from dav2_ros.engines.backends.cpu_engine import CpuEngine
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import Engine, EngineSpec
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint


class BenchmarkWay(Protocol):
    """A way of running the model: entered, then called, (B, H, W, 3) uint8 BGR -> (B, H, W) float32 metres."""

    @property
    def engine(self) -> Engine | None:
        """Which engine runs; None where it is not one of ours."""
        ...

    def __enter__(self) -> BenchmarkWay: ...

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, pictures: np.ndarray) -> np.ndarray: ...


class BenchmarkPipeline:
    """All that is done with a frame: colours in order, the engine, focal factor and range. See against.py."""

    def __init__(self, checkpoint: Checkpoint, engine: Engine) -> None:
        self._max_depth_m, self.engine = checkpoint.info.max_depth_m, engine
        plan, batch = engine.spec.plan, engine.spec.batch
        self._rgb = np.empty((batch, plan.height, plan.width, 3), np.uint8)

    def __enter__(self) -> BenchmarkPipeline:
        self.engine.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.engine.__exit__(*exc)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        for bgr, rgb in zip(pictures, self._rgb):
            cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=rgb)
        z_net_m = self.engine.infer(self._rgb[: len(pictures)])
        return to_metres(z_net_m, 1.0, self._max_depth_m or np.inf)


class EstimatorPipeline:
    """What the node and `dav2 infer` run: the fastest engine that is proved here, proved before its first frame."""

    def __init__(self, checkpoint: Checkpoint, case: BenchmarkCase) -> None:
        self._estimator = DepthEstimator(checkpoint, device=case.device, size=case.size, focal_correction='never')

    def __enter__(self) -> EstimatorPipeline:
        return self

    def __exit__(self, *exc: object) -> None:
        self._estimator.__exit__(*exc)

    @property
    def engine(self) -> Engine | None:
        """The engine in use."""
        return self._estimator.engine

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        frames = (Frame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), None) for bgr in pictures)
        return np.stack([self._estimator.estimate(frame)[0].z_m for frame in frames])


class NoNetwork(CpuEngine):
    """What a CPU engine does around its network; the depth is always the same ramp."""

    name, device, precision = 'none', 'cpu', 'fp32'
    is_built = True

    def __init__(self, spec: EngineSpec) -> None:
        plan, self.spec = spec.plan, spec
        ramp = np.linspace(1, 10, plan.net_height * plan.net_width, dtype=np.float32)
        self._depth = ramp.reshape(1, plan.net_height, plan.net_width)

    def __enter__(self) -> NoNetwork:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def _run(self, image: np.ndarray) -> np.ndarray:
        return self._depth


def way_of(case: BenchmarkCase, checkpoint: Checkpoint) -> BenchmarkWay:
    """Describe the way of a case: enter it, then call it. Raises EngineError with what to install or choose."""
    if case.way == ENGINE:
        return BenchmarkPipeline(checkpoint, describe_engine(checkpoint, case.engine, case.spec))
    if case.way == AUTO:
        return EstimatorPipeline(checkpoint, case)
    if case.way == OUTSIDE:
        return BenchmarkPipeline(checkpoint, NoNetwork(case.spec))
    from dav2_ros.benchmark import baselines

    others: dict[str, Callable[[Checkpoint, ResizePlan], BenchmarkWay]] = {
        EAGER: baselines.EagerBaseline,
        TRANSFORMERS: baselines.TransformersBaseline,
        PLAIN_ONNX: baselines.OnnxBaseline,
    }
    return others[case.way](checkpoint, case.plan)
