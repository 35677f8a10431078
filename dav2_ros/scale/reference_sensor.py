# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pair each picture with what a sensor beside the camera measured at its moment.

A message is anything with the fields of that name, whether rclpy made it or a recording did: nothing here imports ROS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dav2_ros.frames import DepthMap, stamp_ns
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.from_messages import from_cloud, from_depth, from_range, from_scan
from dav2_ros.scale.measurements import Measurement
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.time_sync import MeasurementBuffer

READERS: dict[str, Callable[[Any, Pose], Measurement | None]] = {
    'lidar': from_cloud,
    'scan': from_scan,
    'range': from_range,
}
SOURCES = (*READERS, 'depth')  # what scale_source may be that is a sensor's topic


@dataclass(frozen=True, eq=False)
class StampedMessage:
    """A message that waits for its picture: most are never needed, so none is decoded before."""

    stamp_ns: int
    message: Any


class ReferenceSensor:
    """The messages of one sensor that knows metres. One thread adds, another asks for the moment of a picture.

    Args:
        source: one of SOURCES.
        topic: what sentences call it.
        tolerance_s: how far apart the stamps of a picture and of its measurement may be.
        pose: where the sensor is, by the header of its message and the frame of the camera; raises ValueError.
        decode_depth: a depth image with its camera; raises ValueError.
        waiting: how many messages are kept.
    """

    def __init__(
        self,
        source: str,
        topic: str,
        tolerance_s: float,
        *,
        pose: Callable[[Any, str], Pose],
        decode_depth: Callable[[Any], DepthMap],
        waiting: int = 16,
    ) -> None:
        self.source, self.topic = source, topic
        self._pose, self._decode_depth = pose, decode_depth
        self._messages: MeasurementBuffer[StampedMessage] = MeasurementBuffer(tolerance_s, waiting)

    def add(self, message: Any) -> None:
        """Keep a message for the picture of its moment."""
        self._messages.add(StampedMessage(stamp_ns(message), message))

    def message_at(self, picture_ns: int) -> tuple[Any | None, str]:
        """Return the message nearest to a picture's moment, once, or why there is none."""
        nearest, missing = self._messages.take(picture_ns)
        return (nearest.message, '') if nearest else (None, f'{self.topic}: {missing}')

    def at(self, picture_ns: int, camera_frame: str) -> tuple[Measurement | None, str]:
        """Return what was measured at a picture's moment, in the camera's optical frame, or why nothing was."""
        message, missing = self.message_at(picture_ns)
        if message is None:
            return None, missing
        try:
            measurement = self.measurement(message, camera_frame)
        except ValueError as error:  # a message that is not what it should be, or a frame that TF does not know
            return None, f'{self.topic}: {str(error).rstrip(".")}'
        return measurement, '' if measurement else f'{self.topic}: nothing is in range'

    def measurement(self, message: Any, camera_frame: str) -> Measurement | None:
        """Bring a message to the camera's frame; None if nothing is in range. Raises ValueError."""
        pose = self._pose(message.header, camera_frame)
        if self.source == 'depth':
            return from_depth(self._decode_depth(message), pose)
        return READERS[self.source](message, pose)


def stated_pose(params: ScaleParameters, *, sensor_is_optical: bool) -> Pose:
    """Return the pose of the sensor that the parameters state, whatever the frames are called."""
    xyz_m = params.scale_sensor_x_m, params.scale_sensor_y_m, params.scale_sensor_z_m
    rpy_deg = params.scale_sensor_roll_deg, params.scale_sensor_pitch_deg, params.scale_sensor_yaw_deg
    pose = Pose.from_rpy(xyz_m, tuple(math.radians(angle) for angle in rpy_deg))
    return pose.of_bodies(sensor_is_optical=sensor_is_optical)
