# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth in right metres: the topics of what knows distances, listened to while the node listens to its camera.

lidar | scan | range | reference/image -> [nearest in time] -> ScaleTracker -> depth, scale
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, Range

from dav2_ros.frames import DepthMap
from dav2_ros.nodes.camera_info import RecentInfos, camera_from_info
from dav2_ros.nodes.conversions import image_to_depth
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.extrinsics import find_poses, pose_of
from dav2_ros.nodes.qos import subscribe
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.fixed import KnownHeight, StatedScale, filter_settings
from dav2_ros.scale.from_messages import from_cloud, from_depth, from_range, from_scan, stamp_ns
from dav2_ros.scale.kalman import Scale
from dav2_ros.scale.measurements import Evidence
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.time_sync import EvidenceBuffer
from dav2_ros.scale.tracker import ScaleTracker

TOPICS = {'lidar': PointCloud2, 'scan': LaserScan, 'range': Range, 'reference/image': Image}


@dataclass(frozen=True, eq=False)
class Heard:
    """A message that waits for its picture: most are never needed, so none is decoded before."""

    stamp_ns: int
    message: Any


class SensedScale:
    """The scale by a sensor's topic. Messages come on the executor's thread, depth maps on the worker's."""

    def __init__(self, node: Node, namespace: str, given: ScaleParameters, health: Health) -> None:
        self._node, self._namespace, self._given, self._health = node, namespace, given, health
        self._topic = 'reference/image' if given.scale_source == 'depth' else given.scale_source
        self._read: Callable[[Any, Pose], Evidence | None] = {
            'lidar': from_cloud, 'scan': from_scan, 'range': from_range, 'depth': self._read_depth
        }[given.scale_source]  # fmt: skip
        self._open = ExitStack()
        self.listen_anew()

    def listen_anew(self) -> None:
        """Forget what was heard."""
        self._heard: EvidenceBuffer[Heard] = EvidenceBuffer(self._given.scale_tolerance_s)
        self._infos = RecentInfos()
        self._tracker = ScaleTracker(filter_settings(self._given), self._given.scale_source, self._given.scale_noise_m)

    def listen(self) -> None:
        """Subscribe to the sensor, and to TF."""
        self.listen_anew()
        self._poses = find_poses(self._node, self._given)
        self._open.callback(self._poses.close)
        self._subscribe(TOPICS[self._topic], self._topic, self._receive)
        if self._given.scale_source == 'depth':
            self._subscribe(CameraInfo, 'reference/camera_info', self._infos.add)

    def _subscribe(self, message: type, topic: str, callback: Callable[[Any], None]) -> None:
        topic = f'{self._namespace}{topic}'
        subscription = subscribe(self._node, message, topic, callback, warn=self._health.warn)
        self._open.callback(self._node.destroy_subscription, subscription)

    def ignore(self) -> None:
        """Let the sensor rest."""
        self._open.close()

    def _receive(self, message: Any) -> None:
        self._heard.add(Heard(stamp_ns(message), message))

    def correct(self, depth: DepthMap) -> tuple[DepthMap, Scale]:
        """Fit to the message of this picture's moment, filter and multiply."""
        heard, missing = self._heard.take(depth.stamp_ns)
        evidence = None
        try:
            if heard:
                pose = pose_of(self._poses, heard.message.header, depth.frame_id)
                evidence = self._read(heard.message, pose)
                missing = '' if evidence else 'nothing is in range'
        except ValueError as error:  # a message that is not what it should be, or a frame that TF does not know
            missing = str(error).rstrip('.')
        topic = self._node.resolve_topic_name(f'{self._namespace}{self._topic}')
        return self._tracker.correct(depth, evidence, f'{topic}: {missing}')

    def _read_depth(self, message: Image, pose: Pose) -> Evidence:
        info = self._infos.match(message.header, message.width, message.height)
        camera = camera_from_info(info, rectified=True) if info else None
        depth = DepthMap(image_to_depth(message), camera, stamp_ns(message), message.header.frame_id)
        return from_depth(depth, pose)


class Scaling:
    """The scale of one camera's depth, from whatever its parameters name, and what diagnostics say of it."""

    def __init__(self, node: Node, namespace: str, given: ScaleParameters, health: Health) -> None:
        kinds = {'none': StatedScale, 'fixed': StatedScale, 'height': KnownHeight}
        kind = kinds.get(given.scale_source)
        self._source = kind(given) if kind else SensedScale(node, namespace, given, health)
        self.listen, self.ignore = self._source.listen, self._source.ignore
        self._last: Scale | None = None

    def correct(self, depth: DepthMap, max_range_m: float) -> tuple[DepthMap, Scale]:
        """Bring depth to right metres, in place; beyond `max_range_m`, unless that is 0, it becomes +inf."""
        depth, self._last = self._source.correct(depth)
        if max_range_m:
            depth.z_m[depth.z_m > max_range_m] = np.inf
        return depth, self._last

    def facts(self) -> dict[str, str]:
        """Tell diagnostics the last scale."""
        last = self._last
        if last is None:
            return {}
        return {
            'scale source': last.source,
            'scale applied': f'{last.applied:.4f}',
            'scale': f'{last.value:.4f}',
            'scale std dev': f'{last.std_dev:.4f}',
            'scale inliers': f'{last.inliers} of {last.total}',
            'scale age (s)': f'{last.age_s:.2f}',
        }

    def warnings(self) -> dict[str, str]:
        """Tell diagnostics why there is no trusted scale although a source of it is configured."""
        last = self._last
        if last is None or last.trusted:
            return {}
        sentence = f'No trusted scale from {last.source}, depth is multiplied by {last.applied:.3f}: {last.reason}.'
        return {'scale reason': sentence}
