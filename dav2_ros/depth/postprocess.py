# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of depth before it is brought to right metres: flying points go, and a still camera's comes to rest."""

from __future__ import annotations

import numpy as np

from dav2_ros.depth.flying_pixels import FlyingPoints
from dav2_ros.depth.stabilise import make_steadier
from dav2_ros.frames import DepthMap
from dav2_ros.parameters.estimator import EstimatorParameters


class Finish:
    """Finishes the depth maps of one camera, in the order of their stamps. One thread."""

    def __init__(self) -> None:
        self._given: EstimatorParameters | None = None
        self._flying = FlyingPoints()

    def apply(self, depth: DepthMap, rgb: np.ndarray, given: EstimatorParameters) -> DepthMap:
        """Finish a depth map, in place, made from a picture (H, W, 3) uint8; other parameters take effect at once."""
        if given is not self._given:  # borders that the user moves are not held back
            self._given, self._steadier = given, make_steadier(given.steady)
        if given.remove_flying:
            flying = self._flying.find(depth.z_m) & np.isfinite(depth.z_m)
            depth.z_m[flying] = np.nan
            if depth.confidence is not None:
                depth.confidence[flying] = 0.0
        return self._steadier.steady(depth, rgb)
