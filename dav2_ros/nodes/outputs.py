# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out: each output is made only if it has a subscriber, with the header of the image it came from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from dav2_ros.cloud.cloud import CloudMaker, coloured_at
from dav2_ros.depth.colour import colourise
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.nodes.camera_info import camera_info_for
from dav2_ros.nodes.conversions import cloud_to_msg, colour_to_image, depth_to_image, rgb_to_image
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.qos import publish
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.scale.kalman import Scale

try:
    from dav2_ros.msg import InferenceStats, ScaleEstimate
except ImportError:  # the sources alone, without CMake or pip having generated the messages
    InferenceStats = ScaleEstimate = None

ESTIMATED = ('applied', 'value', 'std_dev', 'trusted', 'inliers', 'total', 'age_s', 'source', 'reason')


class Outputs:
    """The publishers of one camera, below its namespace. `on_demand` is called when subscribers come and go."""

    def __init__(
        self,
        node: Node,
        namespace: str,
        given: DepthNodeParameters,
        on_demand: Callable[[], None],
        health: Health,
    ) -> None:
        self._node, self._namespace, self._on_demand, self._health = node, namespace, on_demand, health
        self._rectifies = given.rectify and not given.rectified_input
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

    def publish_depth(
        self, depth: DepthMap, source: CameraInfo | None, header: Header, given: DepthNodeParameters
    ) -> None:
        """Publish depth and its camera_info, before anything else: somebody steers by it."""
        stride = given.depth_stride
        if _wanted(self._depth):
            z_m = depth.z_m[::stride, ::stride]
            self._depth.publish(depth_to_image(z_m, given.depth_encoding, header))
        if source and _wanted(self._info):
            size = depth.z_m.shape[::-1]
            info = camera_info_for(source, header, rectified=given.rectified_input, size=size, stride=stride)
            self._info.publish(info)

    def publish_views(self, depth: DepthMap, frame: Frame, header: Header, given: DepthNodeParameters) -> None:
        """Publish the cloud and the rectified picture, if the camera is calibrated, confidence and the colours."""
        if depth.camera and _wanted(self._points):
            options = given.cloud_options
            points = self._cloud_maker.make(depth, coloured_at(depth, frame.rgb), options)
            self._points.publish(cloud_to_msg(points, header, is_dense=options.is_dense))
        if depth.confidence is not None and _wanted(self._confidence):
            confidence = depth.confidence[:: given.depth_stride, :: given.depth_stride]
            self._confidence.publish(depth_to_image(confidence, '32FC1', header))
        if self._rectifies and frame.camera and _wanted(self._rectified):  # of the same size: camera_info is for both
            rgb = coloured_at(depth, frame.rgb)[:: given.depth_stride, :: given.depth_stride]
            self._rectified.publish(rgb_to_image(rgb, header))
        if _wanted(self._colour):
            z_m = np.ascontiguousarray(depth.z_m[:: given.depth_stride, :: given.depth_stride])
            rgb = colourise(z_m, given.colour_near_m, given.colour_far_m)
            self._colour.publish(colour_to_image(rgb, header))

    def publish_scale(self, scale: Scale, header: Header) -> None:
        """Publish what is known about the scale of one depth image."""
        if ScaleEstimate and _wanted(self._scale):
            numbers = {name: getattr(scale, name) for name in ESTIMATED}
            self._scale.publish(ScaleEstimate(header=header, **numbers))

    def publish_stats(self, header: Header, depth: DepthMap, **numbers: float | str) -> None:
        """Publish one InferenceStats: `numbers` are its fields, the statistics of depth are taken here."""
        z_m = depth.z_m[::4, ::4]  # every 16th pixel tells the same, and costs a tenth of a millisecond
        known_m = z_m[np.isfinite(z_m)]
        low, middle, high = np.percentile(known_m, (0, 50, 100)).tolist() if known_m.size else 3 * [float('nan')]
        self._stats.publish(
            InferenceStats(
                header=header,
                valid_fraction=known_m.size / z_m.size,
                min_z_m=low,
                median_z_m=middle,
                max_z_m=high,
                **numbers,
            )
        )


def _wanted(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
