# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to Camera, and the CameraInfo of what we publish. Regions of interest and binning end here."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dav2_ros.camera import Camera


def image_size(info: CameraInfo) -> tuple[int, int]:
    """Return (width, height) of the images that a CameraInfo describes, after its region of interest and binning."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return width // max(info.binning_x, 1), height // max(info.binning_y, 1)


def camera_from_info(info: CameraInfo, rectified: bool) -> Camera | None:
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


def _as_published(camera: Camera, info: CameraInfo) -> Camera:
    """Apply region of interest, then binning (super-pixels, CameraInfo.msg: the half pixel counts)."""
    if info.roi.width or info.roi.height:
        size = info.roi.width or info.width, info.roi.height or info.height
        camera = camera.cropped(info.roi.x_offset, info.roi.y_offset, *size)
    return camera.resized(*image_size(info))


def camera_info_for(
    source: CameraInfo, header: Header, *, rectified: bool, size: tuple[int, int] | None = None, stride: int = 1
) -> CameraInfo:
    """Describe the published depth image: `source` with region of interest, binning and stride folded into K and P.

    `size` is (width, height) of the depth before its stride, by default the image's: K and P follow the resize. Depth
    of a raw image keeps D and R; of a rectified one it is a pinhole (D zero, R identity, K from P). An uncalibrated
    source (K[0] is 0) stays uncalibrated.
    """
    camera = camera_from_info(source, rectified)
    width, height = size or image_size(source)
    info = CameraInfo(header=header, width=-(-width // stride), height=-(-height // stride))
    info.distortion_model = 'plumb_bob' if rectified else source.distortion_model  # equidistant bends though D is 0
    info.r = np.eye(3).ravel() if rectified else source.r
    info.d = [0.0] * 5 if rectified else source.d
    if camera is not None:
        camera = camera.resized(width, height)
        info.k = camera.strided(stride).k.ravel()
        info.p = _projection(source, camera, stride).ravel()
    return info


def _projection(source: CameraInfo, camera: Camera, stride: int) -> np.ndarray:
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


class RecentInfos:
    """The last CameraInfos of one camera. One thread adds, another asks."""

    def __init__(self, depth: int = 64) -> None:
        self._depth = depth  # two seconds at 30 Hz: longer than a frame waits
        self._infos: tuple[CameraInfo, ...] = ()  # newest first; replaced, never changed

    def __bool__(self) -> bool:
        return bool(self._infos)

    def add(self, info: CameraInfo) -> None:
        """Remember one. A stamp older than the last (a bag that starts again) forgets those before it."""
        newest = self._infos[0].header.stamp if self._infos else info.header.stamp
        again = (info.header.stamp.sec, info.header.stamp.nanosec) < (newest.sec, newest.nanosec)
        self._infos = (info,) if again else (info, *self._infos[: self._depth - 1])

    def match(self, header: Header, width: int, height: int) -> CameraInfo | None:
        """Find the info of an image: the one with its stamp, else the newest; None before the first.

        Raises ValueError if it describes images of another size.
        """
        infos = self._infos
        info = next((info for info in infos if info.header.stamp == header.stamp), infos[0] if infos else None)
        if info and image_size(info) != (width, height):
            described = '{}x{}'.format(*image_size(info))
            raise ValueError(
                f'The image is {width}x{height}, its camera_info describes {described} (after region of interest and '
                'binning): publish the camera_info of this image, or remap camera_info.'
            )
        return info
