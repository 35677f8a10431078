# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each consumer of clouds gets from the running node what it needs; see test_consumers.py."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph import consumers
from graph.consumers import PROFILES, iterate, pcl_points, to_base, xyz
from graph.peer import Peer, stamp_ns
from graph.scene import CAMERA_HEIGHT_M, EXACT, HALF_MM, HEIGHT, TILT, WALL_M, WIDTH, scene_points, show

STRIDE = 4


@pytest.fixture(scope='module')
def peer(start) -> Peer:
    return start(**EXACT)[1]


def wall_offset_m(points: np.ndarray) -> np.ndarray:
    """Return how far (N, 3) points of the base frame are in front of (-) or behind (+) the wall, along x."""
    return points[:, 0] - TILT * points[:, 1] - WALL_M


@contextmanager
def settings(peer: Peer, **values: Any) -> Iterator[None]:
    """Set parameters of the node for a while."""
    before = {name: peer.get(name) for name in values}
    try:
        for name, value in values.items():
            assert peer.set(name, value) == (True, '')
        yield
    finally:
        for name, value in before.items():
            peer.set(name, value)


@pytest.mark.parametrize('values', [{}, {'cloud_organised': False}, {'cloud_voxel_m': 0.1}], ids=str)
def test_points_are_laid_out_as_every_reader_of_clouds_reads_them(peer: Peer, values: dict) -> None:
    """PCL by rows, the iterators straight through: the same points, NaN in all three of what is no point."""
    peer.only('points')
    with settings(peer, **values):
        cloud = show(peer)['points']
    assert [(field.name, field.offset) for field in cloud.fields][:3] == [('x', 0), ('y', 4), ('z', 8)]
    assert cloud.row_step == cloud.width * cloud.point_step, 'iterators know no row padding'
    by_pcl = pcl_points(cloud)
    for name in 'xyz':
        np.testing.assert_array_equal(iterate(cloud, name), by_pcl[name].ravel())
    broken = np.isnan(xyz(cloud))
    assert (broken.all(axis=1) == broken.any(axis=1)).all() and not np.isinf(xyz(cloud)).any()
    assert cloud.is_dense == (not broken.any()), 'PCL skips the test for NaN in a cloud that says it is dense'
    assert (cloud.height, cloud.is_dense) == ((1, True) if values else (HEIGHT, False)) and len(broken) > 100


def test_nav2_s_voxel_layer_marks_the_wall_and_nothing_else(peer: Peer) -> None:
    """The floor is below the height filter, unknown and sky are no points; TF is asked for the image's stamp."""
    peer.only('points', profile=PROFILES['nav2 costmap'])
    answer = show(peer)
    assert stamp_ns(answer['points']) in {stamp_ns(message) for message in peer.received['points']}
    marked = consumers.nav2_obstacles(answer['points'], CAMERA_HEIGHT_M, low=0.05, high=1.0, max_range=5.0)
    assert len(marked) > 300 and np.isfinite(marked).all()
    np.testing.assert_allclose(wall_offset_m(marked), 0, atol=2 * HALF_MM)
    assert len(consumers.nav2_obstacles(answer['points'], CAMERA_HEIGHT_M, low=0.05, high=1.0, max_range=2.0)) == 0
    cells, truth = _columns(marked), to_base(scene_points(), CAMERA_HEIGHT_M).reshape(-1, 3)
    truth = truth[(truth[:, 2] >= 0.05) & (truth[:, 2] <= 1.0)]
    around = set().union(*(_columns(truth + np.array([shift_m, 0, 0])) for shift_m in (-2 * HALF_MM, 0, 2 * HALF_MM)))
    assert cells <= around and len(cells) > 0.9 * len(_columns(truth))


def _columns(points: np.ndarray) -> set[tuple[int, ...]]:
    return {key[:2] for key in consumers.octomap_keys(points, 0.05)}


def test_nav2_s_collision_monitor_counts_the_wall_in_its_polygon(peer: Peer) -> None:
    peer.only('points', profile=PROFILES['nav2 collision monitor'])
    cloud = show(peer)['points']
    points = consumers.collision_points(cloud, CAMERA_HEIGHT_M, low=0.05, high=1.0, min_range=0.2)
    assert np.isfinite(points).all()
    stop = points[(np.abs(points[:, 1]) < 0.4) & (points[:, 0] < WALL_M + 0.2) & (points[:, 0] > 0)]
    clear = points[(np.abs(points[:, 1]) < 0.4) & (points[:, 0] < WALL_M - 0.2) & (points[:, 0] > 0)]
    assert len(stop) > 100 and len(clear) == 0


def test_everything_stvl_is_shown_is_inside_the_frustum_it_clears(peer: Peer) -> None:
    """With the angles that docs/consumers.md takes from camera_info no point is outside; tighter, some are."""
    peer.only('points', 'depth/camera_info', profile=PROFILES['stvl'])
    answer = show(peer)
    info, points = answer['depth/camera_info'], xyz(answer['points'])
    points = points[np.isfinite(points).all(axis=1)]
    fx, fy, cx, cy = info.p[0], info.p[5], info.p[2], info.p[6]
    hfov = 2 * math.atan(max(cx + 0.5, info.width - 0.5 - cx) / fx)
    vfov = 2 * math.atan(max(cy + 0.5, info.height - 0.5 - cy) / fy)
    z_m = points[:, 2]
    assert consumers.stvl_sees(points, hfov, vfov, z_m.min(), z_m.max()).all()
    assert not consumers.stvl_sees(points, 0.8 * hfov, vfov, z_m.min(), z_m.max()).all()
    assert not consumers.stvl_sees(points, hfov, 0.8 * vfov, z_m.min(), z_m.max()).all()


def test_octomap_server_gets_few_points_of_the_same_surfaces(peer: Peer) -> None:
    """Stride n leaves a point in n x n, each where it was; range cuts what the tree would trace for nothing."""
    peer.only('points', profile=PROFILES['octomap_server'])
    dense = pcl_points(show(peer)['points'])
    with settings(peer, cloud_stride=STRIDE):
        sparse = pcl_points(show(peer)['points'])
        assert sparse.shape == (HEIGHT // STRIDE, WIDTH // STRIDE)
        for name in 'xyzrgb':
            np.testing.assert_array_equal(sparse[name], dense[name][::STRIDE, ::STRIDE])
        with settings(peer, max_range_m=2.0):
            near = xyz(show(peer)['points'])
    with settings(peer, cloud_voxel_m=0.1):
        voxels = to_base(xyz(show(peer)['points']), CAMERA_HEIGHT_M)
    assert 100 < len(voxels) < 0.5 * np.isfinite(dense['z']).sum()
    assert (np.minimum(np.abs(voxels[:, 2]), np.abs(wall_offset_m(voxels))) < 0.1).all(), 'off both floor and wall'
    near = near[np.isfinite(near).all(axis=1)]
    assert 0 < len(near) < np.isfinite(sparse['z']).sum() and near[:, 2].max() <= 2.0
    keys = consumers.octomap_keys(to_base(near, CAMERA_HEIGHT_M), 0.1)
    assert keys and all(key[2] in (-1, 0) and 0 < key[0] <= 20 for key in keys), 'all that is near is floor'
