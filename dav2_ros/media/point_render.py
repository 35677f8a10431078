# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render a point cloud in NumPy: every point a small square that faces the viewer, nearest in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_RADIUS_PX = 8


@dataclass(frozen=True)
class Viewpoint:
    """Where a cloud is looked at from, in the cloud's optical frame (x right, y down, z forward), and how large."""

    at_m: tuple[float, float, float]
    towards_m: tuple[float, float, float]
    width: int = 960
    height: int = 720
    hfov_rad: float = 1.0

    @property
    def f_px(self) -> float:
        """Focal length of the picture."""
        return 0.5 * self.width / np.tan(0.5 * self.hfov_rad)

    def axes(self) -> np.ndarray:
        """Return (3, 3): rows are right, down and forward; the horizon stays level."""
        forward = np.subtract(self.towards_m, self.at_m)
        forward = forward / np.linalg.norm(forward)
        right = np.cross((0.0, 1.0, 0.0), forward)
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])


def raised(points_m: np.ndarray, **size: int) -> Viewpoint:
    """Choose an eye above and to the right of the camera, that looks at the middle of the nearer points (N, 3)."""
    near_m = points_m[points_m[:, 2] <= np.percentile(points_m[:, 2], 70)]
    x, y, reach_m = np.median(near_m, axis=0)
    return Viewpoint(
        (x + 0.4 * reach_m, -0.55 * reach_m, -0.6 * reach_m), (x, y - 0.1 * reach_m, 1.1 * reach_m), **size
    )


def splat(
    points_m: np.ndarray, rgb: np.ndarray, eye: Viewpoint, *, spread_m: np.ndarray, background: tuple[int, int, int]
) -> np.ndarray:
    """Draw points (N, 3) with colours (N, 3) uint8; returns (H, W, 3) uint8.

    Args:
        spread_m: (N,) distance between neighbouring points: the size at which they close the surface.
    """
    local = (points_m - np.asarray(eye.at_m)) @ eye.axes().T
    keep = np.flatnonzero(local[:, 2] > 0.05)
    keep = keep[np.argsort(-local[keep, 2], kind='stable')]  # far to near: what is written last is in front
    local, rgb, spread_m = local[keep], rgb[keep], spread_m[keep]
    z_m = local[:, 2]
    u = np.rint(eye.f_px * local[:, 0] / z_m + 0.5 * (eye.width - 1)).astype(np.int64)
    v = np.rint(eye.f_px * local[:, 1] / z_m + 0.5 * (eye.height - 1)).astype(np.int64)
    radius = np.clip(np.rint(0.5 * eye.f_px * spread_m / z_m), 0, MAX_RADIUS_PX).astype(np.int64)
    image = np.full((eye.height * eye.width, 3), background, np.uint8)
    nearest_m = np.full(eye.height * eye.width, np.inf)
    reach = range(-radius.max(initial=0), radius.max(initial=0) + 1)
    for dy, dx in ((dy, dx) for dy in reach for dx in reach):
        x, y = u + dx, v + dy
        on = (radius >= max(abs(dx), abs(dy))) & (x >= 0) & (x < eye.width) & (y >= 0) & (y < eye.height)
        pixel, depth_m = y[on] * eye.width + x[on], z_m[on]
        front = depth_m < nearest_m[pixel]
        pixel = pixel[front]
        nearest_m[pixel], image[pixel] = depth_m[front], rgb[on][front]
    return image.reshape(eye.height, eye.width, 3)
