# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the consumers of depth ask of their topics, written anew from their documentation and from reading them.

None of them runs here: they are C++ of other packages. What each one accepts, and the arithmetic that it does with our
messages, is small; docs/consumers.md names the versions that were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

# -- how they subscribe


def _keep_last(depth: int, reliability: ReliabilityPolicy) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability)


def _system_default(depth: int = 5) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.SYSTEM_DEFAULT,
        depth=depth,
        reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
        durability=DurabilityPolicy.SYSTEM_DEFAULT,
    )


PROFILES = {
    'depth_image_proc xyz': _system_default(5),
    'depth_image_proc xyzrgb': _keep_last(10, ReliabilityPolicy.RELIABLE),  # rmw_qos_profile_default
    'nvblox SYSTEM_DEFAULT': _system_default(),  # its default input_qos
    'nvblox SENSOR_DATA': qos_profile_sensor_data,
    'nvblox DEFAULT': _keep_last(10, ReliabilityPolicy.RELIABLE),
    'nav2 costmap': _keep_last(50, ReliabilityPolicy.BEST_EFFORT),
    'nav2 collision monitor': _keep_last(10, ReliabilityPolicy.BEST_EFFORT),
    'stvl': _keep_last(50, ReliabilityPolicy.BEST_EFFORT),
    'octomap_server': qos_profile_sensor_data,
    'depthimage_to_laserscan': _system_default(),
    'rtabmap_ros': _keep_last(10, ReliabilityPolicy.SYSTEM_DEFAULT),
}


# -- message_filters: ExactTime (nvblox; rtabmap with approx_sync false; image_transport's camera subscriber)


class ExactTime:
    """Fires once all topics have a message of one stamp, equal to the nanosecond; forgets older stamps by then."""

    def __init__(self, topics: Sequence[str], queue_size: int = 10) -> None:
        self._topics, self._queue_size = tuple(topics), queue_size
        self._waiting: dict[tuple[int, int], dict[str, Any]] = {}

    def add(self, topic: str, message: Any) -> tuple[Any, ...] | None:
        stamp = message.header.stamp.sec, message.header.stamp.nanosec
        group = self._waiting.setdefault(stamp, {})
        group[topic] = message
        if len(group) == len(self._topics):
            self._waiting = {key: each for key, each in self._waiting.items() if key > stamp}
            return tuple(group[topic] for topic in self._topics)
        while len(self._waiting) > self._queue_size:
            del self._waiting[min(self._waiting)]
        return None


def exact_sets(received: dict[str, list[Any]], *topics: str) -> list[tuple[Any, ...]]:
    """Feed what was received through ExactTime, in the worst order: all of one topic, then all of the next."""
    sync = ExactTime(topics, queue_size=1000)
    return [found for topic in topics for message in received[topic] if (found := sync.add(topic, message))]


# -- depth images


def pixels(msg: Image) -> np.ndarray:
    """Read a depth image as they all do: host order, `step` bytes a row."""
    kind = {'32FC1': np.float32, '16UC1': np.uint16}[msg.encoding]  # mono8 and the like: refused by all of them
    assert not msg.is_bigendian
    return np.ndarray((msg.height, msg.width), kind, msg.data, 0, (msg.step, np.dtype(kind).itemsize))


def metres(msg: Image) -> np.ndarray:
    """Metres with NaN for what is no point: REP 118 as depth_image_proc has it. 0.0 of a 32FC1 image *is* a point."""
    z = pixels(msg)
    if z.dtype == np.uint16:
        return np.where(z == 0, np.float32('nan'), z * np.float32(0.001))
    return np.where(np.isfinite(z), z, np.float32('nan'))


def pinhole_of_p(info: CameraInfo) -> tuple[float, float, float, float]:
    """Return fx, fy, cx, cy as image_geometry's fx() ... cx() do: from P, whatever K and D say."""
    assert info.p[0] > 0 and info.p[5] > 0, 'a division by zero'
    return info.p[0], info.p[5], info.p[2], info.p[6]


def point_cloud_xyz(depth: Image, info: CameraInfo) -> np.ndarray:
    """Lift to (H, W, 3) as depth_image_proc's point_cloud_xyz does."""
    fx, fy, cx, cy = pinhole_of_p(info)
    z = metres(depth)
    v, u = np.indices(z.shape)
    return np.stack([(u - cx) * z / fx, (v - cy) * z / fy, z], axis=-1)


def laser_scan(
    depth: Image, info: CameraInfo, *, scan_height: int = 1, range_min: float = 0.45, range_max: float = 10.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the angular bins, (W + 1), and the ranges, (W), of depthimage_to_laserscan.

    The pixels of `scan_height` rows fall into the bins of their angles; each keeps its nearest range within the limits,
    or else an infinity rather than NaN.
    """
    fx, _, cx, cy = pinhole_of_p(info)
    assert not any(info.d), 'it would rectify pixels that are rectified'
    z, width = pixels(depth), depth.width
    as_range = z.astype(np.float64) * (0.001 if z.dtype == np.uint16 else 1.0)
    angle_min, angle_max = np.arctan((cx - (width - 1)) / fx), np.arctan(cx / fx)
    edges = np.linspace(angle_min, angle_max, width)  # of the bins' near ends; one bin begins at angle_max
    step = edges[1] - edges[0]
    ranges = np.full(width, np.nan)
    first = int(cy - scan_height / 2)
    for v in range(first, first + scan_height):
        for u in range(width):
            found = as_range[v, u]
            if np.isfinite(found):
                found *= np.hypot((u - cx) / fx, 1.0)
            k = min(int((np.arctan((cx - u) / fx) - angle_min) / step), width - 1)
            if _is_better(found, ranges[k], range_min, range_max):
                ranges[k] = found
    return np.append(edges, edges[-1] + step), ranges


def _is_better(new: float, old: float, low: float, high: float) -> bool:
    if not np.isfinite(new) and not np.isfinite(old):
        return not np.isnan(new)
    return low <= new <= high and (not np.isfinite(old) or new < old)


class CameraCache:
    """The pinholes that nvblox 3.0 and 3.1 know by frame: the process stops when one changes. K, not P or D."""

    def __init__(self) -> None:
        self._cameras: dict[str, tuple] = {}

    def update(self, info: CameraInfo) -> None:
        camera = info.k[0], info.k[4], info.k[2], info.k[5], info.width, info.height
        known = self._cameras.setdefault(info.header.frame_id, camera)
        assert known == camera, f'nvblox aborts: {known} became {camera}'


def rtabmap_point(rgb: Image, depth: Image, info: CameraInfo, u: float, v: float) -> np.ndarray:
    """Lift the feature at (u, v) of the colour image to (3): depth is that image's, or a whole fraction of its size."""
    assert rgb.width // depth.width == rgb.height // depth.height >= 1, 'an assertion of rtabmap'
    sx, sy = depth.width / info.width, depth.height / info.height
    z = metres(depth)[int(v * sy + 0.5), int(u * sx + 0.5)]
    fx, fy, cx, cy = pinhole_of_p(info)
    return np.array([(u * sx - cx * sx) * z / (fx * sx), (v * sy - cy * sy) * z / (fy * sy), z])


# -- clouds


def iterate(cloud: PointCloud2, name: str, kind: type = np.float32) -> np.ndarray:
    """Walk over one field as sensor_msgs::PointCloud2Iterator does: `point_step` after `point_step`, no row padding."""
    assert len(cloud.data) % cloud.point_step == 0
    field = next(field for field in cloud.fields if field.name == name)
    return np.ndarray(len(cloud.data) // cloud.point_step, kind, cloud.data, field.offset, (cloud.point_step,))


def xyz(cloud: PointCloud2) -> np.ndarray:
    """Return the (N, 3) points that the iterators over x, y and z meet."""
    return np.stack([iterate(cloud, name) for name in 'xyz'], axis=-1)


def pcl_points(cloud: PointCloud2) -> np.ndarray:
    """Read (height, width) points as pcl::fromROSMsg fills PointXYZRGB: fields by name, type and count."""
    offsets = {}
    for name in ('x', 'y', 'z', 'rgb'):
        field = next(field for field in cloud.fields if field.name == name)
        assert (field.datatype, field.count) == (PointField.FLOAT32, 1), f'PCL fails to match field {name}'
        offsets[name] = field.offset
    assert not cloud.is_bigendian and len(cloud.data) == cloud.row_step * cloud.height
    dtype = np.dtype({
        'names': ['x', 'y', 'z', 'b', 'g', 'r'],
        'formats': 3 * ['<f4'] + 3 * ['u1'],
        'offsets': [offsets['x'], offsets['y'], offsets['z'], *(offsets['rgb'] + k for k in range(3))],
        'itemsize': cloud.point_step,
    })  # fmt: skip
    return np.ndarray((cloud.height, cloud.width), dtype, cloud.data, 0, (cloud.row_step, cloud.point_step))


def to_base(points: np.ndarray, height_m: float) -> np.ndarray:
    """Move (..., 3) of the optical frame to a base on the floor under the camera: x ahead, y left, z up (REP 103)."""
    return np.stack([points[..., 2], -points[..., 0], height_m - points[..., 1]], axis=-1)


def nav2_obstacles(cloud: PointCloud2, height_m: float, *, low: float, high: float, max_range: float) -> np.ndarray:
    """Return the (N, 3) points in the base frame that mark Nav2's voxel layer: by height, then range from the camera.

    NaN passes no comparison of the height filter, which is all that keeps it out.
    """
    points = to_base(xyz(cloud), height_m)
    points = points[(points[:, 2] <= high) & (points[:, 2] >= low)]
    return points[np.sum((points - [0, 0, height_m]) ** 2, axis=1) < max_range**2]


def collision_points(cloud: PointCloud2, height_m: float, *, low: float, high: float, min_range: float) -> np.ndarray:
    """Return the (N, 3) points that Nav2's collision monitor counts in its polygons."""
    points = xyz(cloud)
    points = to_base(points[~(np.linalg.norm(points, axis=1) < min_range)], height_m)
    return points[(points[:, 2] >= low) & (points[:, 2] <= high)]


def stvl_sees(points: np.ndarray, hfov_rad: float, vfov_rad: float, min_z_m: float, max_z_m: float) -> np.ndarray:
    """Tell which (N, 3) optical points are in STVL's depth camera frustum, where it clears: symmetric, whole angles.

    Its corners are turned by half of one angle, then by half of the other: it is a little wider than `hfov_rad`.
    """
    x, y, z = points.T
    inside = np.abs(x) <= z * np.tan(hfov_rad / 2) / np.cos(vfov_rad / 2)
    return inside & (np.abs(y) <= z * np.tan(vfov_rad / 2)) & (z >= min_z_m) & (z <= max_z_m)


def octomap_keys(points: np.ndarray, resolution_m: float) -> set[tuple[int, ...]]:
    """Return the voxels that octomap_server marks for (N, 3) points; PassThrough took the NaN out before."""
    finite = points[np.isfinite(points).all(axis=1)]
    return set(map(tuple, np.floor(finite / resolution_m).astype(int).tolist()))
