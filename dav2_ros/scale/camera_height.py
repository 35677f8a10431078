# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure scale by the ground: how high the camera stands is known, and the depth map has a plane under it.

On a plane 1/z = (a, b, c) . (x/z, y/z, 1), and the camera's height above it is 1/|(a, b, c)|. In this form a relative
error of depth is the same near and far, so one tolerance serves the whole ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.cloud.ground_plane import level_planes
from dav2_ros.frames import DepthMap
from dav2_ros.scale.measurements import Pairs, regions_of

SAMPLES = 3000  # pixels of the lower picture
HYPOTHESES = 128  # planes through three of them: with a third of them ground, one in 27 is right
TOLERANCE = 0.05  # of depth: what still is on a plane
LEAST_SHARE = 0.15  # of the samples that are ground, or there is none
MAX_TILT_DEG = 40.0  # between the plane's normal and the camera's y axis: pitched cameras, not walls


@dataclass(frozen=True, eq=False)
class GroundHeight:
    """The height of the camera's centre above level ground that is in its picture."""

    height_m: float
    stamp_ns: int = 0

    def pairs(self, depth: DepthMap) -> Pairs:
        """Pair the known height with that above each point of the ground, by the depth map."""
        if depth.camera is None:
            raise ValueError('the camera is not calibrated, so no plane can be found in its depth')
        rays, z_m, pixels = _below(depth)
        plane = _ground(rays, z_m) if len(z_m) >= 100 else None
        on_it, heights_m = np.zeros(len(z_m), bool), np.zeros(0)
        if plane is not None:
            near = np.abs(z_m * (rays @ plane) - 1.0) < TOLERANCE
            if near.sum() >= LEAST_SHARE * SAMPLES:
                on_it, heights_m = near, z_m[near] * (rays[near] @ (plane / np.linalg.norm(plane)))
        known_m = np.full(len(heights_m), self.height_m, np.float32)
        regions = regions_of(pixels[on_it], depth.z_m.shape)
        return Pairs(known_m, heights_m.astype(np.float32), regions, 100, 'no ground plane in the lower picture')


def _below(depth: DepthMap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rays (N, 3), Z (N,) and pixels (N, 2) of samples of the lower half of the picture."""
    height, width = depth.z_m.shape
    step = max(int(math.sqrt(0.5 * height * width / SAMPLES)), 1)
    v, u = np.mgrid[height // 2 : height : step, step // 2 : width : step].reshape(2, -1)
    rays = _rays(depth.camera, height // 2, step)
    z_m = depth.z_m[v, u]
    known = np.isfinite(z_m) & (z_m > 0)
    return rays[known], z_m[known], np.stack([u, v], axis=-1)[known].astype(np.float32)


@lru_cache(maxsize=8)
def _rays(camera: Camera, top: int, step: int) -> np.ndarray:
    """Return (N, 3) rays, 1 long along Z, of the pixels that `_below` samples."""
    rays = camera.rays()[top::step, step // 2 :: step].reshape(-1, 2)
    return np.concatenate([rays, np.ones((len(rays), 1), np.float32)], axis=1)


def _ground(rays: np.ndarray, z_m: np.ndarray) -> np.ndarray | None:
    """Return (3,) the plane with most samples on it and fewest below it: only under ground there is nothing.

    None if no plane is level enough.
    """
    points_m = (rays * z_m[:, None]).astype(np.float64)
    hypotheses = level_planes(points_m, HYPOTHESES, MAX_TILT_DEG, np.random.default_rng(0))
    hypotheses = hypotheses[hypotheses[:, 3] > 0]  # below the camera
    planes = -hypotheses[:, :3] / hypotheses[:, 3:]  # plane @ point == 1, which is free of the scale
    if not len(planes):
        return None
    few = (rays * z_m[:, None])[::4]  # enough to choose by
    excess = few @ planes.T.astype(np.float32) - 1.0  # (N/4, planes): 0 on it, > 0 below it
    best = np.argmax((np.abs(excess) < TOLERANCE).sum(axis=0) - (excess > TOLERANCE).sum(axis=0))
    plane = planes[best]
    for _ in range(3):
        points = rays * z_m[:, None]
        points = points[np.abs(points @ plane - 1.0) < TOLERANCE]
        if len(points) < 3:
            return None
        plane = np.linalg.lstsq(points, np.ones(len(points), points.dtype), rcond=None)[0]
    return plane
