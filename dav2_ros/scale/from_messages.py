# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read measurements from messages: PointCloud2, LaserScan, Range, and the depth map of another camera.

A message is anything with the fields of that name, whether rclpy made it or a recording did: nothing here imports ROS.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dav2_ros.frames import DepthMap, stamp_ns
from dav2_ros.scale.measurements import Beam, Points
from dav2_ros.scale.pose import Pose

# sensor_msgs/PointField: INT8 = 1 ... FLOAT64 = 8
FIELD_TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
DEPTH_SAMPLES = 20000  # pixels of another camera's depth map: more say the same


def cloud_xyz(msg: Any) -> np.ndarray:
    """Return the points (N, 3) float32 of a PointCloud2: any layout of fields, any byte order, padding; NaN stays.

    Raises ValueError, one sentence, for a cloud without x, y and z or without its bytes.
    """
    fields = {field.name: field for field in msg.fields}
    if not {'x', 'y', 'z'} <= fields.keys() or any(fields[name].datatype not in FIELD_TYPES for name in 'xyz'):
        raise ValueError(f'A cloud with the fields {", ".join(fields) or "(none)"} has no points: it needs x, y and z.')
    order = '>' if msg.is_bigendian else '<'
    dtypes = {name: np.dtype(order + FIELD_TYPES[fields[name].datatype]) for name in 'xyz'}
    ends = max(fields[name].offset + dtypes[name].itemsize for name in 'xyz')
    rows, columns = msg.height, msg.width
    row_step = msg.row_step or columns * msg.point_step
    needed = (rows - 1) * row_step + columns * msg.point_step if rows and columns else 0
    if ends > msg.point_step or row_step < columns * msg.point_step or len(msg.data) < needed:
        raise ValueError(
            f'A cloud of {columns}x{rows} points of {msg.point_step} bytes, rows of {msg.row_step} and {len(msg.data)} '
            f'bytes in all is wrongly formed: x, y and z end at byte {ends} and it needs {needed}.'
        )
    xyz_m = np.empty((rows, columns, 3), np.float32)
    if xyz_m.size:
        for k, name in enumerate('xyz'):
            steps = (row_step, msg.point_step)
            xyz_m[..., k] = np.ndarray((rows, columns), dtypes[name], msg.data, fields[name].offset, steps)
    return xyz_m.reshape(-1, 3)


def scan_xyz(msg: Any) -> np.ndarray:
    """Return the returns (N, 3) float32 of a LaserScan in its plane; those out of its range are left out (REP 117)."""
    range_m = np.asarray(msg.ranges, np.float32)
    angles = msg.angle_min + msg.angle_increment * np.arange(len(range_m))
    with np.errstate(invalid='ignore'):
        hit = (range_m >= msg.range_min) & (range_m <= msg.range_max) & np.isfinite(range_m)
    angles, range_m = angles[hit], range_m[hit]
    return np.stack([range_m * np.cos(angles), range_m * np.sin(angles), 0.0 * range_m], axis=1).astype(np.float32)


def from_cloud(msg: Any, pose: Pose) -> Points:
    """Take a PointCloud2's points to the camera's optical frame."""
    return Points(pose.apply(cloud_xyz(msg)), stamp_ns(msg))


def from_scan(msg: Any, pose: Pose) -> Points:
    """Take a LaserScan's returns to the camera's optical frame."""
    return Points(pose.apply(scan_xyz(msg)), stamp_ns(msg))


def from_range(msg: Any, pose: Pose) -> Beam | None:
    """Make the beam of a Range, along x of its frame; None when nothing was in its range (REP 117)."""
    if not math.isfinite(msg.range) or not max(msg.min_range, 1e-3) <= msg.range <= msg.max_range:
        return None
    return Beam(pose.xyz_m, pose.rotation[:, 0], float(msg.range), 0.5 * float(msg.field_of_view), stamp_ns(msg))


def from_depth(depth: DepthMap, pose: Pose) -> Points:
    """Take another camera's depth map to the camera's optical frame; raises ValueError if it has no camera."""
    if depth.camera is None:
        raise ValueError('the reference depth image has no camera_info: publish it beside the image')
    step = max(math.isqrt(depth.z_m.size // DEPTH_SAMPLES), 1)
    z_m = np.ascontiguousarray(depth.z_m[::step, ::step])
    xyz_m = depth.camera.strided(step).unproject(z_m).reshape(-1, 3)
    return Points(pose.apply(xyz_m[np.isfinite(xyz_m[:, 2])]), depth.stamp_ns)
