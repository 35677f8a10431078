# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what the network says to metres of the camera: corrected, far is infinite, what was not seen is unknown."""

from __future__ import annotations

import cv2
import numpy as np

from dav2_ros.models.info import SATURATED


def to_metres(z_net_m: np.ndarray, factor: float, max_depth_m: float, max_range_m: float | None = None) -> np.ndarray:
    """Return a new array of metres: corrected for the camera, +inf where the network or the range only says "far"."""
    far = z_net_m >= SATURATED * max_depth_m
    z_m = z_net_m * np.float32(factor)
    if max_range_m is not None:
        far |= z_m > max_range_m
    z_m[far] = np.inf
    return z_m


def mask_unseen(z_m: np.ndarray, seen: np.ndarray | None) -> None:
    """Make depth NaN, in place, where the lens saw nothing; `seen` (H, W) may be of another size, None is all."""
    if seen is None:
        return
    if seen.shape != z_m.shape:
        resized = cv2.resize(seen.astype(np.uint8), z_m.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        seen = resized.astype(bool)
    z_m[~seen] = np.nan
