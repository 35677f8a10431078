# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node adds to its engine: from an image published to depth, and cloud, received by another process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from dav2_ros.demo.processes import graph_of_our_own
from dav2_ros.frames import Frame

RATE_HZ = 10.0
WARM_UP = 10


def overhead(one: Frame, frames: int) -> dict[str, list[float]]:
    """Send one frame many times to a depth node of its own; returns milliseconds per frame."""
    os.environ.update(graph_of_our_own())  # with shared memory that a VGA image fits into: see demo/fastdds.xml
    with nodes([[]]) as (process,):
        return _measure(one, frames, process)


@contextmanager
def nodes(commands: list[list[str]]) -> Iterator[list[subprocess.Popen]]:
    """Run depth nodes, one for each list of arguments."""
    depth_node = [sys.executable, '-m', 'dav2_ros.nodes.depth_node', '--ros-args']
    running = [subprocess.Popen([*depth_node, *each], stderr=subprocess.DEVNULL) for each in commands]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def messages_of(one: Frame) -> tuple:
    """Return the Image and the CameraInfo of a frame."""
    from sensor_msgs.msg import CameraInfo, Image

    height, width = one.rgb.shape[:2]
    image = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    image.data.frombytes(one.rgb.tobytes())
    info = CameraInfo(height=height, width=width)
    info.k = one.camera.k.flatten().tolist()
    info.p = np.hstack([one.camera.k, np.zeros((3, 1))]).flatten().tolist()
    image.header.frame_id = info.header.frame_id = 'camera'
    return image, info


def _measure(one: Frame, frames: int, process: subprocess.Popen) -> dict[str, list[float]]:
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2

    from dav2_ros.msg import InferenceStats

    rclpy.init()
    node = rclpy.create_node('bench')
    images = node.create_publisher(Image, 'image', 1)
    infos = node.create_publisher(CameraInfo, 'camera_info', 1)
    arrived: dict[str, dict[int, float]] = {'depth': {}, 'points': {}, 'engine': {}}

    def note(kind: str, message: object) -> None:
        stamp = message.header.stamp
        now = time.perf_counter()
        arrived[kind][stamp.sec * 10**9 + stamp.nanosec] = message.engine_ms if kind == 'engine' else now

    node.create_subscription(Image, 'depth/image', lambda m: note('depth', m), qos_profile_sensor_data)
    node.create_subscription(PointCloud2, 'points', lambda m: note('points', m), qos_profile_sensor_data)
    node.create_subscription(InferenceStats, 'stats', lambda m: note('engine', m), 10)

    image, info = messages_of(one)
    deadline = time.monotonic() + 60
    while images.get_subscription_count() == 0:
        rclpy.spin_once(node, timeout_sec=0.1)
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                'The depth node did not come up: start `python -m dav2_ros.nodes.depth_node` to see why.'
            )
    sent: dict[int, float] = {}
    for _ in range(frames + WARM_UP):
        now_ns = time.time_ns()
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(now_ns, 10**9)
        info.header.stamp = image.header.stamp
        infos.publish(info)
        sent[now_ns] = time.perf_counter()
        images.publish(image)
        until = time.perf_counter() + 1 / RATE_HZ
        while (left := until - time.perf_counter()) > 0:
            rclpy.spin_once(node, timeout_sec=left)
    node.destroy_node()
    rclpy.shutdown()
    stamps = [s for s in list(sent)[WARM_UP:] if all(s in times for times in arrived.values())]
    engine = [arrived['engine'][s] for s in stamps]
    depth = [1e3 * (arrived['depth'][s] - sent[s]) for s in stamps]
    points = [1e3 * (arrived['points'][s] - sent[s]) for s in stamps]
    return {
        'engine': engine,
        'image published to depth received': depth,
        'the same without the engine (target 8, p95 20)': [d - e for d, e in zip(depth, engine)],
        'image published to cloud received, without the engine': [p - e for p, e in zip(points, engine)],
    }
