# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscribe to a camera's images and their camera_info, only while somebody wants depth, and decode them."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from dav2_ros.frames import Frame, is_same_frame, stamp_ns
from dav2_ros.image.camera_info import CameraReading
from dav2_ros.nodes.camera_info import RecentCameraInfos, read_camera
from dav2_ros.nodes.conversions import image_to_rgb
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.qos import subscribe
from dav2_ros.nodes.scale import make_reference
from dav2_ros.parameters.node import DepthNodeParameters

FIRST_INFO_S = 2.0  # so long do images wait for the first camera_info of a camera that publishes it


class Inputs:
    """The topics of one camera, below its namespace, and how a Frame is made of one of its images."""

    def __init__(self, node: Node, namespace: str, params: DepthNodeParameters, health: Health) -> None:
        self._node, self._health = node, health
        self._params = params.estimator
        self._subscriptions: list[Subscription] = []
        self.reference = make_reference(node, namespace, params.scale, health)
        self._info = f'{namespace}camera_info'
        self._info_topic = node.resolve_topic_name(self._info)
        image = f'{namespace}image'
        if params.start.input_transport == 'compressed':  # named as image_transport does: after remapping the base
            self._message, self._topic = CompressedImage, node.resolve_topic_name(image) + '/compressed'
        else:
            self._message, self._topic = Image, image

    @property
    def listening(self) -> bool:
        """Whether there is a subscription."""
        return bool(self._subscriptions)

    def listen(self, on_image: Callable[[Image], None]) -> None:
        """Subscribe to the camera; each image worth a look goes to `on_image`."""
        self._on_image = on_image
        self._infos, self._last_stamp_ns, self._since_s = RecentCameraInfos(), 0, time.monotonic()
        self._health.listening()
        warn = self._health.warn
        info = subscribe(self._node, CameraInfo, self._info, self._infos.add, warn=warn)
        self._subscriptions.append(info)
        image = subscribe(self._node, self._message, self._topic, self._receive, warn=warn, lost=self._lose)
        self._subscriptions.append(image)
        self.reference.listen()

    def ignore(self) -> None:
        """Let the camera rest: no subscription, no deserialisation. A lazy driver counts both topics."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self.reference.ignore()
        self._judge('', '')
        self._health.warn('lost', '')

    def frame(self, image: Image | CompressedImage) -> tuple[Frame, CameraInfo | None]:
        """Decode an image, and find the camera that took it with its info; raises ValueError, one sentence."""
        rgb = image_to_rgb(image)
        height, width = rgb.shape[:2]
        info = self._infos.match(image.header, width, height)
        reading = read_camera(info, self._params.rectified_input) if info else CameraReading()
        self._judge_camera(image.header, info, reading)
        return Frame(rgb, reading.camera, stamp_ns(image), image.header.frame_id, hfov_rad=reading.hfov_rad), info

    def _judge_camera(self, header: Header, info: CameraInfo | None, reading: CameraReading) -> None:
        topic = self._info_topic
        missing, mixed = '', ''
        if reading.camera is None:
            assumed = f'focal correction assumes {self._params.assumed_hfov_deg} degrees'
            if info is None:
                missing = f'Nothing on {topic}: no points, and {assumed}; remap camera_info.'
            elif reading.hfov_rad is None:
                missing = f'{topic} says that the camera is not calibrated (K[0] is 0): no points, and {assumed}; '
                missing += 'calibrate the camera.'
            else:
                lost = 'no points, and nothing is rectified' if self._params.rectify else 'no points'
                missing = f'{topic}: {lost}, for the lens is not known. {reading.why}'
        elif info is not None and info.header.frame_id and not is_same_frame(info.header.frame_id, header.frame_id):
            mixed = (
                f'The image is of frame {header.frame_id!r}, {topic} of {info.header.frame_id!r}: remap camera_info.'
            )
        self._judge(missing, mixed)

    def _judge(self, missing: str, mixed: str) -> None:
        self._health.warn('camera', missing)
        self._health.warn('frame', mixed)

    def _receive(self, image: Image | CompressedImage) -> None:
        self._health.received()
        at_ns = stamp_ns(image)
        if at_ns == self._last_stamp_ns != 0:  # a frozen driver; depth twice with one stamp confuses synchronisers
            self._health.dropped('same stamp as the one before')
        elif not self._infos and self._info_is_coming():
            self._health.dropped('before the first camera_info')
        else:
            self._on_image(image)
        self._last_stamp_ns = at_ns

    def _lose(self, count: int) -> None:
        """Count images that best effort lost: large ones do not fit the shared memory of a stock Fast DDS (512 KB)."""
        lost, received = self._health.lost(count)
        if lost >= 10 and lost > 0.1 * (lost + received):
            topic = self._node.resolve_topic_name(self._topic)
            self._health.warn(
                'lost',
                f'Many images of {topic} are lost on their way, as best effort may: set qos_overrides.{topic}.'
                "subscription.reliability to reliable if the camera is, or enlarge the middleware's buffers.",
            )

    def _info_is_coming(self) -> bool:
        published = self._node.count_publishers(self._info_topic)
        return bool(published) and time.monotonic() - self._since_s < FIRST_INFO_S
