# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Project points to the picture: which ones the camera sees, where, and how far depth says they are."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from dav2_ros.camera import Camera

MOST = 12000  # points in the picture: four in each neighbourhood; more say the same
NEAR_M = 0.1  # returns nearer than this are of the robot itself
CELLS_ACROSS = 64  # neighbourhoods of the picture: 3 x 3 cells are wider than the gaps between a LiDAR's rings
BEHIND = 1.15  # so much further than its nearest neighbour, a return may be one that the camera cannot see
EDGE = 1.1  # the depth around a pixel changes by this factor: an edge, where a pixel more or less decides


@lru_cache(maxsize=8)
def _reach(camera: Camera) -> tuple[float, float, float, float]:
    """Return the least and greatest x/z and y/z in a picture: a lens model means nothing beyond them."""
    rays = camera.rays()
    low, high = np.nanmin(rays, axis=(0, 1)), np.nanmax(rays, axis=(0, 1))
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def in_picture(xyz_m: np.ndarray, camera: Camera, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (M, 3) that fall on the picture and their pixels (M, 2), of points (N, 3) in any order.

    At most `most`, taken evenly.
    """
    x_m, y_m, z_m = np.ascontiguousarray(xyz_m.T)  # columns: five comparisons over rows of three take twice as long
    left, right, top, bottom = _reach(camera)
    with np.errstate(invalid='ignore', over='ignore'):  # NaN and inf are no returns, and compare false
        ahead = (z_m > NEAR_M) & (z_m < np.inf)
        ahead &= (x_m > left * z_m) & (x_m < right * z_m)
        ahead &= (y_m > top * z_m) & (y_m < bottom * z_m)
    there = np.flatnonzero(ahead)
    xyz_m = xyz_m[there[:: -(-len(there) // most) or 1]]
    if camera.is_distorted:
        pixels = camera.project(xyz_m).astype(np.float32)
        inside = (pixels > -0.5).all(axis=1) & (pixels < (camera.width - 0.5, camera.height - 0.5)).all(axis=1)
        return xyz_m[inside], pixels[inside]
    f = np.array((camera.fx_px, camera.fy_px), np.float32)
    c = np.array((camera.cx_px, camera.cy_px), np.float32)
    return xyz_m, xyz_m[:, :2] / xyz_m[:, 2:] * f + c


def nearest_returns(
    pixels: np.ndarray, z_m: np.ndarray, shape: tuple[int, int], cells_across: int = CELLS_ACROSS
) -> np.ndarray:
    """Tell (N,) which of several points in a neighbourhood are in front: a sensor beside the camera sees past things.

    A point is kept if none in its cell of the picture or the eight around it is nearer by a factor of `BEHIND`.
    """
    cell_px = max(shape[1] / cells_across, 1.0)
    across, down = int(shape[1] / cell_px) + 2, int(shape[0] / cell_px) + 2
    cells = ((pixels + 0.5) * np.float32(1.0 / cell_px)).astype(np.int32)
    cells = cells[:, 1] * across + cells[:, 0]
    nearest_m = np.full(down * across, np.inf, np.float32)
    order = np.argsort(-z_m)
    nearest_m[cells[order]] = z_m[order]  # the last of a cell's points stays: the nearest
    around_m = cv2.erode(nearest_m.reshape(down, across), np.ones((3, 3), np.uint8))
    return z_m <= np.float32(BEHIND) * around_m.ravel()[cells]


def splat(pixels: np.ndarray, z_m: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a depth map (H, W) float32 of points at pixels (N, 2) inside it: of several the nearest, NaN elsewhere."""
    depth_m = np.full(shape, np.nan, np.float32)
    u, v = np.rint(pixels).astype(np.intp).T
    far_first = np.argsort(-z_m)
    depth_m[v[far_first], u[far_first]] = z_m[far_first]  # the last of a pixel's points stays
    return depth_m


def sample_depth(z_m: np.ndarray, pixels: np.ndarray, *, edges: bool = False) -> np.ndarray:
    """Look up depth (H, W) at pixels (N, 2); NaN where it is unknown, infinite, or (unless `edges`) beside an edge."""
    height, width = z_m.shape
    u = np.clip(np.rint(pixels[:, 0]).astype(np.intp), 0, width - 1)
    v = np.clip(np.rint(pixels[:, 1]).astype(np.intp), 0, height - 1)
    here_m = z_m[v, u]
    known = np.isfinite(here_m)
    if not edges:
        far_px = max(width // 320, 1)
        left, right = np.maximum(u - far_px, 0), np.minimum(u + far_px, width - 1)
        above, below = np.maximum(v - far_px, 0), np.minimum(v + far_px, height - 1)
        around_m = np.stack([z_m[v, left], z_m[v, right], z_m[above, u], z_m[below, u]])
        with np.errstate(invalid='ignore'):  # a NaN beside it is an edge too
            known &= around_m.max(axis=0) <= np.float32(EDGE) * around_m.min(axis=0)
    return np.where(known, here_m, np.float32(np.nan))
