# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A CameraInfo and the Camera made of it see the same rays, whatever part of the sensor the picture shows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('sensor_msgs', reason='ROS messages are not installed (pip: the extra ros)')

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from dav2_ros.nodes.camera_info import RecentCameraInfos, camera_from_info, camera_info_for, image_size

K = (510.0, 0.0, 317.0, 0.0, 505.0, 243.0, 0.0, 0.0, 1.0)
P = (480.0, 0.0, 322.0, -57.6, 0.0, 480.0, 238.0, 0.0, 0.0, 0.0, 1.0, 0.0)
D = [-0.2, 0.05, 0.001, -0.001, 0.0]


def a_info(**changes: object) -> CameraInfo:
    rotation = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    values = {
        'width': 640,
        'height': 480,
        'k': K,
        'p': P,
        'd': D,
        'r': rotation.ravel(),
        'distortion_model': 'plumb_bob',
    }
    return CameraInfo(**(values | changes))


def test_raw_pictures_have_k_and_d_rectified_ones_p() -> None:
    raw, rectified = camera_from_info(a_info(), False), camera_from_info(a_info(), True)
    assert (raw.fx_px, raw.fy_px, raw.cx_px, raw.cy_px, raw.distortion) == (510, 505, 317, 243, tuple(D))
    assert (rectified.fx_px, rectified.fy_px, rectified.cx_px, rectified.cy_px) == (480, 480, 322, 238)
    assert not rectified.is_distorted


@pytest.mark.parametrize('rectified', [False, True])
def test_an_uncalibrated_camera_is_none(rectified: bool) -> None:
    assert camera_from_info(CameraInfo(width=640, height=480), rectified) is None


def test_without_p_a_rectified_picture_needs_a_camera_without_distortion() -> None:
    assert camera_from_info(a_info(p=[0.0] * 12, d=[0.0] * 5), True).fx_px == 510
    with pytest.raises(ValueError, match='P is zero'):
        camera_from_info(a_info(p=[0.0] * 12), True)


@pytest.mark.parametrize('rectified', [False, True])
@pytest.mark.parametrize('binning', [0, 1, 2, 4])
@pytest.mark.parametrize('roi', [None, (64, 32, 320, 240)])
def test_region_and_binning_leave_every_ray_where_it_was(rectified: bool, binning: int, roi: tuple | None) -> None:
    info = a_info(binning_x=binning, binning_y=binning)
    x, y, width, height = roi or (0, 0, 640, 480)
    if roi:
        info.roi = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
    n = max(binning, 1)
    assert image_size(info) == (width // n, height // n)
    seen, whole = camera_from_info(info, rectified), camera_from_info(a_info(), rectified)
    assert (seen.width, seen.height) == image_size(info)
    point_m = np.array([[0.1, -0.05, 2.0]])
    u, v = whole.project(point_m)[0]
    # a super-pixel's centre lies between the n x n pixels it is made of
    wanted = ((u - x) - (n - 1) / 2) / n, ((v - y) - (n - 1) / 2) / n
    np.testing.assert_allclose(seen.project(point_m)[0], wanted, atol=1e-9)


@pytest.mark.parametrize('rectified', [False, True])
@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('binning', [1, 2])
def test_the_published_info_describes_the_published_pixels(rectified: bool, stride: int, binning: int) -> None:
    source = a_info(binning_x=binning, binning_y=binning)
    published = camera_info_for(source, Header(frame_id='eye'), rectified=rectified, stride=stride)
    camera = camera_from_info(source, rectified)
    again = camera_from_info(published, rectified)  # by the rules of its consumers: nothing left to fold
    assert again == camera.strided(stride)
    assert camera_from_info(published, False) == camera.strided(stride) or rectified
    z_m = np.zeros((camera.height, camera.width))[::stride, ::stride]
    assert (published.height, published.width) == z_m.shape
    assert (published.binning_x, published.roi.width, published.header.frame_id) == (0, 0, 'eye')
    baseline = -published.p[3] / published.p[0]
    assert baseline == pytest.approx(57.6 / 480.0), 'a stereo baseline does not change with the size'


def test_the_published_info_is_raw_for_raw_and_a_pinhole_for_rectified() -> None:
    source = a_info()
    raw = camera_info_for(source, Header(), rectified=False)
    assert (list(raw.d), list(raw.r), raw.distortion_model) == (D, list(source.r), 'plumb_bob')
    np.testing.assert_allclose(raw.k, K)
    np.testing.assert_allclose(raw.p, P)
    pinhole = camera_info_for(source, Header(), rectified=True)
    assert not any(pinhole.d) and list(pinhole.r) == list(np.eye(3).ravel())
    np.testing.assert_allclose(pinhole.k, np.asarray(P).reshape(3, 4)[:, :3].ravel())


def test_an_uncalibrated_info_stays_uncalibrated() -> None:
    published = camera_info_for(CameraInfo(width=640, height=480), Header(), rectified=False, stride=2)
    assert (published.width, published.height, published.k[0], published.p[0]) == (320, 240, 0, 0)


def stamped(nanosec: int, **changes: object) -> CameraInfo:
    return a_info(header=Header(stamp=Time(nanosec=nanosec)), **changes)


def test_an_image_gets_the_info_of_its_stamp_else_the_newest() -> None:
    infos, first, second = RecentCameraInfos(), stamped(1), stamped(2)
    assert infos.match(Header(), 640, 480) is None
    infos.add(first)
    infos.add(second)
    assert infos.match(Header(stamp=Time(nanosec=1)), 640, 480) is first
    assert infos.match(Header(stamp=Time(nanosec=9)), 640, 480) is second


def test_an_info_of_another_size_is_refused_with_both_sizes() -> None:
    infos = RecentCameraInfos()
    infos.add(stamped(1, binning_x=2, binning_y=2))
    assert infos.match(Header(), 320, 240) is not None
    with pytest.raises(ValueError, match=r'640x480.*320x240'):
        infos.match(Header(), 640, 480)


def test_a_bag_that_starts_again_forgets_the_round_before() -> None:
    infos, before, again = RecentCameraInfos(), stamped(7, width=320), stamped(3)
    infos.add(before)
    infos.add(again)
    assert infos.match(Header(stamp=Time(nanosec=7)), 640, 480) is again
    assert len(infos._infos) == 1


def test_only_so_many_infos_are_kept() -> None:
    infos = RecentCameraInfos(limit=3)
    for stamp in range(10):
        infos.add(stamped(stamp))
    assert len(infos._infos) == 3
