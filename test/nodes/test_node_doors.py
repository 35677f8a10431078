# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recording of doors.py on the ROS graph, through a node of one camera and one of two: the pipeline's depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import doors
import numpy as np
import pytest
from doors import SETS, WITH_SENSOR, alike, parameters, same

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')
pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from graph.peer import RELIABLE, Peer, a_header, an_image, depth_of, qos
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, PointCloud2, PointField

from dav2_ros.parameter import definitions
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.pipeline import DepthPipeline

pytestmark = pytest.mark.usefixtures('one_thread')

OUTPUTS = ('depth/image', 'scale')
CHANGED = sorted({name for values in SETS.values() for name in values})
NAMESPACE = '/doors'
ATTEMPTS = 4  # a cloud that a busy machine delivers after its picture scales nothing: the recording is shown again


@pytest.fixture(scope='module')
def frames() -> list[doors.Shown]:
    return doors.shown()


@pytest.fixture(scope='module', params=SETS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope='module')
def wanted(name: str, frames: list[doors.Shown]) -> doors.Wanted:
    with DepthPipeline(parameters(name)) as pipeline:
        measured = [each.measurement if name in WITH_SENSOR else None for each in frames]
        return doors.wanted(pipeline, [each.frame for each in frames], measured, apart=False)


def reliably(namespace: str, *topics: str) -> dict[str, str]:
    """Ask for subscriptions that lose nothing."""
    return {f'qos_overrides.{namespace}/{topic}.subscription.reliability': 'reliable' for topic in topics}


@pytest.fixture(scope='module')
def one(start: Callable, graph: Any) -> Peer:
    options = reliably(NAMESPACE, 'image', 'camera_info', 'lidar')
    _, peer = start(camera=RELIABLE, namespace=NAMESPACE, active=False, autostart=False, **doors.ENGINE, **options)
    return peer


@pytest.fixture(scope='module')
def two(start: Callable, graph: Any) -> Iterator[tuple[Peer, list[Peer]]]:
    namespace, names = f'{NAMESPACE}/rig', ('front', 'rear')
    options = {'batch_wait_ms': 500.0}
    for name in names:
        options |= reliably(f'{namespace}/{name}', 'image', 'camera_info', 'lidar')
    _, operator = start(
        cameras=f'[{",".join(names)}]', namespace=namespace, active=False, autostart=False, **doors.ENGINE, **options
    )
    cameras = [Peer(graph, f'{namespace}/{name}', RELIABLE) for name in names]
    yield operator, cameras
    for camera in cameras:
        camera.close()


def configure(operator: Peer, name: str) -> None:
    """Give a node the parameters of a set, all at once, and activate it."""
    if operator.state() == 'active':
        assert operator.change('deactivate') and operator.change('cleanup')
    usual = definitions(DepthNodeParameters)
    values = {each: usual[each].default for each in CHANGED} | SETS[name]
    request = [Parameter(each, value=value).to_parameter_msg() for each, value in values.items()]
    result = operator.call(SetParametersAtomically, 'set_parameters_atomically', parameters=request).result
    assert result.successful, result.reason
    assert operator.change('configure') and operator.change('activate')


def info_of(header: Any) -> CameraInfo:
    camera = doors.CAMERA
    info = CameraInfo(header=header, width=camera.width, height=camera.height)
    info.distortion_model, info.d = camera.distortion_model, list(camera.distortion)
    info.k, info.r = camera.k.ravel(), np.eye(3).ravel()
    info.p = np.hstack([camera.k, np.zeros((3, 1))]).ravel()
    return info


def cloud_of(xyz_m: np.ndarray, header: Any) -> PointCloud2:
    message = PointCloud2(header=header, height=1, width=len(xyz_m), point_step=12, row_step=12 * len(xyz_m))
    message.fields = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in
                      enumerate('xyz')]  # fmt: skip
    message.data.frombytes(np.ascontiguousarray(xyz_m, '<f4').tobytes())
    return message


class Camera:
    """A camera with its LiDAR, and who listens to its depth."""

    def __init__(self, peer: Peer, name: str) -> None:
        self.peer, self.has_lidar = peer, name in WITH_SENSOR
        self.lidar = peer.node.create_publisher(PointCloud2, 'lidar', qos(RELIABLE))

    def listen(self) -> None:
        """Listen to depth, from now on: the node forgets what it learnt while nobody did."""
        self.peer.only()
        self.peer.only(*OUTPUTS)
        if self.has_lidar:
            self.peer.until(self.lidar.get_subscription_count, 'a subscription to the LiDAR')

    def describe(self, shown: doors.Shown, at: int) -> None:
        """Publish what must be there before the picture."""
        self.peer.info.publish(info_of(a_header(at, doors.FRAME_ID)))
        if self.has_lidar:
            self.lidar.publish(cloud_of(shown.body_m, a_header(at, doors.LIDAR_FRAME)))

    def show(self, shown: doors.Shown, at: int) -> None:
        self.peer.image.publish(an_image(shown.frame.rgb, a_header(at, doors.FRAME_ID)))

    def close(self) -> None:
        self.peer.only()
        self.peer.node.destroy_publisher(self.lidar)


def through(cameras: list[Camera], operator: Peer, frames: list[doors.Shown]) -> list[list[np.ndarray]]:
    """Show all frames to all cameras, one after the other, and return the depth of each camera.

    Meanwhile somebody changes the colours, which concern no depth.
    """

    def shown_and_answered(each: doors.Shown, at: int, patience_s: float) -> bool:
        for camera in cameras:
            camera.describe(each, at)
        for camera in cameras:
            camera.peer.spin(0.1)
            camera.show(each, at)
        for _ in range(int(patience_s / 0.05 / len(cameras))):
            for camera in cameras:
                camera.peer.spin(0.05)
            if all(camera.peer.heard(topic, at) for camera in cameras for topic in OUTPUTS):
                return True
        return False

    for camera in cameras:
        camera.listen()
    warm_ns = (doors.START_NS - 10_000_000_000 - i for i in range(100))
    assert any(shown_and_answered(frames[0], at, 2.0) for at in warm_ns), 'no engine'
    for _ in range(ATTEMPTS):
        for camera in cameras:
            camera.listen()
            camera.describe(frames[0], frames[0].frame.stamp_ns - doors.STEP_NS)
            camera.peer.spin(0.3)  # the first camera_info has arrived: images before it are dropped
        answered = True
        for i, each in enumerate(frames):
            assert operator.set('colour_far_m', 30.0 + i) == (True, '')
            answered = answered and shown_and_answered(each, each.frame.stamp_ns, 10.0)
        scales = [camera.peer.heard('scale', each.frame.stamp_ns) for camera in cameras for each in frames]
        if answered and all(scale.total or not cameras[0].has_lidar for scale in scales):
            found = [[camera.peer.heard('depth/image', each.frame.stamp_ns) for each in frames] for camera in cameras]
            return [[depth_of(message) for message in messages] for messages in found]
    raise AssertionError('the recording was never shown whole')


def test_a_node(one: Peer, name: str, frames: list[doors.Shown], wanted: doors.Wanted) -> None:
    configure(one, name)
    camera = Camera(one, name)
    try:
        (found,) = through([camera], one, frames)
    finally:
        camera.close()
    same(found, wanted.depths)


def test_a_node_of_two_cameras(two: tuple[Peer, list[Peer]], name: str, frames, wanted: doors.Wanted) -> None:
    """Their images go to the engine together."""
    operator, peers = two
    configure(operator, name)
    cameras = [Camera(peer, name) for peer in peers]
    try:
        found = through(cameras, operator, frames)
    finally:
        for camera in cameras:
            camera.close()
    for each in found:
        alike(each, wanted.depths)
