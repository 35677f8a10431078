# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Points that hang between two surfaces are found, planes at any angle survive, thin things keep their crest."""

from __future__ import annotations

import numpy as np
import pytest

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.depth.flying_pixels import FlyingPixelDetector
from dav2_ros.evaluation.flying_pixels import FlyingPixelRemoval, removal, softened, truly_flying
from dav2_ros.frames import DepthMap

HEIGHT, WIDTH = 480, 640
F_PX, CX_PX, CY_PX = 400.0, 319.5, 239.5
FRAMES, SEED = 32, 2_000_013


def plane(nx: float, ny: float, nz: float, distance_m: float, shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """Return exact depth of a plane n . p = distance, +inf where it is behind, or farther than a model knows."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    scale = WIDTH / shape[1]
    with np.errstate(divide='ignore'):
        z_m = distance_m / (nx * (u * scale - CX_PX) / F_PX + ny * (v * scale - CY_PX) / F_PX + nz)
    return np.where((z_m > 0) & (z_m < 76.0), z_m, np.inf).astype(np.float32)


def ramp(front_m: float, behind_m: float, columns: int) -> np.ndarray:
    """Return a wall before another with an edge that a network drew `columns` pixels wide."""
    share = np.clip((np.arange(WIDTH) - 300) / columns, 0.0, 1.0)
    return np.tile(front_m + share * (behind_m - front_m), (HEIGHT, 1)).astype(np.float32)


@pytest.mark.parametrize('height_m', [0.2, 1.2, 3.0])
@pytest.mark.parametrize('roll', [0.0, 0.3])
def test_a_floor_survives_up_to_the_horizon(height_m, roll):
    """Neighbouring rows near the horizon are metres apart, more than the two sides of many an edge."""
    z_m = plane(np.sin(roll), np.cos(roll), 0.0, height_m)
    assert np.isfinite(z_m).sum() > 100_000 and z_m[np.isfinite(z_m)].max() > 50.0
    assert not (FlyingPixelDetector().find(z_m) & np.isfinite(z_m)).any()


def test_walls_and_the_corners_between_them_survive():
    floor, side, end = plane(0.0, 1.0, 0.0, 1.2), plane(1.0, 0.0, 0.0, 0.6), plane(0.0, 0.0, 1.0, 12.0)
    assert not FlyingPixelDetector().find(np.minimum(np.minimum(floor, side), end)).any()


@pytest.mark.parametrize('across', [False, True])
@pytest.mark.parametrize(('front_m', 'behind_m'), [(2.0, 2.6), (2.0, 8.0), (1.0, 60.0)])
@pytest.mark.parametrize('columns', [6, 12])
def test_a_ramp_is_found_and_both_walls_stay(front_m, behind_m, columns, across):
    z_m = ramp(front_m, behind_m, columns)
    flying = (z_m > 1.06 * front_m) & (z_m < behind_m / 1.06)
    found = FlyingPixelDetector().find(np.ascontiguousarray(z_m.T) if across else z_m)
    found = found.T if across else found
    assert found[flying].mean() > 0.95
    assert not found[np.isclose(z_m, front_m, rtol=0.03) | np.isclose(z_m, behind_m, rtol=0.03)].any()


def test_a_sharp_edge_has_no_flying_points():
    z_m = np.where(np.arange(WIDTH) < 300, 2.0, 9.0).astype(np.float32) * np.ones((HEIGHT, 1), np.float32)
    assert not FlyingPixelDetector().find(z_m).any()


def test_the_crest_of_a_thin_thing_stays():
    """A blurred pole is drawn too far away; yet its crest is the only trace of it, and nothing may drive there."""
    u = np.arange(WIDTH)
    z_m = np.tile(8.0 - 5.0 * np.clip(1.0 - np.abs(u - 300) / 8.0, 0, 1), (HEIGHT, 1)).astype(np.float32)
    found = FlyingPixelDetector().find(z_m)
    assert not found[:, 300].any() and found[:, 305].all() and found[:, 295].all()


def test_unknown_pixels_make_nothing_fly():
    z_m = plane(0.3, 1.0, 0.2, 1.2)
    z_m[np.random.default_rng(0).random(z_m.shape) < 0.2] = np.nan
    z_m[200:260, 100:180] = np.nan
    assert not (FlyingPixelDetector().find(z_m) & np.isfinite(z_m)).any()


@pytest.mark.parametrize('shape', [(1, 1), (5, 7), (48, 64), (481, 643), (240, 960)])
def test_any_shape_will_do_and_buffers_leave_no_trace(shape):
    finder = FlyingPixelDetector()
    finder.find(ramp(1.0, 5.0, 10))
    z_m = plane(0.0, 1.0, 0.3, 1.2, shape)
    assert finder.find(z_m).shape == shape
    assert not (finder.find(z_m) & np.isfinite(z_m)).any()


@pytest.fixture(scope='module')
def true_depths():
    """Render indoors and outdoors, through lenses of 40 to 100 degrees."""
    from dav2_training.data.procedural.procedural import ProceduralScenes

    batch = ProceduralScenes(SEED, HEIGHT // 2, WIDTH // 2).batch(range(FRAMES))
    assert float(batch.f_px.max() / batch.f_px.min()) > 2.0
    return batch.z_m.numpy()


@pytest.mark.parametrize('options', [{'sigma': 0.0}, {}, {'in_logarithm': True}, {'net_height': 518}], ids=str)
def test_of_flying_points_95_percent_go_and_of_good_ones_97_stay(true_depths, options):
    total, finder = FlyingPixelRemoval(), FlyingPixelDetector()
    for true_m in true_depths:
        z_m = softened(true_m, **options)
        total += removal(z_m, true_m, finder.find(z_m))
    assert total.flying > 0.005 * true_depths.size, 'there is something to remove'
    assert total.removed >= 0.95 and total.lost <= 0.03, total


def test_the_truth_has_no_flying_points(true_depths):
    for true_m in true_depths[:4]:
        flies, good = truly_flying(true_m, true_m)
        assert not flies.any() and good.any()


def test_a_cloud_leaves_them_out():
    z_m, camera = ramp(2.0, 8.0, 12), Camera(WIDTH, HEIGHT, F_PX, F_PX, CX_PX, CY_PX)
    points = make_cloud(DepthMap(z_m, camera), None)
    assert np.array_equal(np.isnan(points['z']), FlyingPixelDetector().find(z_m))
    kept = make_cloud(DepthMap(z_m, camera), None, remove_flying=False)
    assert np.isfinite(kept['z']).all()
