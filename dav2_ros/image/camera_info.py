# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to Camera, and what the camera_info of depth says. Regions of interest and binning end here.

A CameraInfo is anything with the fields of that message, whether rclpy made it or a recording did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dav2_ros.camera import Camera


@dataclass(frozen=True)
class Roi:
    """No region of interest: the whole picture."""

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, eq=False)
class InfoFields:
    """What a CameraInfo says besides its header; it can stand for one where one is read."""

    width: int
    height: int
    distortion_model: str
    d: np.ndarray  # (N,)
    k: np.ndarray  # (9,)
    r: np.ndarray  # (9,)
    p: np.ndarray  # (12,)
    roi: Roi = Roi()
    binning_x: int = 0
    binning_y: int = 0


def image_size(info: Any) -> tuple[int, int]:
    """Return (width, height) of the images that a CameraInfo describes, after its region of interest and binning."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return width // max(info.binning_x, 1), height // max(info.binning_y, 1)


def camera_from_info(info: Any, rectified: bool) -> Camera | None:
    """Make the Camera of the images of a CameraInfo: P for rectified ones, K and D for raw ones.

    Its size is `image_size(info)`. None when nobody calibrated it (K[0] is 0); raises ValueError for numbers that no
    camera has.
    """
    if info.k[0] == 0:
        return None
    k = (info.k[0], info.k[4], info.k[2], info.k[5])
    if not rectified:
        return _as_published(Camera(info.width, info.height, *k, info.distortion_model, tuple(info.d)), info)
    if info.p[0] == 0 and any(info.d):
        raise ValueError(
            'camera_info has K and D but P is zero, so it does not describe a rectified image: publish P, or set '
            'rectified_input to false.'
        )
    p = k if info.p[0] == 0 else (info.p[0], info.p[5], info.p[2], info.p[6])
    return _as_published(Camera(info.width, info.height, *p), info)


def _as_published(camera: Camera, info: Any) -> Camera:
    """Apply region of interest, then binning (super-pixels, CameraInfo.msg: the half pixel counts)."""
    if info.roi.width or info.roi.height:
        size = info.roi.width or info.width, info.roi.height or info.height
        camera = camera.cropped(info.roi.x_offset, info.roi.y_offset, *size)
    return camera.resized(*image_size(info))


def info_fields_for(
    source: Any, *, rectified: bool, size: tuple[int, int] | None = None, stride: int = 1
) -> InfoFields:
    """Describe a depth image: `source`, a CameraInfo, with region of interest, binning and stride folded into K and P.

    `size` is (width, height) of the depth before its stride, by default the image's: K and P follow the resize. Depth
    of a raw image keeps D and R; of a rectified one it is a pinhole (D zero, R identity, K from P). An uncalibrated
    source (K[0] is 0) stays uncalibrated.
    """
    camera = camera_from_info(source, rectified)
    width, height = size or image_size(source)
    k, p = np.zeros(9), np.zeros(12)
    if camera is not None:
        camera = camera.resized(width, height)
        k, p = camera.strided(stride).k.ravel(), _projection(source, camera, stride).ravel()
    return InfoFields(
        width=-(-width // stride),
        height=-(-height // stride),
        distortion_model='plumb_bob' if rectified else source.distortion_model,  # equidistant bends though D is 0
        d=np.zeros(5) if rectified else np.asarray(source.d, np.float64),
        k=k,
        r=np.eye(3).ravel() if rectified else np.asarray(source.r, np.float64),
        p=p,
    )


def _projection(source: Any, camera: Camera, stride: int) -> np.ndarray:
    """Return (3, 4) P for the published size; zero where a distorted camera has none."""
    p = np.zeros((3, 4))
    if source.p[0]:
        rectified = _as_published(Camera(source.width, source.height, *source.p[[0, 5, 2, 6]]), source)
        rectified = rectified.resized(camera.width, camera.height)
        p[:, :3] = rectified.strided(stride).k
        p[:2, 3] = source.p[[3, 7]] * p[[0, 1], [0, 1]] / source.p[[0, 5]]  # -f * baseline scales with f
        p[2, 3] = source.p[11]
    elif not camera.is_distorted:
        p[:, :3] = camera.strided(stride).k
    return p
