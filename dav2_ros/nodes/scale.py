# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listen to the topic of a sensor that knows metres, while the node listens to its camera.

lidar | scan | range | reference/image -> [nearest in time] -> Measurement for the pipeline
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, Range

from dav2_ros.frames import DepthMap, stamp_ns
from dav2_ros.nodes.camera_info import RecentCameraInfos, camera_from_info
from dav2_ros.nodes.conversions import image_to_depth
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.extrinsics import find_poses, pose_of
from dav2_ros.nodes.qos import subscribe
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.kalman import Scale
from dav2_ros.scale.measurements import Measurement
from dav2_ros.scale.reference_sensor import SOURCES, ReferenceSensor

TOPICS = {'lidar': PointCloud2, 'scan': LaserScan, 'range': Range, 'reference/image': Image}


class NoReference:
    """Stands for a sensor where the scale needs none."""

    def listen(self) -> None:
        """Listen to nothing."""

    def ignore(self) -> None:
        """Listen to nothing."""

    def at(self, picture_ns: int, camera_frame: str) -> tuple[Measurement | None, str]:
        """Return no measurement."""
        return None, ''


class ReferenceTopic:
    """The topic of a sensor. Messages come on the executor's thread, pictures ask on the worker's."""

    def __init__(self, node: Node, namespace: str, params: ScaleParameters, health: Health) -> None:
        self._node, self._namespace, self._params, self._health = node, namespace, params, health
        self._topic = 'reference/image' if params.scale_source == 'depth' else params.scale_source
        self._open = ExitStack()
        self._forget()

    def _forget(self) -> None:
        self._infos = RecentCameraInfos()
        self._sensor = ReferenceSensor(
            self._params.scale_source,
            self._node.resolve_topic_name(f'{self._namespace}{self._topic}'),
            self._params.scale_tolerance_s,
            pose=lambda header, camera_frame: pose_of(self._poses, header, camera_frame),
            decode_depth=self._decode_depth,
        )

    def listen(self) -> None:
        """Subscribe to the sensor, and to TF; what was received before is forgotten."""
        self._forget()
        self._poses = find_poses(self._node, self._params)
        self._open.callback(self._poses.close)
        self._subscribe(TOPICS[self._topic], self._topic, lambda message: self._sensor.add(message))
        if self._params.scale_source == 'depth':
            self._subscribe(CameraInfo, 'reference/camera_info', lambda info: self._infos.add(info))

    def _subscribe(self, message: type, topic: str, callback: Callable[[Any], None]) -> None:
        topic = f'{self._namespace}{topic}'
        subscription = subscribe(self._node, message, topic, callback, warn=self._health.warn)
        self._open.callback(self._node.destroy_subscription, subscription)

    def ignore(self) -> None:
        """Let the sensor rest."""
        self._open.close()

    def at(self, picture_ns: int, camera_frame: str) -> tuple[Measurement | None, str]:
        """Return what was measured at a picture's moment, or why nothing was."""
        return self._sensor.at(picture_ns, camera_frame)

    def _decode_depth(self, message: Image) -> DepthMap:
        info = self._infos.match(message.header, message.width, message.height)
        camera = camera_from_info(info, rectified=True) if info else None
        return DepthMap(image_to_depth(message), camera, stamp_ns(message), message.header.frame_id)


def make_reference(node: Node, namespace: str, params: ScaleParameters, health: Health) -> ReferenceTopic | NoReference:
    """Make what `scale_source` listens to."""
    return ReferenceTopic(node, namespace, params, health) if params.scale_source in SOURCES else NoReference()


def scale_facts(scale: Scale | None) -> dict[str, str]:
    """Tell diagnostics the last scale."""
    if scale is None:
        return {}
    return {
        'scale source': scale.source,
        'scale applied': f'{scale.applied:.4f}',
        'scale': f'{scale.value:.4f}',
        'scale std dev': f'{scale.std_dev:.4f}',
        'scale inliers': f'{scale.inliers} of {scale.total}',
        'scale age (s)': f'{scale.age_s:.2f}',
    }


def scale_warnings(scale: Scale | None) -> dict[str, str]:
    """Tell diagnostics why there is no trusted scale although a source of it is configured."""
    if scale is None or scale.trusted:
        return {}
    sentence = f'No trusted scale from {scale.source}, depth is multiplied by {scale.applied:.3f}: {scale.reason}.'
    return {'scale reason': sentence}
