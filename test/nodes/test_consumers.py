# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each consumer of depth gets from the running node what it needs: one test per consumer, on a real graph.

The consumers are written anew in graph/consumers.py; the node's engine reads the truth out of the picture.
"""

from __future__ import annotations

import math
import time
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph import consumers
from graph.consumers import PROFILES, CameraCache, exact_sets, metres, pcl_points, pixels
from graph.peer import PATIENCE_S, Peer, a_picture, an_image, stamp_ns
from graph.scene import CAMERA, EXACT, HALF_MM, HEIGHT, TILT, WALL_M, WIDTH, picture_of, scene_m, scene_points, show
from lenses import LENSES
from sensor_msgs.msg import CameraInfo, Image
from test_depth_node_rectify import raw_info

from dav2_ros.image.rectify import Rectifier, pinhole_view
from dav2_ros.nodes.conversions import image_to_rgb


@pytest.fixture(scope='module')
def in_metres(start) -> Peer:
    return start(**EXACT)[1]


@pytest.fixture(scope='module')
def in_millimetres(start) -> Peer:
    """16 bits, and every second pixel of every second row."""
    return start(depth_encoding='16UC1', depth_stride=2, cloud_stride=2, **EXACT)[1]


@pytest.fixture(scope='module')
def network(start) -> Peer:
    """A node that runs a network."""
    return start(focal_correction='auto')[1]


@pytest.fixture(params=['in_metres', 'in_millimetres'])
def peer(request) -> Peer:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize('node', ['xyz', 'xyzrgb'])
def test_depth_image_proc_makes_our_points_of_our_depth(peer: Peer, node: str) -> None:
    """Pairs by stamp, a camera in P, no zero that is a point: then its cloud and ours are the same."""
    peer.only('depth/image', 'depth/camera_info', profile=PROFILES[f'depth_image_proc {node}'])
    peer.subscribe('points')
    answer = show(peer)
    assert exact_sets(peer.received, 'depth/image', 'depth/camera_info')
    depth, info = answer['depth/image'], answer['depth/camera_info']
    assert (info.width, info.height) == (depth.width, depth.height)
    assert (info.distortion_model, list(info.d)) == ('plumb_bob', [0.0] * 5), 'equidistant without D is no pinhole'
    lifted, ours = consumers.point_cloud_xyz(depth, info), pcl_points(answer['points'])
    step = WIDTH // depth.width
    np.testing.assert_allclose(lifted, scene_points()[::step, ::step], atol=HALF_MM)
    for axis, name in enumerate('xyz'):
        np.testing.assert_allclose(ours[name], lifted[..., axis], atol=HALF_MM)
    assert not (lifted == 0).all(axis=-1).any(), 'a point at the origin: 0.0 in a 32FC1 image'
    rgb = picture_of(scene_m())[::step, ::step]
    np.testing.assert_array_equal(np.stack([ours[name] for name in 'rgb'], -1), rgb)
    if peer.get('depth_stride') == 1:  # xyzrgb drops every frame whose colour is of another size
        assert (depth.width, depth.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize('smaller', [{'depth_stride': 2}, {'output_size': 'network'}], ids=str)
def test_image_rect_is_the_picture_of_the_depth(start, smaller: dict) -> None:
    """Equal stamps and one camera_info for both, whatever the size: what point_cloud_xyzrgb and RTAB-Map pair."""
    peer = start(rectify=True, max_hfov_deg=90.0, **smaller)[1]
    peer.only('depth/image', 'depth/camera_info', 'image_rect')
    camera = LENSES['plumb_bob'].resized(64, 48)
    rgb = a_picture(seed=6)
    answer = peer.show(rgb, make=lambda header: (an_image(rgb, header), raw_info(header, camera)))
    picture, depth, info = (answer[topic] for topic in ('image_rect', 'depth/image', 'depth/camera_info'))
    assert picture.header == depth.header == info.header
    assert (picture.width, picture.height) == (depth.width, depth.height) == (info.width, info.height)
    wanted = Rectifier(camera, pinhole_view(camera, math.radians(90))).apply(rgb)
    if 'output_size' in smaller:
        wanted = cv2.resize(wanted, (depth.width, depth.height), interpolation=cv2.INTER_LINEAR)
    step = smaller.get('depth_stride', 1)
    np.testing.assert_array_equal(image_to_rgb(picture), wanted[::step, ::step])


@pytest.mark.parametrize('input_qos', ['SYSTEM_DEFAULT', 'SENSOR_DATA', 'DEFAULT'])
def test_nvblox_pairs_every_image_with_a_camera_that_never_changes(peer: Peer, input_qos: str) -> None:
    profile = PROFILES[f'nvblox {input_qos}']
    peer.only('depth/image', 'depth/camera_info', profile=profile)
    cameras, shown = CameraCache(), []
    for _ in range(5):
        shown.append(stamp_ns(show(peer)['depth/image']))
    sets = exact_sets(peer.received, 'depth/image', 'depth/camera_info')
    pairs = {stamp_ns(image): (image, info) for image, info in sets}
    assert pairs.keys() >= set(shown)
    for image, info in pairs.values():
        cameras.update(info)
        assert (image.width, image.height) == (info.width, info.height)
        assert image.header == info.header and image.encoding in ('32FC1', '16UC1')
        assert not any(info.d), 'it takes K and no distortion'
    assert list(info.k) == [info.p[k] for k in (0, 1, 2, 4, 5, 6, 8, 9, 10)]


def changed(parameter: Any, value: Any) -> list[Any]:
    """Return other values of a parameter, from its definition."""
    if parameter.choices:
        return [choice for choice in parameter.choices if choice != value]
    if isinstance(value, bool) or not parameter.bounds:
        return [not value] if isinstance(value, bool) else []
    low, high = (type(value)(bound) for bound in parameter.bounds)
    return [each for each in (min(high, max(low, 2 * value + 1)), high) if each != value]


def test_no_parameter_of_a_running_node_changes_the_camera_or_the_size(in_metres: Peer) -> None:
    """What would is refused while the node runs: nvblox stops its process otherwise."""
    from dav2_ros.parameter import ANY_TIME, definitions
    from dav2_ros.parameters.node import DepthNodeParameters

    peer, cameras, taken = in_metres, CameraCache(), []
    peer.only('depth/image', 'depth/camera_info')
    for parameter in definitions(DepthNodeParameters).values():
        before = peer.get(parameter.name)
        for value in changed(parameter, before):
            if not peer.set(parameter.name, value)[0]:
                continue
            assert parameter.changes == ANY_TIME, parameter.name
            taken.append(parameter.name)
            answer = show(peer)
            cameras.update(answer['depth/camera_info'])
            assert (answer['depth/image'].width, answer['depth/image'].height) == (WIDTH, HEIGHT), parameter.name
        assert peer.set(parameter.name, before)[0] or parameter.name not in taken
    assert {'max_range_m', 'cloud_stride'} <= set(taken)


def test_a_faster_engine_in_the_same_stream_keeps_the_camera(start) -> None:
    """The node starts with what opens at once, and changes to what was asked for when that is built and proved."""
    _, peer = start(precision='bf16', input_size=98, focal_correction='auto')  # a size that no other test proved
    peer.only('depth/image', 'depth/camera_info', 'stats')
    rgb = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    cameras, medians_m = CameraCache(), {}
    until_s = time.monotonic() + 3 * PATIENCE_S
    while 'bf16' not in medians_m:
        assert time.monotonic() < until_s, 'no faster engine'
        answer = peer.show(rgb)
        cameras.update(answer['depth/camera_info'])
        assert (answer['depth/image'].width, answer['depth/image'].height) == (WIDTH, HEIGHT)
        medians_m[answer['stats'].precision] = np.median(answer.z_m)
    assert list(medians_m) == ['fp32', 'bf16']
    assert medians_m['bf16'] == pytest.approx(medians_m['fp32'], rel=0.05)


@pytest.mark.parametrize('scan_height', [1, 7])
def test_depthimage_to_laserscan_measures_the_wall(peer: Peer, scan_height: int) -> None:
    """Every range is that of the wall somewhere in its bin; where depth is unknown there is none, far is +inf."""
    peer.only('depth/image', 'depth/camera_info', profile=PROFILES['depthimage_to_laserscan'])
    answer = show(peer)
    depth, info = answer['depth/image'], answer['depth/camera_info']
    edges, ranges = consumers.laser_scan(depth, info, scan_height=scan_height)
    angles = np.linspace(edges[:-1], edges[1:], 20)
    truth_m = WALL_M / (np.cos(angles) - TILT * np.sin(angles))
    seen = np.isfinite(ranges)
    assert seen.mean() > 0.7
    assert (ranges >= truth_m.min(axis=0) - 2 * HALF_MM)[seen].all()
    slack_m = 0.02 if scan_height > 1 else 2 * HALF_MM  # the bin's nearest pixel, not its nearest edge
    assert (ranges <= truth_m.max(axis=0) + slack_m)[seen].all()
    if scan_height == 1:
        edges_of_glass = np.arctan((CAMERA.cx - np.array([56.0, 47.0])) / CAMERA.fx)
        glass = (angles.min(axis=0) > edges_of_glass[0]) & (angles.max(axis=0) < edges_of_glass[1])
        assert glass.any() and np.isnan(ranges[glass]).all()
    sky = show(peer, z_m=np.full((HEIGHT, WIDTH), np.inf))
    _, ranges = consumers.laser_scan(sky['depth/image'], sky['depth/camera_info'], scan_height=scan_height)
    if depth.encoding == '32FC1':
        assert np.isposinf(ranges).sum() > 0.7 * len(ranges), 'REP 117: nothing within range'
    assert not np.isfinite(ranges).any()


def test_rtabmap_finds_the_depth_of_its_features(peer: Peer) -> None:
    """Colour, depth and the colour's camera_info of one stamp and frame; 16UC1 is millimetres; sizes divide evenly."""
    profile = PROFILES['rtabmap_ros']
    peer.only('depth/image', profile=profile)
    for topic, kind in (('image', Image), ('camera_info', CameraInfo)):
        peer.received[topic] = []
        peer.node.create_subscription(kind, topic, peer.received[topic].append, profile)
    show(peer)
    rgb, depth, info = exact_sets(peer.received, 'image', 'depth/image', 'camera_info')[-1]
    assert rgb.header.frame_id == depth.header.frame_id == info.header.frame_id
    truth_m, v, u = scene_m(), *np.indices((HEIGHT, WIDTH))
    step = WIDTH // depth.width
    for u, v in [(2, 30), (40, 26), (10, 44), (62, 46), (20, 22)]:
        z_m = truth_m[v, u]
        wanted = [(u - CAMERA.cx) / CAMERA.fx * z_m, (v - CAMERA.cy) / CAMERA.fy * z_m, z_m]
        assert u % step == v % step == 0
        np.testing.assert_allclose(consumers.rtabmap_point(rgb, depth, info, u, v), wanted, atol=HALF_MM)
    assert np.isnan(metres(depth)[22 // step, 52 // step]) and np.isnan(metres(depth)[0, 0])
    if depth.encoding == '16UC1':
        assert pixels(depth)[0, 0] == pixels(depth)[22 // step, 52 // step] == 0
        np.testing.assert_allclose(pixels(depth)[30 // step, 2 // step], 1000 * truth_m[30, 2], atol=0.51)


def test_rtabmap_sees_no_scale_change_between_frames(network: Peer) -> None:
    """Depth of a picture is a function of that picture: whatever came before, its metres are the same, bit for bit."""
    network.only('depth/image', 'stats')
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    first = network.show(rgb)
    for other in (np.zeros_like(rgb), np.full_like(rgb, 255), rgb[::-1].copy(), rgb // 4):
        network.show(other)
        again = network.show(rgb)
        np.testing.assert_array_equal(again.z_m, first.z_m)
        assert again['stats'].focal_correction == first['stats'].focal_correction
