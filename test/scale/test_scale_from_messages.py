# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What sensors say, as evidence: any layout of a cloud, any byte order, the limits of scans and ranges (REP 117)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from dav2_ros.bags.storage.messages import kilted
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap
from dav2_ros.scale.from_messages import FIELD_TYPES, cloud_xyz, from_cloud, from_depth, from_range, from_scan
from dav2_ros.scale.pose import Pose

TYPES = kilted().types
NS = 1_700_000_000_123_456_789


def header(frame_id: str = 'sensor'):
    return TYPES['std_msgs/msg/Header'](TYPES['builtin_interfaces/msg/Time'](*divmod(NS, 10**9)), frame_id)


def a_cloud(xyz: np.ndarray, names='xyz', kind: int = 7, *, big: bool = False, gaps=(0, 0, 0), tail: int = 0):
    """Make a PointCloud2 of (H, W, 3) with fields in this order, bytes between them, and padded rows."""
    height, width, _ = xyz.shape
    dtype = np.dtype(('>' if big else '<') + FIELD_TYPES[kind])
    fields, at = [], 0
    for name, gap in zip(names, gaps):
        at += gap
        fields.append(TYPES['sensor_msgs/msg/PointField'](name, at, kind, 1))
        at += dtype.itemsize
    step = at + 3
    data = np.random.default_rng(0).integers(0, 256, (height, width * step + tail)).astype(np.uint8)
    for field in fields if xyz.size else ():
        view = np.ndarray((height, width), dtype, data, field.offset, (data.shape[1], step))
        view[...] = xyz[..., 'xyz'.index(field.name)]
    return TYPES['sensor_msgs/msg/PointCloud2'](
        header(), height, width, fields, big, step, data.shape[1], data.ravel(), False
    )


class TestCloud:
    @given(
        st.permutations('xyz'), st.sampled_from(list(FIELD_TYPES)), st.booleans(), st.tuples(*3 * [st.integers(0, 9)]),
        st.integers(0, 5), st.integers(0, 3), st.integers(0, 4),
    )  # fmt: skip
    def test_any_layout_and_byte_order_is_read(self, names, kind, big, gaps, tail, height, width) -> None:
        xyz = np.random.default_rng(height).integers(0, 100, (height, width, 3))
        read = cloud_xyz(a_cloud(xyz, names, kind, big=big, gaps=gaps, tail=tail))
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, xyz.reshape(-1, 3))

    def test_nan_stays_and_the_pose_is_applied(self) -> None:
        xyz = np.array([[[1.0, 2, 3], [np.nan, 2, 3]]])
        points = from_cloud(a_cloud(xyz), Pose(np.eye(3), np.array([10.0, 0, 0])))
        np.testing.assert_array_equal(points.xyz_m[0], [11, 2, 3])
        assert np.isnan(points.xyz_m[1, 0]) and points.stamp_ns == NS

    def test_a_cloud_without_points_or_bytes_is_refused(self) -> None:
        cloud = a_cloud(np.zeros((2, 3, 3)))
        with pytest.raises(ValueError, match='fields x, y has no points'):
            cloud_xyz(replace(cloud, fields=cloud.fields[:2]))
        with pytest.raises(ValueError, match='wrongly formed'):
            cloud_xyz(replace(cloud, data=cloud.data[:-5]))
        with pytest.raises(ValueError, match='wrongly formed'):
            cloud_xyz(replace(cloud, point_step=8))
        assert cloud_xyz(replace(cloud, row_step=0)).shape == (6, 3), 'some drivers leave it out'


def a_scan(ranges: list[float]):
    limits = {'range_min': 0.2, 'range_max': 10.0}
    return TYPES['sensor_msgs/msg/LaserScan'](
        header=header(), angle_min=-0.5, angle_max=0.5, angle_increment=0.5, time_increment=0.0, scan_time=0.1,
        **limits, ranges=np.array(ranges, np.float32), intensities=np.zeros(0, np.float32),
    )  # fmt: skip


def test_a_scan_is_points_in_its_plane() -> None:
    points = from_scan(a_scan([2.0, 3.0, 4.0]), Pose.identity()).xyz_m
    c, s = math.cos(0.5), math.sin(0.5)
    np.testing.assert_allclose(points, [[2 * c, -2 * s, 0], [3, 0, 0], [4 * c, 4 * s, 0]], rtol=1e-6)
    ahead = from_scan(a_scan([2.0, 3.0, 4.0]), Pose.from_rpy((0, 0, 0), (0, 0, 0)).of_bodies()).xyz_m
    np.testing.assert_allclose(ahead[1], [0, 0, 3], atol=1e-6)
    assert ahead[0, 0] > 0 > ahead[2, 0], 'what is to the left of a body is at negative x of a picture'


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 0.0, 0.1, 11.0])
def test_no_return_is_no_point(bad: float) -> None:
    assert len(from_scan(a_scan([bad, 3.0, bad]), Pose.identity()).xyz_m) == 1


def a_range(metres: float):
    return TYPES['sensor_msgs/msg/Range'](header(), 0, 0.4, 0.02, 4.0, metres, 0.0)


def test_a_range_is_a_beam_along_x_of_its_frame() -> None:
    beam = from_range(a_range(1.5), Pose.from_rpy((0.1, 0.2, 0.3), (0, 0, 0)).of_bodies())
    np.testing.assert_allclose(beam.axis, [0, 0, 1])
    np.testing.assert_allclose(beam.origin_m, [-0.2, -0.3, 0.1])
    assert (beam.range_m, beam.half_angle_rad, beam.stamp_ns) == (1.5, pytest.approx(0.2), NS)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 0.0, 0.01, 4.5])
def test_nothing_in_range_is_no_evidence(bad: float) -> None:
    assert from_range(a_range(bad), Pose.identity()) is None


def test_the_depth_of_another_camera_is_points() -> None:
    camera = Camera.from_hfov(640, 480, 1.2)
    z_m = np.full((480, 640), 3.0, np.float32)
    z_m[:100] = np.nan
    points = from_depth(DepthMap(z_m, camera, NS), Pose(np.eye(3), np.array([0.0, 0, 1.0])))
    assert 5000 < len(points.xyz_m) < 40000 and points.stamp_ns == NS
    np.testing.assert_array_equal(points.xyz_m[:, 2], 4.0)
    pixels = camera.project(points.xyz_m - [0, 0, 1])
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-3)
    assert pixels[:, 1].min() >= 99.9
    with pytest.raises(ValueError, match='no camera_info'):
        from_depth(DepthMap(z_m), Pose.identity())
