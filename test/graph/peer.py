# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The other side of the graph: a camera, a consumer, and an operator who sets parameters and states."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from dav2_ros.msg import InferenceStats, ScaleEstimate

PATIENCE_S = 60.0  # for a busy machine; nothing waits longer than it must
OUTPUTS = {
    'depth/image': Image,
    'depth/camera_info': CameraInfo,
    'depth/color': Image,
    'depth/confidence': Image,
    'points': PointCloud2,
    'stats': InferenceStats,
    'scale': ScaleEstimate,
}
ON_REQUEST = {'image_rect': Image}  # with rectify only
RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
FIRST_STAMP_NS = 1_700_000_000_123_456_789
_stamps_ns = itertools.count(FIRST_STAMP_NS, 33_333_333)


def qos(reliability: ReliabilityPolicy, depth: int = 10) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability)


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def a_header(ns: int | None = None, frame_id: str = 'camera_optical_frame') -> Header:
    """Return a header with a stamp that no test had before."""
    ns = next(_stamps_ns) if ns is None else ns
    return Header(stamp=Time(sec=ns // 1_000_000_000, nanosec=ns % 1_000_000_000), frame_id=frame_id)


def a_picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB with something to see."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(0, 256, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def an_image(rgb: np.ndarray, header: Header | None = None) -> Image:
    height, width = rgb.shape[:2]
    msg = Image(header=header or a_header(), height=height, width=width, encoding='rgb8', step=3 * width)
    msg.data.frombytes(rgb.tobytes())
    return msg


def an_info(header: Header, width: int = 64, height: int = 48, f_px: float = 60.0) -> CameraInfo:
    cx, cy = (width - 1) / 2, (height - 1) / 2
    info = CameraInfo(header=header, width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5)
    info.k = [f_px, 0.0, cx, 0.0, f_px, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [f_px, 0.0, cx, 0.0, 0.0, f_px, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def depth_of(message: Image) -> np.ndarray:
    kind = {'32FC1': np.float32, '16UC1': np.uint16}[message.encoding]
    return np.frombuffer(message.data, kind).reshape(message.height, message.width)


@dataclass
class Answer:
    """What came out for one image, by topic."""

    outputs: dict[str, Any]

    def __getitem__(self, topic: str) -> Any:
        return self.outputs[topic]

    @property
    def z_m(self) -> np.ndarray:
        return depth_of(self['depth/image'])


class Peer:
    """Talks to the depth node of one namespace, from this process."""

    def __init__(self, context: Context, namespace: str, reliability: ReliabilityPolicy = BEST_EFFORT) -> None:
        self.namespace = namespace
        self.node: Node = rclpy.create_node('peer', namespace=namespace, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self.received: dict[str, list[Any]] = {}
        self._subscriptions: dict[str, Any] = {}
        self.statuses: list[DiagnosticStatus] = []
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)
        self.image = self.node.create_publisher(Image, 'image', qos(reliability))
        self.info = self.node.create_publisher(CameraInfo, 'camera_info', qos(reliability))

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def _diagnosed(self, array: DiagnosticArray) -> None:
        self.statuses += [each for each in array.status if each.name == f'{self.namespace}/depth: depth']

    def spin(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def until(self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Spin until a condition holds, and return its value."""
        until_s = time.monotonic() + patience_s
        while not (value := condition()):
            assert time.monotonic() < until_s, f'waited {patience_s} s in vain: {what}'
            self._executor.spin_once(timeout_sec=0.02)
        return value

    # -- consumer

    def subscribe(
        self, *topics: str, reliability: ReliabilityPolicy = RELIABLE, profile: QoSProfile | None = None
    ) -> None:
        for topic in topics:
            heard = self.received[topic] = []
            self._subscriptions[topic] = self.node.create_subscription(
                (OUTPUTS | ON_REQUEST)[topic], topic, heard.append, profile or qos(reliability)
            )

    def unsubscribe(self, *topics: str) -> None:
        for topic in topics or tuple(self._subscriptions):
            self.node.destroy_subscription(self._subscriptions.pop(topic))

    def only(self, *topics: str, reliability: ReliabilityPolicy = RELIABLE, profile: QoSProfile | None = None) -> None:
        """Listen to these outputs and no others, and wait until the node has the image subscription it should."""
        self.unsubscribe()
        self.subscribe(*topics, reliability=reliability, profile=profile)
        wanted = bool(topics)
        self.until(lambda: (self.image.get_subscription_count() > 0) == wanted, f'image subscription for {topics}')
        if wanted:
            self.until(lambda: self.info.get_subscription_count() > 0, 'camera_info subscription')
            for topic in topics:
                self.until(lambda t=topic: self.node.count_publishers(f'{self.namespace}/{t}'), f'publisher of {topic}')

    def heard(self, topic: str, ns: int) -> Any:
        return next((message for message in self.received[topic] if stamp_ns(message) == ns), None)

    # -- camera

    def show(self, rgb: np.ndarray, *topics: str, f_px: float = 60.0, make: Callable | None = None) -> Answer:
        """Show a picture, with its camera_info, until everything asked for has come back with its stamp.

        Best effort loses frames on a busy machine: each attempt is a new frame.
        """
        make = make or (lambda header: (an_image(rgb, header), an_info(header, rgb.shape[1], rgb.shape[0], f_px)))
        topics = topics or tuple(self._subscriptions)
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            image, info = make(a_header())
            if info:
                self.info.publish(info)
            self.image.publish(image)
            ns, patience_s = stamp_ns(image), time.monotonic() + 2.0
            while time.monotonic() < patience_s:
                self._executor.spin_once(timeout_sec=0.02)
                if all(self.heard(topic, ns) for topic in topics):
                    return Answer({topic: self.heard(topic, ns) for topic in topics})
        raise AssertionError(f'no answer on all of {topics} within {PATIENCE_S} s')

    def show_bad(self, make: Callable, what: str) -> DiagnosticStatus:
        """Send frames that the node must refuse, until its diagnostics say ERROR."""
        self.statuses.clear()

        def refused() -> DiagnosticStatus | None:
            image, info = make(a_header())
            if info:
                self.info.publish(info)
            self.image.publish(image)
            self.spin(0.1)
            return next((each for each in self.statuses if each.level == DiagnosticStatus.ERROR), None)

        return self.until(refused, what)

    def status(self, level: bytes, what: str) -> DiagnosticStatus:
        """Wait for a diagnostics level that is told from now on."""
        self.statuses.clear()
        return self.until(lambda: next((s for s in self.statuses if s.level == level), None), what)

    # -- operator

    def call(self, service: type, name: str, *, patience_s: float = PATIENCE_S, **request: Any) -> Any:
        client = self.node.create_client(service, f'depth/{name}')
        try:
            self.until(client.service_is_ready, f'service {name}')
            future = client.call_async(service.Request(**request))
            self.until(future.done, f'answer of {name}', patience_s)
            return future.result()
        finally:
            self.node.destroy_client(client)

    def set(self, name: str, value: Any) -> tuple[bool, str]:
        """Set a parameter; return whether it was taken, and the reason if not."""
        kind = Parameter.Type.STRING_ARRAY if isinstance(value, list) else None  # rclpy takes an empty list for bytes
        request = [Parameter(name, kind, value).to_parameter_msg()]
        result = self.call(SetParameters, 'set_parameters', parameters=request).results[0]
        return result.successful, result.reason

    def get(self, name: str) -> Any:
        values = self.call(GetParameters, 'get_parameters', names=[name]).values
        return parameter_value_to_python(values[0])

    def parameter_names(self) -> list[str]:
        return list(self.call(ListParameters, 'list_parameters').result.names)

    def describe(self, *names: str) -> list[Any]:
        return list(self.call(DescribeParameters, 'describe_parameters', names=list(names)).descriptors)

    def state(self) -> str:
        try:
            answer = self.call(GetState, 'get_state', patience_s=10.0)
        except AssertionError:  # an answer is lost now and then while the two still find each other: ask again
            answer = self.call(GetState, 'get_state')
        return answer.current_state.label

    def change(self, transition: str) -> bool:
        request = ChangeState.Request()
        request.transition.label = transition
        return self.call(ChangeState, 'change_state', transition=request.transition).success

    def wait_for_state(self, label: str) -> None:
        self.until(lambda: self.state() == label, f'state {label}')
