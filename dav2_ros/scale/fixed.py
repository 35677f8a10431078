# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scales that no sensor's topic is needed for: none, a calibrated one, and that of a camera whose height is known."""

from __future__ import annotations

import math

from dav2_ros.frames import DepthMap
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.camera_height import GroundHeight
from dav2_ros.scale.correction import multiplied
from dav2_ros.scale.kalman import FilterSettings, Scale
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.tracker import ScaleTracker


def filter_settings(given: ScaleParameters) -> FilterSettings:
    """Return how the parameters filter a scale that is measured."""
    return FilterSettings(rest=given.scale_fixed, hold_s=given.scale_hold_s, decay_s=given.scale_decay_s)


def stated_pose(given: ScaleParameters, *, sensor_is_optical: bool) -> Pose:
    """Return the pose of the sensor that the parameters state, whatever the frames are called."""
    xyz_m = given.scale_sensor_x_m, given.scale_sensor_y_m, given.scale_sensor_z_m
    rpy_deg = given.scale_sensor_roll_deg, given.scale_sensor_pitch_deg, given.scale_sensor_yaw_deg
    pose = Pose.from_rpy(xyz_m, tuple(math.radians(angle) for angle in rpy_deg))
    return pose.of_bodies(sensor_is_optical=sensor_is_optical)


class StatedScale:
    """A scale that stays: none, or the one of a calibration."""

    def __init__(self, given: ScaleParameters) -> None:
        fixed = given.scale_source == 'fixed'
        factor = given.scale_fixed if fixed else 1.0
        self._shift_per_m = given.scale_shift_per_m if fixed else 0.0
        self._scale = Scale(factor, factor, math.nan, source=given.scale_source)

    def listen(self) -> None:
        """There is nothing to listen to."""

    def ignore(self) -> None:
        """Nothing was listened to."""

    def correct(self, depth: DepthMap) -> tuple[DepthMap, Scale]:
        """Multiply."""
        return multiplied(depth, self._scale.applied, self._shift_per_m), self._scale


class KnownHeight:
    """The scale by the ground plane of each depth map."""

    def __init__(self, given: ScaleParameters) -> None:
        self._height_m, self._settings = given.scale_camera_height_m, filter_settings(given)
        self._noise_m = given.scale_noise_m
        self.listen()

    def listen(self) -> None:
        """Start anew: what the last scene's scale was, nobody knows any more."""
        self._tracker = ScaleTracker(self._settings, 'height', self._noise_m)

    def ignore(self) -> None:
        """Nothing was listened to."""

    def correct(self, depth: DepthMap) -> tuple[DepthMap, Scale]:
        """Fit, filter and multiply."""
        return self._tracker.correct(depth, GroundHeight(self._height_m, depth.stamp_ns))
