# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clean depth before it is brought to right metres: remove flying pixels, stabilise what a still camera sees."""

from __future__ import annotations

import numpy as np

from dav2_ros.depth.flying_pixels import FlyingPixelDetector
from dav2_ros.depth.stabilise import make_stabiliser
from dav2_ros.frames import DepthMap


class Postprocessor:
    """Cleans the depth maps of one camera, in the order of their stamps. One thread.

    Args:
        remove_flying: make flying pixels NaN.
        steady: one of stabilise.MODES.
    """

    def __init__(self, *, remove_flying: bool = False, steady: str = 'none') -> None:
        self._flying = FlyingPixelDetector() if remove_flying else None
        self._stabiliser = make_stabiliser(steady)

    def apply(self, depth: DepthMap, rgb: np.ndarray) -> DepthMap:
        """Clean a depth map, in place, made from a picture (H, W, 3) uint8."""
        if self._flying:
            flying = self._flying.find(depth.z_m) & np.isfinite(depth.z_m)
            depth.z_m[flying] = np.nan
            if depth.confidence is not None:
                depth.confidence[flying] = 0.0
        return self._stabiliser.steady(depth, rgb)
