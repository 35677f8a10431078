# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings that are not ours: written by rosbags' own writer, or by that of mcap-ros2-support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from dav2_ros.bags.storage import messages
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame

CAMERA = Camera(96, 72, 75.0, 75.0, 47.5, 35.5)
START_NS, STEP_NS = 1_700_000_000_123_456_789, 100_000_000
FRAME_ID = 'camera_optical_frame'
LIDAR_FRAME, LIDAR_AT_M = 'lidar', (0.3, 0.1, 0.4)  # in base: forward, left, up; the camera is at base


def stamp(i: int) -> int:
    return START_NS + i * STEP_NS


def a_frame(i: int) -> Frame:
    """Return a picture of 96x72 that a network has something to say of, other for each i."""
    v, u = np.mgrid[0:72, 0:96]
    rgb = np.stack([(2 * u + 9 * i) % 256, 3 * v, (u + v + 5 * i) % 256], axis=-1).astype(np.uint8)
    return Frame(rgb, CAMERA, stamp(i), FRAME_ID)


def a_depth(i: int) -> DepthMap:
    """Return a sloping floor with a box on it."""
    v = np.mgrid[0:72, 0:96][0]
    z_m = (9.0 - 0.08 * v).astype(np.float32)
    z_m[30:60, 20 + i % 20 : 50 + i % 20] = 2.5
    z_m[:4] = np.nan
    return DepthMap(z_m, CAMERA, stamp(i), FRAME_ID)


def raw_picture(frame: Frame) -> Any:
    return messages.image(frame.rgb, 'rgb8', frame.stamp_ns, frame.frame_id)


def transform(parent: str, child: str, xyz_m: Iterable[float], xyzw: Iterable[float], at: int = 0) -> Any:
    types = messages.kilted().types
    vector, quaternion = types['geometry_msgs/msg/Vector3'](*xyz_m), types['geometry_msgs/msg/Quaternion'](*xyzw)
    placed = types['geometry_msgs/msg/Transform'](vector, quaternion)
    return types['geometry_msgs/msg/TransformStamped'](messages.header(at, parent), child, placed)


def tf(*transforms: Any) -> Any:
    return messages.kilted().types['tf2_msgs/msg/TFMessage'](list(transforms))


def cloud(xyz_m: np.ndarray, at: int, frame_id: str) -> Any:
    """Make a PointCloud2 of (N, 3) points."""
    points = np.zeros((1, len(xyz_m)), np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4')]))
    for k, name in enumerate('xyz'):
        points[name] = xyz_m[:, k]
    return messages.cloud(points, at, frame_id, is_dense=True)


def a_drive(frames: int, *, lidar: bool = False, raw: bool = False) -> list[tuple[str, Any, int]]:
    """Return (topic, message, time of recording) of a camera, its depth and, if wanted, a LiDAR placed by TF."""
    found = []
    if lidar:  # body frames: x forward; the camera looks forward from where base is
        static = [transform('base', LIDAR_FRAME, LIDAR_AT_M, (0, 0, 0, 1)),
                  transform('base', FRAME_ID, (0, 0, 0), (-0.5, 0.5, -0.5, 0.5))]  # fmt: skip
        found.append(('/tf_static', tf(*static), stamp(0) - 1))
    for i in range(frames):
        frame, depth, at = a_frame(i), a_depth(i), stamp(i)
        found.append(('/camera/camera_info', messages.info_message(CAMERA, at, FRAME_ID), at))
        picture = raw_picture(frame) if raw else messages.jpeg_message(frame.rgb, at, FRAME_ID, 95)
        found.append(('/camera/image' + '' * raw + '/compressed' * (not raw), picture, at + 1_000_000))
        found.append(('/camera/depth/image', messages.image(depth.z_m, '32FC1', at, FRAME_ID), at + 2_000_000))
        if lidar:
            xyz_m = CAMERA.unproject(depth.z_m)[5::3, ::2].reshape(-1, 3)  # optical
            body_m = np.stack([xyz_m[:, 2], -xyz_m[:, 0], -xyz_m[:, 1]], axis=1) - LIDAR_AT_M
            found.append(('/lidar/points', cloud(body_m, at + 20_000_000, LIDAR_FRAME), at + 60_000_000))
    return sorted(found, key=lambda each: each[2])


def by_rosbags(path: Path, recorded: Iterable[tuple[str, Any, int]], *, plugin: str = 'MCAP', mode: str = '') -> Path:
    """Write with rosbags' writer: plugin MCAP or SQLITE3, mode '', FILE, MESSAGE or STORAGE."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    kilted, connections = messages.kilted(), {}
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[plugin])
    if mode:
        writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    with writer:
        for topic, message, log_ns in recorded:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=kilted)
            writer.write(connections[topic], log_ns, kilted.serialize_cdr(message, kind))
    return path


def by_mcap(path: Path, recorded: Iterable[tuple[str, Any, int]], **options: Any) -> Path:
    """Write one .mcap with the writer of mcap-ros2-support; `options` are those of its constructor."""
    from mcap_ros2.writer import Writer

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('wb') as file, Writer(file, **options) as writer:
        schemas = {}
        for topic, message, log_ns in recorded:
            kind = message.__msgtype__
            if kind not in schemas:
                text, _ = messages.kilted().generate_msgdef(kind, ros_version=2)
                schemas[kind] = writer.register_msgdef(kind.replace('/msg/', '/'), text)
            writer.write_message(topic, schemas[kind], plain(message), log_ns, log_ns)
    return path


def plain(message: Any) -> Any:
    """Turn a message of rosbags into the dictionaries that mcap-ros2-support writes."""
    if hasattr(message, '__msgtype__'):
        names = [each.name for each in fields(message) if each.name.islower() and each.name[0] != '_']
        return {name: plain(getattr(message, name)) for name in names}
    if isinstance(message, np.ndarray):
        return message.tobytes() if message.dtype == np.uint8 else message.tolist()
    return [plain(each) for each in message] if isinstance(message, list) else message
