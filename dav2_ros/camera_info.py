# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to Camera, and what the camera_info of depth says. Regions of interest and binning end here.

A CameraInfo is anything with the fields of that message, whether rclpy made it or a recording did.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dav2_ros.camera import Camera, UnknownLensError

MIN_FOV_DEG, MAX_FOV_DEG = 0.1, 170.0  # of a centred pinhole: a telescope's long side, more than any lens
MAX_CENTRE = 2.0  # distance of the principal point from the middle, in long sides: cut from the rim of a larger one
ROTATION_TOLERANCE = 0.01  # of R R^T from the identity: YAML files have four digits


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


def info_of_image(info: Any, width: int, height: int, remedy: str) -> Any:
    """Return the CameraInfo of an image of this size: a size that the driver left 0 (gscam, usb_cam) is the image's.

    Raises ValueError, one sentence that ends in the remedy, where a calibration is that of images of another size.
    """
    if info.k[0] == 0:  # it tells nothing that could be of another size
        return info
    roi, binning = info.roi, (max(info.binning_x, 1), max(info.binning_y, 1))
    if not (info.width and info.height):
        info = copy.copy(info)  # others may read the message as it came
        info.width = info.width or (roi.x_offset + roi.width if roi.width else width * binning[0])
        info.height = info.height or (roi.y_offset + roi.height if roi.height else height * binning[1])
    if image_size(info) != (width, height):
        described = '{}x{}'.format(*image_size(info))
        raise ValueError(
            f'The image is {width}x{height}, its camera_info describes {described} (after region of interest and '
            f'binning): {remedy}'
        )
    return info


def camera_from_info(info: Any, rectified: bool) -> Camera | None:
    """Make the Camera of the images of a CameraInfo: P for rectified ones, K and D for raw ones.

    Its size is `image_size(info)`. None when nobody calibrated it (K[0] is 0); raises ValueError, which names K, P, R
    or D, for numbers that no camera has, and UnknownLensError for a distortion model that we do not know.
    """
    pinhole = _pinhole_from_info(info, rectified)
    if rectified or pinhole is None:
        return pinhole
    return replace(pinhole, distortion_model=info.distortion_model, distortion=tuple(map(float, info.d)))


@dataclass(frozen=True)
class CameraReading:
    """What a CameraInfo says of its images; where their rays are not known, why, and how much they see if K says so."""

    camera: Camera | None = None
    hfov_rad: float | None = None  # of a pinhole with square pixels, where only the distortion is not known
    why: str = ''  # why there is no camera


def read_camera(info: Any, rectified: bool) -> CameraReading:
    """Read a CameraInfo as far as depth needs it: a lens that we do not know still has a focal length.

    Raises ValueError, which names K, P, R or D, for numbers that no camera has.
    """
    try:
        camera = camera_from_info(info, rectified)
    except UnknownLensError as error:
        pinhole = _pinhole_from_info(info, rectified)
        return CameraReading(None, 2.0 * math.atan2(0.5 * pinhole.width, pinhole.f_px), str(error))
    return CameraReading(camera, None, '' if camera else 'The camera is not calibrated (K[0] is 0): calibrate it.')


def _pinhole_from_info(info: Any, rectified: bool) -> Camera | None:
    """Make the camera of the images, lens distortion left out; see camera_from_info."""
    if info.k[0] == 0:
        return None
    if rectified and info.p[0] == 0 and any(info.d):
        raise ValueError(
            'camera_info has K and D but P is zero, so it does not describe a rectified image: publish P, or set '
            'rectified_input to false.'
        )
    name, matrix = ('P', info.p) if rectified and info.p[0] != 0 else ('K', info.k)
    pinhole = _check_matrix(name, matrix, info)
    if not rectified:  # the rest is handed on with the depth
        if not all(map(math.isfinite, info.d)):
            raise ValueError(f'camera_info has D = {_numbers(info.d)}, not all finite: calibrate the camera again.')
        _check_matrix('P', info.p, info)
        _check_rotation(info.r)
    return _as_published(pinhole, info)


def _check_matrix(name: str, matrix: Any, info: Any) -> Camera | None:
    """Make the pinhole of K (9) or P (12) in pixels of the whole sensor; None if there is no P (P[0] is 0).

    Raises ValueError, one sentence with the numbers, for a matrix that no camera has.
    """
    if not all(map(math.isfinite, matrix)):
        raise ValueError(f'camera_info has {name} = {_numbers(matrix)}, not all finite: calibrate the camera again.')
    if name == 'P' and matrix[0] == 0:
        return None
    columns = len(matrix) // 3
    fx, fy, cx, cy = (float(matrix[at]) for at in (0, columns + 1, 2, columns + 2))
    width, height = info.width, info.height
    what = f'camera_info has {name} with fx={fx}, fy={fy}, cx={cx}, cy={cy} px for {width}x{height} pixels'
    if fx <= 0 or fy <= 0:
        raise ValueError(f'{what}, and focal lengths are positive: calibrate the camera again.')
    pinhole = Camera(width, height, fx, fy, cx, cy)  # raises for a size that no camera has
    long_side = max(width, height)  # for both axes: what is cut to a line may lie far from the middle of its height
    if max(abs(cx - 0.5 * width), abs(cy - 0.5 * height)) > MAX_CENTRE * long_side:
        raise ValueError(f'{what}, a centre far outside of the picture: calibrate the camera again.')
    fov_deg = [math.degrees(2.0 * math.atan2(0.5 * size, f)) for size, f in ((width, fx), (height, fy))]
    longest_f_px = 0.5 * long_side / math.tan(math.radians(0.5 * MIN_FOV_DEG))
    if max(fx, fy) > longest_f_px or max(fov_deg) > MAX_FOV_DEG:
        raise ValueError(
            f'{what}, {fov_deg[0]:.4g} x {fov_deg[1]:.4g} degrees wide, not {MIN_FOV_DEG:g} to {MAX_FOV_DEG:g}: '
            'calibrate the camera again.'
        )
    return pinhole


def _check_rotation(r: Any) -> None:
    """Raise ValueError, one sentence with the numbers, for an R that turns nothing; all zero is none."""
    if not any(r):
        return
    rotation = np.reshape(np.asarray(r, np.float64), (3, 3))
    if not np.isfinite(rotation).all():
        raise ValueError(f'camera_info has R = {_numbers(r)}, not all finite: calibrate the camera again.')
    with np.errstate(over='ignore', invalid='ignore'):
        error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if not error <= ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise ValueError(f'camera_info has R = {_numbers(r)}, which is no rotation: calibrate the camera again.')


def _numbers(values: Any) -> str:
    return f'[{", ".join(f"{value:g}" for value in values)}]'


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
    pinhole = _pinhole_from_info(source, rectified)
    width, height = size or image_size(source)
    k, p = np.zeros(9), np.zeros(12)
    if pinhole is not None:
        pinhole = pinhole.resized(width, height)
        bends = not rectified and any(source.d)
        k, p = pinhole.strided(stride).k.ravel(), _projection(source, pinhole, bends, stride).ravel()
    return InfoFields(
        width=-(-width // stride),
        height=-(-height // stride),
        distortion_model='plumb_bob' if rectified else source.distortion_model,  # equidistant bends though D is 0
        d=np.zeros(5) if rectified else np.asarray(source.d, np.float64),
        k=k,
        r=np.eye(3).ravel() if rectified else np.asarray(source.r, np.float64),
        p=p,
    )


def _projection(source: Any, pinhole: Camera, bends: bool, stride: int) -> np.ndarray:
    """Return (3, 4) P for the published size; zero where a distorted camera has none."""
    p = np.zeros((3, 4))
    if source.p[0]:
        rectified = _as_published(Camera(source.width, source.height, *source.p[[0, 5, 2, 6]]), source)
        rectified = rectified.resized(pinhole.width, pinhole.height)
        p[:, :3] = rectified.strided(stride).k
        p[:2, 3] = source.p[[3, 7]] * p[[0, 1], [0, 1]] / source.p[[0, 5]]  # -f * baseline scales with f
        p[2, 3] = source.p[11]
    elif not bends:
        p[:, :3] = pinhole.strided(stride).k
    return p
