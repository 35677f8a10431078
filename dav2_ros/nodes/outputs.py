# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publish depth and all that is made of it: each output only if it has a subscriber, with the header of its image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from dav2_ros.cloud.cloud import CloudMaker, coloured_at
from dav2_ros.depth.colour import colourise
from dav2_ros.nodes.camera_info import camera_info_for
from dav2_ros.nodes.conversions import cloud_to_msg, colour_to_image, depth_to_image, rgb_to_image
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.qos import publish
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.pipeline import DepthResult
from dav2_ros.scale.kalman import Scale
from dav2_ros.stats import SCALE_FIELDS, depth_range

try:
    from dav2_ros.msg import InferenceStats, ScaleEstimate
except ImportError:  # the sources alone, without CMake or pip having generated the messages
    InferenceStats = ScaleEstimate = None


class Outputs:
    """The publishers of one camera, below its namespace. `on_demand` is called when subscribers come and go."""

    def __init__(
        self,
        node: Node,
        namespace: str,
        params: DepthNodeParameters,
        on_demand: Callable[[], None],
        health: Health,
    ) -> None:
        self._node, self._namespace, self._on_demand, self._health = node, namespace, on_demand, health
        self._rectifies = params.estimator.rectify and not params.estimator.rectified_input
        self._publishers: list[Publisher] = []
        self._cloud_maker = CloudMaker()

    def __enter__(self) -> Outputs:
        try:
            self._depth = self._advertise(Image, 'depth/image')
            self._info = self._advertise(CameraInfo, 'depth/camera_info')
            self._confidence = self._advertise(Image, 'depth/confidence')
            self._colour = self._advertise(Image, 'depth/color')
            self._points = self._advertise(PointCloud2, 'points')
            if self._rectifies:
                self._rectified = self._advertise(Image, 'image_rect')
            if InferenceStats:
                self._stats = self._advertise(InferenceStats, 'stats')
                self._scale = self._advertise(ScaleEstimate, 'scale')
        except Exception:  # qos_overrides that mean nothing
            self.__exit__()
            raise
        if not InferenceStats:
            self._node.get_logger().info(
                'No topics stats and scale: dav2_ros.msg is not built; install with colcon or pip.'
            )
        return self

    def __exit__(self, *error: object) -> None:
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers = []

    def _advertise(self, message: type, topic: str) -> Publisher:
        topic = f'{self._namespace}{topic}'
        publisher = publish(self._node, message, topic, matched=self._on_demand, warn=self._health.warn)
        self._publishers.append(publisher)
        return publisher

    def wanted(self) -> bool:
        """Tell whether anybody listens to any output."""
        return any(map(_wanted, self._publishers))

    def wants_confidence(self) -> bool:
        """Tell whether anybody listens to the confidence."""
        return _wanted(self._confidence)

    def wants_stats(self) -> bool:
        """Tell whether anybody listens to the statistics."""
        return bool(InferenceStats) and _wanted(self._stats)

    def publish_depth(self, result: DepthResult, header: Header, params: DepthNodeParameters) -> None:
        """Publish depth and its camera_info, before anything else: somebody steers by it."""
        depth, stride = result.depth, params.estimator.depth_stride
        if _wanted(self._depth):
            z_m = depth.z_m[::stride, ::stride]
            self._depth.publish(depth_to_image(z_m, params.estimator.depth_encoding, header))
        if result.info and _wanted(self._info):
            size, rectified = depth.z_m.shape[::-1], params.estimator.rectified_input
            self._info.publish(camera_info_for(result.info, header, rectified=rectified, size=size, stride=stride))

    def publish_views(self, result: DepthResult, header: Header, params: DepthNodeParameters) -> None:
        """Publish the cloud and the rectified picture, if the camera is calibrated, confidence and the colours."""
        depth, frame, stride = result.depth, result.frame, params.estimator.depth_stride
        if depth.camera and _wanted(self._points):
            options = params.cloud_options
            points = self._cloud_maker.make(depth, coloured_at(depth, frame.rgb), options)
            self._points.publish(cloud_to_msg(points, header, is_dense=options.is_dense))
        if depth.confidence is not None and _wanted(self._confidence):
            self._confidence.publish(depth_to_image(depth.confidence[::stride, ::stride], '32FC1', header))
        if self._rectifies and frame.camera and _wanted(self._rectified):  # of the same size: camera_info is for both
            self._rectified.publish(rgb_to_image(coloured_at(depth, frame.rgb)[::stride, ::stride], header))
        if _wanted(self._colour):
            z_m = np.ascontiguousarray(depth.z_m[::stride, ::stride])
            rgb = colourise(z_m, params.colours.colour_near_m, params.colours.colour_far_m)
            self._colour.publish(colour_to_image(rgb, header))

    def publish_scale(self, scale: Scale, header: Header) -> None:
        """Publish what is known about the scale of one depth image."""
        if ScaleEstimate and _wanted(self._scale):
            self._scale.publish(ScaleEstimate(header=header, **{name: getattr(scale, name) for name in SCALE_FIELDS}))

    def publish_stats(
        self, result: DepthResult, header: Header, *, decoding_ms: float, publish_ms: float, latency_ms: float
    ) -> None:
        """Publish one InferenceStats."""
        counts = self._health.counts
        self._stats.publish(
            InferenceStats(
                header=header,
                publish_ms=publish_ms,
                latency_ms=latency_ms,
                **{f'frames_{kind}': counts[kind] for kind in ('received', 'processed', 'dropped', 'failed')},
                **vars(result.stats) | {'pre_ms': decoding_ms + result.stats.pre_ms},
                **vars(depth_range(result.depth.z_m)),
            )
        )


def _wanted(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
