# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make the CameraInfo of what we publish, and keep those that came lately."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dav2_ros.frames import StampHistory, ns_of, stamp_ns
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

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit  # two seconds at 30 Hz: longer than a frame waits
        self._infos: StampHistory[CameraInfo] = StampHistory(limit)

    def __bool__(self) -> bool:
        return bool(self._infos)

    def add(self, info: CameraInfo) -> None:
        """Remember one. A stamp older than the last (a bag that starts again) forgets those before it."""
        at_ns, newest_ns = stamp_ns(info), self._infos.newest_ns
        if newest_ns is not None and at_ns < newest_ns:
            fresh: StampHistory[CameraInfo] = StampHistory(self._limit)
            fresh.add(at_ns, info)
            self._infos = fresh  # at once: who asks meanwhile finds one
        else:
            self._infos.add(at_ns, info)

    def match(self, header: Header, width: int, height: int) -> CameraInfo | None:
        """Find the info of an image: the one with its stamp, else the newest; None before the first.

        A size that the driver left 0 is the image's. Raises ValueError if it describes images of another size.
        """
        info = self._infos.of_or_newest(ns_of(header.stamp))
        remedy = 'publish the camera_info of this image, or remap camera_info.'
        return info_of_image(info, width, height, remedy) if info else None
