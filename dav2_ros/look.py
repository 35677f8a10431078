# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the network is shown of a frame, and what is asked of its depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import Frame
from dav2_ros.resize import ResizePlan

SQUARE = 0.02  # fy / fx this close to 1 is a calibration's noise, not the shape of a pixel


@dataclass(frozen=True, eq=False)
class Look:
    """A frame, and how its depth is estimated.

    Args:
        max_range_m: beyond it, or the model's own range, depth is +inf.
        confidence: one of confidence.VARIANTS, or '' for none. The full variant looks at the mirrored picture as well:
            the engine's time twice.
        min_confidence: depth less sure than this is NaN, where there is confidence.
        turns: counter-clockwise quarter turns that bring the picture upright, for a camera mounted on its head (2) or
            its side (1, 3). The network sees it upright; depth belongs to the picture as it came.
        assumed_hfov_rad: horizontal field of view where the frame has no camera and does not say.
    """

    frame: Frame
    max_range_m: float | None = None
    confidence: str = ''
    min_confidence: float = 0.0
    turns: int = 0
    assumed_hfov_rad: float = math.radians(60.0)

    def plan(self, size: int) -> ResizePlan:
        """Return how the upright picture becomes the input of a network of this size."""
        return plan_of(*self.frame.rgb.shape[:2], self.frame.camera, self.turns, size)

    def pictures(self) -> list[np.ndarray]:
        """Return what the network is shown: the upright picture (H, W, 3), after its mirror image if that is wanted."""
        upright = np.rot90(self.frame.rgb, self.turns)
        return [upright[:, ::-1], upright] if self.confidence == 'full' else [upright]

    def turned_back(self, z_net_m: np.ndarray) -> np.ndarray:
        """Bring depth of the upright picture back to the picture as it came."""
        return np.ascontiguousarray(np.rot90(z_net_m, -self.turns)) if self.turns else z_net_m


def plan_of(height: int, width: int, camera: Camera | None, turns: int, size: int) -> ResizePlan:
    """Plan for pictures of this shape, once they are upright; pixels that are not square become square by it."""
    if turns % 2:
        height, width = width, height
    upright = camera.turned(turns) if camera else None
    stretch = upright.fy_px / upright.fx_px if upright else 1.0
    return ResizePlan.lower_bound(height, width, size, stretch if abs(stretch - 1.0) > SQUARE else 1.0)


def upright_camera(plan: ResizePlan, camera: Camera | None, turns: int, assumed_hfov_rad: float) -> Camera:
    """Return the camera of the upright picture of a plan; a pinhole of the assumed view where there is none."""
    if camera is None:
        height, width = (plan.width, plan.height) if turns % 2 else (plan.height, plan.width)
        camera = Camera.from_hfov(width, height, assumed_hfov_rad)
    return camera.turned(turns)
