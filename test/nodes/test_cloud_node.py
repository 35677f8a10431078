# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cloud node on a real graph, a process of its own: depth images of any kind become our clouds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph.peer import BEST_EFFORT, RELIABLE, Peer, a_header, a_picture, an_image, an_info, qos
from graph.process import NodeProcess
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.frames import DepthMap
from dav2_ros.nodes.conversions import cloud_from_msg, depth_to_image

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
SCRIPT = Path(__file__).parents[2] / 'dav2_ros' / 'nodes' / 'cloud_node.py'


def a_depth() -> np.ndarray:
    """Return a wall behind a nearer one with the ramp between them, a floor of unknown, and sky."""
    z_m = np.tile(2.0 + 6.0 * np.clip((np.arange(64) - 28) / 8.0, 0.0, 1.0), (48, 1)).astype(np.float32)
    z_m[40:], z_m[:4] = np.nan, np.inf
    return z_m


class Consumer:
    """A depth camera and who wants its cloud."""

    def __init__(self, graph, log: Path, namespace: str, **parameters) -> None:
        self.process = NodeProcess(log, namespace, script=SCRIPT, **parameters)
        self.peer = Peer(graph, namespace, BEST_EFFORT)
        node = self.peer.node
        self.depth = node.create_publisher(Image, 'depth/image', qos(BEST_EFFORT))
        self.info = node.create_publisher(CameraInfo, 'depth/camera_info', qos(RELIABLE))
        self.rgb = node.create_publisher(Image, 'rgb/image', qos(BEST_EFFORT))

    def cloud(self, encoding: str = '32FC1', rgb: np.ndarray | None = None, colour_first: bool = False):
        """Show one depth image, again while it is lost, until its cloud comes."""
        self.peer.until(lambda: self.depth.get_subscription_count(), 'depth subscription')
        for _ in range(30):
            header = a_header()
            ns = header.stamp.sec * 10**9 + header.stamp.nanosec
            self.info.publish(an_info(header))
            self.peer.spin(0.1)
            messages = [(self.depth, depth_to_image(a_depth(), encoding, header))]
            messages += [(self.rgb, an_image(rgb, header))] if rgb is not None else []
            for publisher, message in reversed(messages) if colour_first else messages:
                publisher.publish(message)
            self.peer.spin(1.0)
            if found := self.peer.heard('points', ns):
                assert found.header == header
                return found
        raise AssertionError(f'no cloud: {self.process.log}')

    def close(self) -> None:
        self.peer.close()
        self.process.close()


@pytest.fixture(scope='module')
def open_consumer(graph, tmp_path_factory):
    opened = []

    def start(namespace: str, **parameters) -> Consumer:
        opened.append(Consumer(graph, tmp_path_factory.mktemp('log') / 'cloud.txt', namespace, **parameters))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture(scope='module')
def plain(open_consumer) -> Consumer:
    return open_consumer('/tof')


def test_nobody_listens_nothing_is_received(plain: Consumer) -> None:
    plain.peer.until(lambda: plain.peer.node.count_publishers('/tof/points'), 'the node')
    plain.peer.spin(1.0)
    assert plain.depth.get_subscription_count() == 0


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_the_cloud_is_the_one_that_python_makes(plain: Consumer, encoding: str) -> None:
    if 'points' not in plain.peer.received:
        plain.peer.subscribe('points')
    points = cloud_from_msg(plain.cloud(encoding))
    depth_m = a_depth()
    if encoding == '16UC1':
        depth_m = np.where(np.isfinite(depth_m), np.rint(1e3 * depth_m) / 1e3, np.nan).astype(np.float32)
    wanted = make_cloud(DepthMap(depth_m, CAMERA), None)
    for axis in 'xyz':
        np.testing.assert_allclose(points[axis], wanted[axis], rtol=1e-5, atol=1e-6)
    assert np.isnan(points['z'][10:30, 30:34]).all(), 'the ramp is gone'
    assert np.isfinite(points['z'][10:30, :26]).all()


def test_a_parameter_changes_the_next_cloud_and_a_bad_one_is_refused(plain: Consumer) -> None:
    if 'points' not in plain.peer.received:
        plain.peer.subscribe('points')
    client = plain.peer.node.create_client(SetParameters, 'cloud/set_parameters')
    plain.peer.until(client.service_is_ready, 'service')

    def put(**values):
        request = SetParameters.Request(
            parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        )
        future = client.call_async(request)
        plain.peer.until(future.done, 'answer')
        return future.result().results[-1]

    assert put(cloud_voxel_m=0.5).successful
    thin = plain.cloud()
    assert thin.is_dense and thin.height == 1 and np.isfinite(cloud_from_msg(thin)['z']).all()
    assert not put(min_range_m=-1.0).successful
    assert put(cloud_voxel_m=0.0).successful


@pytest.mark.parametrize('colour_first', [False, True])
def test_colours_are_those_of_the_image_with_the_same_stamp(open_consumer, colour_first: bool) -> None:
    consumer = open_consumer(f'/rgbd{int(colour_first)}', colour=True)
    consumer.peer.subscribe('points')
    consumer.peer.until(lambda: consumer.rgb.get_subscription_count(), 'rgb subscription')
    rgb = a_picture(seed=3)
    points = cloud_from_msg(consumer.cloud(rgb=rgb, colour_first=colour_first))
    packed = points['rgb'].copy().view(np.uint32)
    np.testing.assert_array_equal(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], -1), rgb)


def test_diagnostics_say_how_it_is(open_consumer) -> None:
    """OK with rates, ERROR with the reason after an image it cannot take, OK again after the next cloud."""
    consumer, heard = open_consumer('/well', diagnostics_period_s=0.2), []
    peer = consumer.peer
    peer.node.create_subscription(DiagnosticArray, '/diagnostics', lambda array: heard.extend(array.status), 10)

    def ours() -> list[DiagnosticStatus]:
        return [each for each in heard if each.name == '/well/cloud: cloud']

    def told(condition) -> DiagnosticStatus:
        heard.clear()
        return peer.until(lambda: next(filter(condition, ours()), None), 'diagnostics')

    assert told(lambda s: s.level == DiagnosticStatus.OK).message == 'idle: no output has a subscriber'
    peer.subscribe('points')
    consumer.cloud()
    values = {each.key: each.value for each in told(lambda s: s.message.startswith('cloud at')).values}
    assert int(values['frames received']) >= int(values['frames processed']) >= 1
    assert float(values['making p50 (ms)']) > 0 and float(values['latency p50 (ms)'])
    bad = an_image(a_picture())

    def refused() -> DiagnosticStatus | None:
        consumer.depth.publish(bad)
        peer.spin(0.1)
        return next((each for each in ours() if each.level == DiagnosticStatus.ERROR), None)

    assert 'rgb8' in peer.until(refused, 'an error').message
    consumer.cloud()
    told(lambda s: s.message.startswith('cloud at'))
