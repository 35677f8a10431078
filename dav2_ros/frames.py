# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two values that flow through the package: a picture goes in, a depth map comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dav2_ros.camera import Camera


@dataclass(frozen=True, eq=False)
class Frame:
    """One colour picture, the camera that took it, and when.

    `camera` is None when nobody calibrated it: depth can still be estimated (with an assumed field of view),
    a point cloud cannot.
    """

    rgb: np.ndarray  # (H, W, 3) uint8
    camera: Camera | None = None
    stamp_ns: int = 0
    frame_id: str = ''
    seen: np.ndarray | None = None  # (H, W) bool: what the lens saw of a rectified picture; None is all of it
    hfov_rad: float | None = None  # without a camera: its focal length is known, how its lens bends rays is not


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth along the optical axis (not along the ray), one value per pixel of `camera`.

    NaN is "unknown", +inf is "beyond range, or sky" (REP 117); finite values are metres and positive.
    """

    z_m: np.ndarray  # (H, W) float32
    camera: Camera | None = None
    stamp_ns: int = 0
    frame_id: str = ''
    confidence: np.ndarray | None = None  # (H, W) float32, 0 to 1 (see confidence.py); None unless asked for


def is_same_frame(frame_id: str, other: str) -> bool:
    """Tell whether two frame_ids name one frame: `/cam` is `cam`, for tf2 knows no leading slash."""
    return frame_id.removeprefix('/') == other.removeprefix('/')
