# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes with camera_info as drivers send it: depth wherever it can be had, points by known rays only."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from driver_infos import IMPOSSIBLE, UNKNOWN_LENSES, changed, lens, uncalibrated
from graph.peer import BEST_EFFORT, RELIABLE, Peer, a_header, a_picture, an_image, an_info, qos, stamp_ns
from graph.process import NodeProcess
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from dav2_ros.nodes.conversions import depth_to_image

CLOUD_NODE = Path(__file__).parents[1] / 'dav2_ros' / 'nodes' / 'cloud_node.py'


@pytest.fixture(scope='module')
def pair(start) -> tuple:
    return start(diagnostics_period_s=0.2)


def shown(peer: Peer, make_info, *topics: str):
    def make(header):
        return an_image(a_picture(), header), make_info(header)

    return peer.show(a_picture(), *topics, make=make)


class TestDepthNode:
    def test_an_uncalibrated_0x0_gives_depth_without_points_and_a_sentence(self, pair: tuple) -> None:
        _, peer = pair
        peer.only('depth/image', 'depth/camera_info', 'points')
        answer = shown(peer, uncalibrated, 'depth/image', 'depth/camera_info')
        info = answer['depth/camera_info']
        assert np.isfinite(answer.z_m).any() and (info.width, info.height, info.k[0]) == (64, 48, 0.0)
        warning = peer.status(b'\x01', 'WARN')
        assert 'not calibrated' in warning.message and 'no points' in warning.message
        peer.show(a_picture())
        assert peer.heard('points', stamp_ns(answer['depth/image'])) is None

    def test_a_calibrated_0x0_is_as_good_as_one_with_its_size(self, pair: tuple) -> None:
        _, peer = pair
        peer.only('depth/image', 'depth/camera_info', 'points')
        wanted = peer.show(a_picture())
        found = shown(peer, lambda header: changed(an_info(header), width=0, height=0))
        np.testing.assert_array_equal(found.z_m, wanted.z_m)
        assert bytes(found['points'].data) == bytes(wanted['points'].data)
        ours, theirs = found['depth/camera_info'], wanted['depth/camera_info']
        assert (ours.width, ours.height, list(ours.k), list(ours.p)) == (64, 48, list(theirs.k), list(theirs.p))

    @pytest.mark.parametrize('model, d', UNKNOWN_LENSES.values(), ids=UNKNOWN_LENSES)
    def test_an_unknown_lens_gives_depth_by_its_focal_length_and_no_points(self, pair, model: str, d: list) -> None:
        process, peer = pair
        peer.only('depth/image', 'depth/camera_info', 'points')
        wanted = peer.show(a_picture())
        found = shown(peer, lambda header: lens(header, model, d), 'depth/image', 'depth/camera_info')
        np.testing.assert_allclose(found.z_m, wanted.z_m, rtol=1e-6)
        assert found['depth/camera_info'].distortion_model == model
        warning = peer.status(b'\x01', 'WARN')
        assert f'Distortion model {model!r}' in warning.message and 'no points' in warning.message
        peer.show(a_picture())
        assert peer.heard('points', stamp_ns(found['depth/image'])) is None
        assert 'Traceback' not in process.log

    @pytest.mark.parametrize('name', ['K tiny', 'K huge', 'K identity', 'P NaN', 'P negative', 'R NaN', 'D NaN'])
    def test_impossible_numbers_are_refused_before_anything_is_published(self, pair: tuple, name: str) -> None:
        _, peer = pair
        changes, _ = IMPOSSIBLE[name]
        peer.only('depth/image', 'depth/camera_info', 'points', 'stats')
        good = peer.show(a_picture())
        stamps = []

        def bad(header):
            image = an_image(a_picture(), header)
            stamps.append(stamp_ns(image))
            return image, changed(an_info(header), **copy.deepcopy(changes))

        status = peer.show_bad(bad, f'ERROR after {name}')
        assert f'camera_info has {name[0]} ' in status.message
        again = peer.show(a_picture())
        np.testing.assert_array_equal(again.z_m, good.z_m)
        for topic in ('depth/image', 'depth/camera_info', 'points'):
            assert not set(stamps) & {stamp_ns(message) for message in peer.received[topic]}, topic

    def test_a_leading_slash_is_no_other_frame(self, pair: tuple) -> None:
        _, peer = pair
        peer.only('depth/image')
        peer.show(a_picture())
        peer.status(b'\x00', 'OK')
        peer.statuses.clear()

        def slashed(header):
            info = an_info(Header(stamp=header.stamp, frame_id='/' + header.frame_id))
            return an_image(a_picture(), header), info

        for _ in range(3):
            peer.show(a_picture(), make=slashed)
            peer.spin(0.3)
        assert peer.statuses and not [each for each in peer.statuses if 'of frame' in each.message]


def test_rectify_with_an_unknown_lens_gives_depth_of_the_raw_image_and_says_so(start) -> None:
    _, peer = start(rectify=True, diagnostics_period_s=0.2)
    peer.only('depth/image', 'depth/camera_info', 'image_rect')
    answer = shown(peer, lambda header: lens(header, 'double_sphere', [0.1, 0.2]), 'depth/image', 'depth/camera_info')
    assert answer['depth/camera_info'].distortion_model == 'double_sphere'
    assert 'nothing is rectified' in peer.status(b'\x01', 'WARN').message


def test_the_cloud_node_takes_the_size_of_the_image(graph, tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / 'cloud.txt', '/unsized', script=CLOUD_NODE, diagnostics_period_s=0.2)
    peer = Peer(graph, '/unsized', BEST_EFFORT)
    try:
        depth = peer.node.create_publisher(Image, 'depth/image', qos(BEST_EFFORT))
        infos = peer.node.create_publisher(CameraInfo, 'depth/camera_info', qos(RELIABLE))
        peer.subscribe('points')
        peer.until(depth.get_subscription_count, 'depth subscription')
        peer.until(infos.get_subscription_count, 'camera_info subscription')

        def cloud():
            header = a_header()
            infos.publish(changed(an_info(header), width=0, height=0))
            peer.spin(0.1)
            depth.publish(depth_to_image(np.full((48, 64), 2.0, np.float32), '32FC1', header))
            peer.spin(0.3)
            return peer.received['points']

        points = peer.until(cloud, 'a cloud')[0]
        assert (points.width, points.height) == (64, 48)
        assert 'Traceback' not in process.log
    finally:
        peer.close()
        process.close()


def test_the_reference_camera_takes_the_size_of_its_image(start) -> None:
    _, peer = start(scale_source='depth', scale_extrinsics='parameters', scale_noise_m=0.01)
    reference = peer.node.create_publisher(Image, 'reference/image', qos(RELIABLE))
    infos = peer.node.create_publisher(CameraInfo, 'reference/camera_info', qos(RELIABLE))
    peer.only('depth/image', 'scale')
    peer.until(lambda: reference.get_subscription_count() and infos.get_subscription_count(), 'reference subscriptions')

    def told():
        header = a_header()
        infos.publish(changed(an_info(header), width=0, height=0))
        reference.publish(depth_to_image(np.full((48, 64), 2.0, np.float32), '32FC1', header))
        peer.spin(0.1)
        answer = peer.show(a_picture(), make=lambda _: (an_image(a_picture(), header), an_info(header)))
        return answer['scale'] if answer['scale'].total else None

    assert peer.until(told, 'pairs with the reference').total > 0
