# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ground is the plane that the camera stands above, at any pitch, and no wall, table or ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.cloud.ground_plane import GroundPlaneTracker
from dav2_ros.frames import DepthMap
from dav2_training.data.procedural.camera_poses import View
from dav2_training.data.procedural.renderer import render
from dav2_training.data.procedural.scene import Material, Scene

HEIGHT, WIDTH = 96, 128
GREY = Material('plain', (0.5, 0.5, 0.5), (0.4, 0.4, 0.4), 2.0)


def seen(pitch: float, roll: float = 0.0, height_m: float = 1.2, *, outdoors: bool = False) -> DepthMap:
    """Render a crate in a room or on open ground; depth is exact."""
    low, high = ([-900.0] * 2, [900.0] * 3) if outdoors else ([-1.0, -2.0], [6.0, 2.0, 2.6])
    scene = Scene('open' if outdoors else 'room', np.array([*low, 0.0]), np.array(high), [GREY] * 6)
    scene.add('box', (3.0, 0.4, 0.25), (0.3, 0.3, 0.25), GREY)
    scene.light = np.array([1.0, 0.0, 2.3])
    view = View(0.0, 0.0, height_m, 0.0, pitch, roll, 1.2)
    z_m = render([scene], [view], HEIGHT, WIDTH).z_m[0].numpy()
    return DepthMap(z_m, Camera.from_hfov(WIDTH, HEIGHT, 1.2))


def points_of(depth: DepthMap) -> np.ndarray:
    return depth.camera.unproject(depth.z_m).reshape(-1, 3)


@pytest.mark.parametrize('outdoors', [False, True])
@pytest.mark.parametrize(('pitch', 'roll'), [(0.0, 0.0), (-0.3, 0.1), (0.1, -0.15)])
def test_it_is_found_where_the_camera_stands(pitch, roll, outdoors):
    plane = GroundPlaneTracker().find(points_of(seen(pitch, roll, outdoors=outdoors)))
    assert plane.height_m == pytest.approx(1.2, abs=0.02)
    up = (-np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch))
    np.testing.assert_allclose(np.abs(plane.up), np.abs(up), atol=0.01)


def test_noise_of_three_percent_moves_it_little():
    points = points_of(seen(-0.2))
    points *= 1.0 + 0.03 * np.random.default_rng(0).standard_normal((len(points), 1)).astype(np.float32)
    assert GroundPlaneTracker().find(points).height_m == pytest.approx(1.2, rel=0.05)


def test_the_same_frames_give_the_same_plane():
    points = points_of(seen(-0.2, 0.05))
    assert GroundPlaneTracker(3).find(points) == GroundPlaneTracker(3).find(points)


def test_where_there_is_no_floor_there_is_no_ground():
    depth = seen(0.0)
    depth.z_m[HEIGHT // 3 :] = np.nan  # a wall and a ceiling are left
    assert GroundPlaneTracker().find(points_of(depth)) is None


def test_a_table_that_fills_the_picture_does_not_become_the_floor():
    """More than half of the floor is hidden by it; but what is left of the floor is below it."""
    points = points_of(seen(-0.35))
    finder = GroundPlaneTracker()
    floor = finder.find(points)
    low = np.flatnonzero(np.abs(floor.height_of(*points.T)) < 0.01)
    table, raised = points.copy(), np.random.default_rng(0).random(len(low)) < 0.55
    table[low[raised]] *= 0.5 / 1.2  # along their rays, to 0.7 m
    assert finder.find(table).height_m == pytest.approx(1.2, abs=0.02)


def test_the_plane_of_the_last_frame_stays_while_it_explains_the_points():
    """Of two planes with nearly the same points the newer is not the better: the ground does not tremble."""
    frames = [
        points_of(seen(-0.2)) * (1 + 0.02 * np.random.default_rng(k).standard_normal((12288, 1))) for k in range(8)
    ]
    finder = GroundPlaneTracker()
    steady = [finder.find(points).height_m for points in frames]
    alone = [GroundPlaneTracker(seed=k).find(points).height_m for k, points in enumerate(frames)]
    assert np.std(steady) <= np.std(alone) and np.mean(steady) == pytest.approx(1.2, rel=0.03)


def test_a_cloud_without_ground_keeps_the_crate_and_the_walls():
    depth = seen(-0.25)
    whole, bare = make_cloud(depth, None), make_cloud(depth, None, remove_ground=True)
    heights_m = GroundPlaneTracker().find(points_of(depth)).height_of(*(whole[axis] for axis in 'xyz'))
    kept, there = np.isfinite(bare['z']), np.isfinite(whole['z'])
    assert not (kept & (heights_m < 0.1)).any()
    high = there & (heights_m > 0.1 + 0.05 * whole['z'])
    assert high.sum() > 500 and (kept[high]).mean() == 1.0
