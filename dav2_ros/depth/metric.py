# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn the network's output into metres of the camera: focal length corrected, far +inf, what was not seen NaN."""

from __future__ import annotations

import cv2
import numpy as np

from dav2_ros.models.info import SATURATED

FOCAL_CORRECTIONS = ('auto', 'always', 'never')  # not on and off: YAML takes those for booleans


def to_metres(z_net_m: np.ndarray, focal_factor: float, max_depth_m: float) -> np.ndarray:
    """Return a new array (H, W) of metres: corrected for the camera, +inf where the network only says "far"."""
    far = z_net_m >= SATURATED * max_depth_m
    z_m = z_net_m * np.float32(focal_factor)
    z_m[far] = np.inf
    return z_m


def limit_range(z_m: np.ndarray, max_range_m: float) -> None:
    """Make depth beyond `max_range_m` +inf, in place, unless that is 0 (REP 117)."""
    if max_range_m:
        z_m[z_m > max_range_m] = np.inf


def mask_unseen(z_m: np.ndarray, seen: np.ndarray | None) -> None:
    """Make depth NaN, in place, where the lens saw nothing; `seen` (H, W) may be of another size, None is all."""
    if seen is None:
        return
    if seen.shape != z_m.shape:
        resized = cv2.resize(seen.astype(np.uint8), z_m.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        seen = resized.astype(bool)
    z_m[~seen] = np.nan
