# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""With rectify, a raw camera's depth is the depth of the pictures that a rectifying node would have made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import Peer, a_picture, an_image, an_info
from lenses import LENSES

from dav2_ros.camera import Camera
from dav2_ros.image.rectify import Rectifier, pinhole_view
from dav2_ros.nodes.conversions import cloud_from_msg


@pytest.fixture(scope='module')
def peer(start) -> Peer:
    return start(rectify=True, max_hfov_deg=90.0, focal_correction='always')[1]


def raw_info(header, camera: Camera):
    info = an_info(header, camera.width, camera.height)
    info.k, info.p = camera.k.ravel(), np.zeros(12)
    info.distortion_model, info.d = camera.distortion_model, list(camera.distortion)
    return info


def pinhole_info(header, camera: Camera):
    info = an_info(header, camera.width, camera.height)
    info.k, info.p = camera.k.ravel(), np.hstack([camera.k, np.zeros((3, 1))]).ravel()
    return info


@pytest.mark.parametrize('lens', LENSES)
def test_raw_in_is_rectified_out(peer: Peer, lens: str) -> None:
    peer.only('depth/image', 'depth/camera_info', 'points')
    camera = LENSES[lens].resized(64, 48)
    rgb = a_picture(seed=3)
    target = pinhole_view(camera, math.radians(90))
    rectifier = Rectifier(camera, target)
    found = peer.show(rgb, make=lambda header: (an_image(rgb, header), raw_info(header, camera)))
    by_hand = rectifier.apply(rgb)
    wanted = peer.show(by_hand, make=lambda header: (an_image(by_hand, header), pinhole_info(header, target)))
    np.testing.assert_array_equal(found.z_m, np.where(rectifier.seen, wanted.z_m, np.nan))
    info, same = found['depth/camera_info'], wanted['depth/camera_info']
    assert not any(info.d) and list(info.r) == list(np.eye(3).ravel())
    np.testing.assert_allclose(info.k, same.k)
    np.testing.assert_allclose(info.p, same.p)
    points, flat = (cloud_from_msg(answer['points']) for answer in (found, wanted))
    np.testing.assert_array_equal(points['x'][rectifier.seen], flat['x'][rectifier.seen])
    assert np.isnan(points['x'][~rectifier.seen]).all()


def test_there_is_no_image_rect_without_rectify(start) -> None:
    peer = start()[1]
    assert peer.until(lambda: peer.node.count_publishers(f'{peer.namespace}/depth/image'), 'publisher')
    assert not peer.node.count_publishers(f'{peer.namespace}/image_rect')


def test_a_fisheye_is_cut_to_the_stated_view(peer: Peer) -> None:
    """Its 200 degrees do not fit on a plane."""
    peer.only('depth/camera_info')
    wide = Camera(64, 48, 18.0, 18.0, 31.5, 23.5, 'equidistant', (0.01, 0.0, 0.0, 0.0))
    rgb = a_picture(seed=4)
    info = peer.show(rgb, make=lambda header: (an_image(rgb, header), raw_info(header, wide)))['depth/camera_info']
    assert math.degrees(2 * math.atan(0.5 * info.width / info.k[0])) == pytest.approx(90.0, abs=1e-6)
    assert info.k[0] == info.k[4] == info.p[0]


def test_p_of_the_calibration_is_the_rectified_camera(peer: Peer) -> None:
    peer.only('depth/camera_info')
    camera = LENSES['plumb_bob'].resized(64, 48)
    rgb = a_picture(seed=5)

    def make(header):
        info = raw_info(header, camera)
        info.p = [45.0, 0.0, 30.0, -4.5, 0.0, 45.0, 25.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        return an_image(rgb, header), info

    info = peer.show(rgb, make=make)['depth/camera_info']
    np.testing.assert_allclose(info.p, [45, 0, 30, -4.5, 0, 45, 25, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(info.k, [45, 0, 30, 0, 45, 25, 0, 0, 1])
