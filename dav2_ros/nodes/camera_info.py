# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make the CameraInfo of what we publish, and keep those that came lately."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dav2_ros.image.camera_info import camera_from_info, image_size, info_fields_for, info_of_image, read_camera

__all__ = ['RecentCameraInfos', 'camera_from_info', 'camera_info_for', 'image_size', 'read_camera']


def camera_info_for(
    source: CameraInfo, header: Header, *, rectified: bool, size: tuple[int, int] | None = None, stride: int = 1
) -> CameraInfo:
    """Make the CameraInfo of a depth image: see info_fields_for."""
    of = info_fields_for(source, rectified=rectified, size=size, stride=stride)
    info = CameraInfo(header=header, width=of.width, height=of.height, distortion_model=of.distortion_model)
    info.d, info.k, info.r, info.p = of.d.tolist(), of.k, of.r, of.p
    return info


class RecentCameraInfos:
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

        A size that the driver left 0 is the image's. Raises ValueError if it describes images of another size.
        """
        infos = self._infos
        info = next((info for info in infos if info.header.stamp == header.stamp), infos[0] if infos else None)
        remedy = 'publish the camera_info of this image, or remap camera_info.'
        return info_of_image(info, width, height, remedy) if info else None
