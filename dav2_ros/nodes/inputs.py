# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What comes in: the camera's images and their camera_info, subscribed to only while somebody wants depth."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dav2_ros.frames import Frame
from dav2_ros.nodes.camera_info import RecentInfos, camera_from_info
from dav2_ros.nodes.conversions import image_to_rgb
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.parameters import DepthNodeParameters
from dav2_ros.nodes.qos import subscribe

FIRST_INFO_S = 2.0  # so long do images wait for the first camera_info of a camera that publishes it


class Inputs:
    """One camera. `on_image` gets its images; `frame` makes a Frame of one and finds its camera."""

    def __init__(
        self, node: Node, parameters: DepthNodeParameters, on_image: Callable[[Image], None], health: Health
    ) -> None:
        self._node, self._health, self._on_image = node, health, on_image
        self._rectified = parameters.rectified_input
        self._subscriptions: list[Subscription] = []
        if parameters.input_transport == 'compressed':  # named as image_transport does: after remapping the base
            self._message, self._topic = CompressedImage, node.resolve_topic_name('image') + '/compressed'
        else:
            self._message, self._topic = Image, 'image'

    @property
    def listening(self) -> bool:
        return bool(self._subscriptions)

    def listen(self) -> None:
        """Subscribe to the images and their camera_info."""
        self._infos, self._last_stamp_ns, self._since_s = RecentInfos(), 0, time.monotonic()
        self._health.listening()
        self._subscriptions = [
            subscribe(self._node, CameraInfo, 'camera_info', self._infos.add, warn=self._health.warn),
            subscribe(self._node, self._message, self._topic, self._receive, warn=self._health.warn),
        ]

    def ignore(self) -> None:
        """Let the camera rest: no subscription, no deserialisation. A lazy driver counts both topics."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def frame(self, image: Image | CompressedImage) -> tuple[Frame, CameraInfo | None]:
        """Decode an image and find the camera that took it; raises ValueError, one sentence."""
        rgb = image_to_rgb(image)
        height, width = rgb.shape[:2]
        info = self._infos.match(image.header, width, height)
        camera = camera_from_info(info, self._rectified) if info else None
        return Frame(rgb, camera, _stamp_ns(image), image.header.frame_id), info

    def _receive(self, image: Image | CompressedImage) -> None:
        self._health.received()
        stamp_ns = _stamp_ns(image)
        if stamp_ns == self._last_stamp_ns != 0:  # a frozen driver; depth twice with one stamp confuses synchronisers
            self._health.dropped('same stamp as the one before')
        elif not self._infos and self._info_is_coming():
            self._health.dropped('before the first camera_info')
        else:
            self._on_image(image)
        self._last_stamp_ns = stamp_ns

    def _info_is_coming(self) -> bool:
        published = self._node.count_publishers(self._subscriptions[0].topic_name)
        return bool(published) and time.monotonic() - self._since_s < FIRST_INFO_S


def _stamp_ns(image: Image | CompressedImage) -> int:
    return image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
