# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clouds and confidence of the depth node on a real graph: what an operator asks for is what comes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import Peer, a_picture, depth_of

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.frames import DepthMap
from dav2_ros.nodes.conversions import cloud_from_msg

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
ASKED = {
    'cloud_remove_flying': [True, False],
    'cloud_voxel_m': [0.2, 0.0],
    'cloud_organised': [False, True],
}


@pytest.fixture(scope='module')
def peer(start) -> Peer:
    return start(focal_correction='auto', cloud_remove_flying=False)[1]


@pytest.mark.parametrize('name', ASKED)
def test_the_cloud_is_the_one_that_python_makes_of_the_same_depth(peer: Peer, name: str) -> None:
    peer.only('depth/image', 'points')
    value, default = ASKED[name]
    rgb = a_picture(seed=7)
    try:
        assert peer.set(name, value) == (True, '')
        answer = peer.show(rgb)
    finally:
        peer.set(name, default)
    options = {'remove_flying': False, name.removeprefix('cloud_'): value}
    wanted = make_cloud(DepthMap(answer.z_m, CAMERA), rgb, **options)
    points = cloud_from_msg(answer['points'])
    assert points.shape == wanted.shape
    for axis in 'xyz':
        np.testing.assert_allclose(points[axis], wanted[axis], rtol=1e-5, atol=1e-6)
    assert answer['points'].is_dense == (len(points) == 1)
    assert not answer['points'].is_dense or np.isfinite(points['z']).all()


@pytest.mark.parametrize('variant', ['cheap', 'full'])
def test_confidence_comes_with_the_depth_it_is_of_and_is_its_threshold(peer: Peer, variant: str) -> None:
    peer.only('depth/image', 'depth/confidence', 'points')
    rgb = a_picture(seed=8)
    try:
        assert peer.set('confidence', variant) == (True, '')
        answer = peer.show(rgb)
        confidence = depth_of(answer['depth/confidence'])
        assert answer['depth/confidence'].header == answer['depth/image'].header
        assert answer['depth/confidence'].encoding == '32FC1' and confidence.shape == answer.z_m.shape
        assert confidence.min() >= 0.0 and confidence.max() <= 1.0
        known = np.isfinite(answer.z_m)
        assert known.any() and (confidence[~known] == 0.0).all() and (confidence[known] > 0.0).any()
        least = float(np.median(confidence[known]))
        assert peer.set('min_confidence', least) == (True, '')
        masked = peer.show(rgb)
        np.testing.assert_array_equal(np.isnan(masked.z_m), known & (confidence < np.float32(least)))
        np.testing.assert_array_equal(np.isfinite(cloud_from_msg(masked['points'])['z']), np.isfinite(masked.z_m))
        peer.only('depth/image')
        assert np.isnan(peer.show(rgb).z_m).any(), 'the threshold needs no subscriber'
    finally:
        peer.set('min_confidence', 0.0)
        peer.set('confidence', 'cheap')
