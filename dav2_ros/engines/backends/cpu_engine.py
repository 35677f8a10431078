# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run a network on a CPU: OpenCV resizes pictures, the runtime sees the network alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dav2_ros.engines.engine import EngineSpec
from dav2_ros.image.resize import Resizer


class CpuEngine:
    """Resizes around `_run`, which maps (1, 3, h, w) float32 normalised RGB to (1, h, w) float32.

    On a CPU a graph that also resizes is slower, not faster: at 640x480 to 252x336 and back OpenVINO's interpolations
    take 6 ms in bf16 (and round the metres to 8 bits), `ResizePlan` 1 ms in float32. There is no copy to save.
    """

    spec: EngineSpec
    calibration = ''

    def _run(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is the engine's. Pictures go one by one: a CPU gains nothing by more."""
        depths = self._depths[: len(pictures)]
        for picture, depth in zip(pictures, depths, strict=True):
            self._undo(self._run(self._resizer.apply(picture)[None])[0], depth)
        return depths

    def _undo(self, found: np.ndarray, depth: np.ndarray) -> None:
        """Bring (h, w) of the network to `depth`, of the shape that comes out."""
        if self.spec.output == 'camera':
            self._resizer.undo(found, depth)
        else:
            np.copyto(depth, found)

    def _warm_up(self) -> None:
        plan = self.spec.plan
        self._run(np.zeros((1, 3, plan.net_height, plan.net_width), np.float32))

    @cached_property
    def _resizer(self) -> Resizer:
        return Resizer(self.spec.plan)

    @cached_property
    def _depths(self) -> np.ndarray:
        return np.empty((self.spec.batch, *self.spec.out_shape), np.float32)
