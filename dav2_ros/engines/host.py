# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engines of a CPU: pictures are resized by OpenCV, the runtime sees only the network."""

from __future__ import annotations

import numpy as np

from dav2_ros.engines.engine import EngineSpec


class HostEngine:
    """Resizes around `_run`, which maps (1, 3, h, w) float32 normalised RGB to (1, h, w) float32.

    On a CPU a graph that also resizes is slower, not faster: at 640x480 to 252x336 and back OpenVINO's interpolations
    take 6 ms in bf16 (and round the metres to 8 bits), `ResizePlan` 1 ms in float32. There is no copy to save.
    """

    spec: EngineSpec

    def _run(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is a fresh array. Pictures go one by one: a CPU gains nothing by more."""
        plan = self.spec.plan
        depths = (self._run(plan.apply(picture)[None])[0] for picture in pictures)
        if self.spec.output == 'camera':
            depths = map(plan.undo, depths)
        return stack(list(depths))

    def _warm_up(self) -> None:
        plan = self.spec.plan
        self._run(np.zeros((1, 3, plan.net_height, plan.net_width), np.float32))


def stack(depths: list[np.ndarray]) -> np.ndarray:
    """Return (B, H, W); a single map is not copied."""
    return depths[0][None] if len(depths) == 1 else np.stack(depths)
