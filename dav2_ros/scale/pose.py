# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Place a sensor as seen from the camera: points go from its frame to the camera's, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

# A body frame has x forward, y left, z up; an optical one x right, y down, z forward (REP 103).
OPTICAL_FROM_BODY = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


@dataclass(frozen=True, eq=False)
class Pose:
    """A rotation and a translation: `apply` takes points of the sensor's frame to the camera's."""

    rotation: np.ndarray  # (3, 3) float64
    xyz_m: np.ndarray  # (3,) float64, the sensor's origin in the camera's frame

    @classmethod
    def identity(cls) -> Pose:
        """The same frame."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_quaternion(cls, xyz_m: tuple[float, ...], xyzw: tuple[float, ...]) -> Pose:
        """Make the pose of a geometry_msgs/Transform; the quaternion need not be normalised.

        Raises ValueError for a quaternion of zeros.
        """
        q = np.asarray(xyzw, np.float64)
        length = np.linalg.norm(q)
        if not length > 1e-6:
            raise ValueError(
                f'The quaternion {tuple(xyzw)} has no length, so it is no rotation: no turn is 0, 0, 0, 1.'
            )
        x, y, z, w = q / length
        rotation = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        return cls(np.array(rotation), np.asarray(xyz_m, np.float64))

    @classmethod
    def from_rpy(cls, xyz_m: tuple[float, ...], rpy_rad: tuple[float, ...]) -> Pose:
        """Turn about the fixed x, then y, then z axis (URDF's origin), then move."""
        (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a), math.sin(a)) for a in rpy_rad)
        about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        return cls(about_z @ about_y @ about_x, np.asarray(xyz_m, np.float64))

    def of_bodies(self, *, sensor_is_optical: bool = False) -> Pose:
        """Return this pose, given between bodies (x forward), between the camera's optical frame and the sensor's."""
        rotation = OPTICAL_FROM_BODY @ self.rotation
        rotation = rotation @ OPTICAL_FROM_BODY.T if sensor_is_optical else rotation
        return Pose(rotation, OPTICAL_FROM_BODY @ self.xyz_m)

    def inverse(self) -> Pose:
        """Return the way back."""
        return Pose(self.rotation.T, -self.rotation.T @ self.xyz_m)

    def apply(self, xyz_m: np.ndarray) -> np.ndarray:
        """Take points (N, 3) to the camera's frame, in the precision they come in; NaN stays NaN."""
        if not len(xyz_m):
            return xyz_m
        # not BLAS: it starts threads for a product so thin, and they wait for each other on a busy machine
        return cv2.transform(xyz_m[:, None], np.column_stack([self.rotation, self.xyz_m]))[:, 0]
