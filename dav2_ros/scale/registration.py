# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Register what a sensor beside a camera measured as a depth map of the camera: NaN where nothing was measured."""

from __future__ import annotations

import math

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.projection import CELLS_ACROSS, in_picture, nearest_returns, splat

ALL = 2**31  # points of a message: none is left out
SAME_PX = 0.01  # cameras whose numbers differ by less are one


def from_points(xyz_m: np.ndarray, camera: Camera, cells_across: int = CELLS_ACROSS) -> np.ndarray:
    """Draw points (N, 3) of the camera's optical frame on its picture: (H, W) float32.

    Of a neighbourhood (see `nearest_returns`) what is clearly behind the nearest is left out: the sensor saw it past
    something that hides it from the camera.
    """
    shape = camera.height, camera.width
    xyz_m, pixels = in_picture(xyz_m, camera, ALL)
    z_m = np.ascontiguousarray(xyz_m[:, 2])
    seen = nearest_returns(pixels, z_m, shape, cells_across)
    inside = seen & (np.rint(pixels) <= (camera.width - 1, camera.height - 1)).all(axis=1)
    return splat(np.abs(pixels[inside]), z_m[inside], shape)


def from_depth_camera(depth: DepthMap, camera: Camera, pose: Pose) -> np.ndarray:
    """Draw a depth map on the picture of another camera, or hand it on if it is of the same: (H, W) float32.

    `pose` takes points of the depth camera to the other. Raises ValueError for one that is not calibrated.
    """
    if is_aligned(depth, camera, pose):
        return depth.z_m
    if depth.camera is None:
        raise ValueError('the depth images are of another camera than the pictures and have no camera_info')
    xyz_m = depth.camera.unproject(depth.z_m).reshape(-1, 3)
    points = pose.apply(xyz_m[np.isfinite(xyz_m).all(axis=1)])
    across = math.ceil(camera.width / math.ceil(camera.f_px / depth.camera.f_px))  # a cell is a pixel of the depth's
    return from_points(points, camera, across)


def is_aligned(depth: DepthMap, camera: Camera, pose: Pose) -> bool:
    """Tell whether each pixel of the depth map is the pixel of the picture at its place."""
    if depth.z_m.shape != (camera.height, camera.width) or not np.allclose(pose.xyz_m, 0, atol=1e-6):
        return False
    same = depth.camera is None or np.allclose(depth.camera.k, camera.k, atol=SAME_PX)
    return same and bool(np.allclose(pose.rotation, np.eye(3), atol=1e-6))
