# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A scene whose depth is known, seen by a camera that nothing is symmetric about, for graph/picture_depth_node.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from graph.peer import Peer, an_image, an_info
from sensor_msgs.msg import CameraInfo

WIDTH, HEIGHT = 64, 48
CAMERA = SimpleNamespace(fx=60.0, fy=57.0, cx=30.25, cy=24.5)  # nothing about it is symmetric
CAMERA_HEIGHT_M, WALL_M, WALL_TOP_M = 0.5, 3.0, 1.2  # above a floor, before a wall with sky over it
TILT = 0.3  # of the wall: x/z of its normal
HALF_MM = 0.00051
FAR_MM = 20_000  # what the network cannot say: its max_depth
EXACT = {'script': 'picture_depth_node.py', 'focal_correction': 'never', 'rectified_input': True}


def scene_m() -> np.ndarray:
    """Return the true depth (H, W): floor, tilted wall, +inf for the sky, and NaN for a patch of glass in the wall."""
    v, u = np.indices((HEIGHT, WIDTH))
    x, y = (u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy
    with np.errstate(divide='ignore'):
        floor_m = np.where(y > 0, CAMERA_HEIGHT_M / y, np.inf)
    wall_m = WALL_M / (1 + TILT * x)
    wall_m[y * wall_m < CAMERA_HEIGHT_M - WALL_TOP_M] = np.inf
    z_m = np.minimum(floor_m, wall_m)
    z_m[20:26, 46:58] = np.nan
    return z_m


def scene_points() -> np.ndarray:
    """Return the true points (H, W, 3) of the scene in the optical frame; NaN where depth is unknown or infinite."""
    v, u = np.indices((HEIGHT, WIDTH))
    z_m = np.where(np.isfinite(scene_m()), scene_m(), np.nan)
    return np.stack([(u - CAMERA.cx) / CAMERA.fx * z_m, (v - CAMERA.cy) / CAMERA.fy * z_m, z_m], axis=-1)


def picture_of(z_m: np.ndarray) -> np.ndarray:
    """Write depth into a picture, as graph/picture_depth_node.py reads it."""
    mm = np.nan_to_num(1000 * z_m, nan=0, posinf=FAR_MM).round().astype(int)
    return np.stack([mm >> 8, mm & 255, np.where(np.isnan(z_m), 255, mm % 250)], -1).astype(np.uint8)


def info_of(header) -> CameraInfo:
    """Describe a rectified camera: P is what its images obey; K and D are those of the fisheye before rectification."""
    info = an_info(header, WIDTH, HEIGHT, 55.0)
    info.distortion_model, info.d = 'equidistant', [-0.03, 0.01, 0.0, 0.0]
    info.p = [CAMERA.fx, 0.0, CAMERA.cx, 0.0, 0.0, CAMERA.fy, CAMERA.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def show(peer: Peer, *topics: str, z_m: np.ndarray | None = None) -> Any:
    picture = picture_of(scene_m() if z_m is None else z_m)
    return peer.show(picture, *topics, make=lambda header: (an_image(picture, header), info_of(header)))
