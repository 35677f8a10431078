# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scale from evidence, on procedural scenes whose depth is exact: recovered, and not fooled."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap
from dav2_ros.scale.camera_height import GroundHeight
from dav2_ros.scale.fit import ScaleFit, fit_scale
from dav2_ros.scale.measurements import Beam, Distances, Measurement, Pairs, Points
from dav2_ros.scale.projection import nearest_returns
from dav2_ros.scale.tracker import measure
from dav2_training.data.procedural.camera_poses import View, random_view, reach
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.renderer import render

HEIGHT, WIDTH = 168, 224
BESIDE_M = 0.2  # the LiDAR, to the right of the camera
SEEDS = range(16)


@dataclass(frozen=True, eq=False)
class Place:
    """A scene seen by a camera, and by a LiDAR that stands beside it and sees past things."""

    kind: str
    view: View
    camera: Camera
    z_m: np.ndarray  # (H, W) from the camera
    lidar_z_m: np.ndarray  # (H, W) from the LiDAR, through the same lens

    def depth(self, scale: float) -> DepthMap:
        """Return what a model says that is wrong by a factor."""
        return DepthMap((self.z_m / scale).astype(np.float32), self.camera)

    def returns(self, rows: np.ndarray, columns: np.ndarray, rng, noise_m: float = 0.0, outliers: float = 0.0):
        """Return (N, 3) what the LiDAR measures through these of its pixels, in the camera's frame."""
        xyz_m = self.camera.unproject(self.lidar_z_m)[rows, columns].reshape(-1, 3).astype(np.float64)
        xyz_m = xyz_m[np.isfinite(xyz_m).all(axis=1) & (xyz_m[:, 2] < 80.0)]
        range_m = np.linalg.norm(xyz_m, axis=1)
        measured_m = range_m + rng.normal(0.0, noise_m, len(range_m))
        wrong = rng.random(len(range_m)) < outliers
        measured_m[wrong] = np.exp(rng.uniform(math.log(0.3), math.log(60.0), wrong.sum()))
        return (xyz_m * (measured_m / range_m)[:, None] + (BESIDE_M, 0.0, 0.0)).astype(np.float32)

    def rings(self, seed: int, **faults: float) -> np.ndarray:
        """Return the cloud of a LiDAR with 20 rings of 200 returns."""
        rng = np.random.default_rng(seed)
        rows = np.linspace(8, HEIGHT - 9, 20).astype(int)[:, None]
        return self.returns(rows, rng.integers(0, WIDTH, (20, 200)), rng, **faults)


@lru_cache(maxsize=64)
def place(seed: int, kind: str | None = None) -> Place:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    view = random_view(77, seed)
    scene = compose(77, seed, kind, reach(view))
    x, y, z = np.array([view.x_m, view.y_m, view.z_m]) + BESIDE_M * view.rotation()[:, 0]
    beside = replace(view, x_m=x, y_m=y, z_m=z)
    camera = Camera.from_hfov(WIDTH, HEIGHT, view.hfov_rad)
    seen = [render([scene], [v], HEIGHT, WIDTH).z_m[0].numpy() for v in (view, beside)]
    torch.set_num_threads(threads)
    return Place(scene.kind, view, camera, *seen)


def true_scale(seed: int) -> float:
    return math.exp(np.random.default_rng([seed, 9]).normal(0.0, 0.5))


def error(evidence: Measurement, at: Place, seed: int) -> tuple[float, ScaleFit]:
    fit = measure(at.depth(true_scale(seed)), evidence)
    return abs(fit.value / true_scale(seed) - 1.0), fit


class TestLidar:
    @pytest.mark.parametrize('seed', SEEDS)
    def test_a_fifth_of_gross_outliers_and_5_cm_of_noise_cost_less_than_2_percent(self, seed: int) -> None:
        at = place(seed)
        off, fit = error(Points(at.rings(seed, noise_m=0.05, outliers=0.2)), at, seed)
        assert fit.trusted and off <= 0.02, (at.kind, fit)
        assert fit.inliers > 0.7 * fit.total

    @pytest.mark.parametrize('seed', SEEDS)
    def test_exact_returns_give_the_exact_scale(self, seed: int) -> None:
        at = place(seed)
        off, fit = error(Points(at.rings(seed)), at, seed)
        assert fit.trusted and off <= 0.002, (at.kind, fit)

    def test_returns_that_the_camera_cannot_see_are_left_out(self) -> None:
        """A post hides a wall from the camera; the LiDAR, a metre to the side, sees all of the wall."""
        camera = Camera.from_hfov(WIDTH, HEIGHT, math.radians(70))
        z_m = np.full((HEIGHT, WIDTH), 8.0, np.float32)
        z_m[:, 90:140] = 2.0
        wall = camera.unproject(np.full((HEIGHT, WIDTH), 8.0, np.float32))[::6, ::3].reshape(-1, 3)
        post = camera.unproject(z_m)[::6, 91:139:3].reshape(-1, 3)
        xyz_m = np.concatenate([wall, post])
        pairs = Points(xyz_m).pairs(DepthMap(z_m, camera))
        np.testing.assert_array_equal(pairs.ratios, 1.0)
        assert len(pairs.ratios) > 0.7 * (z_m[::6, ::3] > 2).sum()

    @given(scale=st.floats(0.1, 10.0), seed=st.integers(0, 3))
    def test_depth_k_times_as_large_has_a_scale_k_times_as_small(self, scale: float, seed: int) -> None:
        at = place(seed)
        cloud = Points(at.rings(seed, noise_m=0.05, outliers=0.2))
        one, other = measure(at.depth(1.0), cloud), measure(at.depth(scale), cloud)
        assert other.value == pytest.approx(scale * one.value, rel=1e-4)
        assert other.std_dev == pytest.approx(scale * one.std_dev, rel=1e-2) and other.total == one.total

    def test_the_order_of_returns_does_not_matter(self) -> None:
        at = place(1)
        cloud = at.rings(1, noise_m=0.05, outliers=0.2)
        shuffled = np.random.default_rng(0).permutation(cloud)
        one, other = (measure(at.depth(1.5), Points(each)) for each in (cloud, shuffled))
        assert other.value == pytest.approx(one.value, rel=1e-5)

    def test_what_no_camera_sees_is_no_evidence(self) -> None:
        """Behind it, beside it, and no returns at all."""
        at = place(1)
        cloud = at.rings(1)
        lost = np.full_like(cloud, np.nan)
        for hidden in (
            cloud * (1, 1, -1),
            cloud + np.float32([100, 0, 0]),
            lost,
            cloud[:0],
            np.full_like(cloud, np.inf),
        ):
            fit = measure(at.depth(1.0), Points(hidden.astype(np.float32)))
            assert not fit.trusted and 'falls on the picture' in fit.reason and math.isnan(fit.value)
        mixed = np.concatenate([lost, cloud, -cloud, lost])
        assert measure(at.depth(1.5), Points(mixed)).value == pytest.approx(1.5, rel=2e-3)

    def test_the_scale_of_a_distorted_picture_is_the_same(self) -> None:
        lens = {'distortion_model': 'plumb_bob', 'distortion': (-0.25, 0.08, 0.001, -0.001, 0.0)}
        camera = replace(Camera.from_hfov(320, 240, math.radians(80)), **lens)
        rays = camera.rays()
        z_m = (6.0 / np.maximum(2.0 * rays[..., 1], 0.5)).astype(np.float32)  # a floor that ends at a wall
        xyz_m = camera.unproject(z_m)[::5, ::4].reshape(-1, 3)
        fit = measure(DepthMap(z_m / np.float32(0.7), camera), Points(xyz_m))
        assert fit.trusted and fit.value == pytest.approx(0.7, rel=1e-3)

    def test_a_wrong_pose_is_noticed(self) -> None:
        """Returns of another place altogether agree with nothing."""
        at = place(1)
        rng = np.random.default_rng(0)
        xyz_m = at.camera.unproject(np.exp(rng.uniform(-1.0, 4.0, (HEIGHT, WIDTH))).astype(np.float32))
        fit = measure(at.depth(1.0), Points(xyz_m[::8, ::4].reshape(-1, 3)))
        assert not fit.trusted and 'pose of the sensor' in fit.reason


class TestOtherSensors:
    @pytest.mark.parametrize('seed', [s for s in SEEDS if s not in (8,)])  # 8: open ground, a row that sees four posts
    def test_one_row_of_a_scanner_is_enough(self, seed: int) -> None:
        at = place(seed)
        rng = np.random.default_rng(seed)
        row = at.returns(np.array([[HEIGHT // 2]]), np.arange(WIDTH)[None], rng, noise_m=0.05, outliers=0.2)
        off, fit = error(Points(row), at, seed)
        assert fit.trusted and off <= 0.02, (at.kind, fit)

    @pytest.mark.parametrize('seed', SEEDS)
    def test_the_height_of_the_camera_is_enough(self, seed: int) -> None:
        at = place(seed)
        off, fit = error(GroundHeight(at.view.z_m), at, seed)
        assert fit.trusted and off <= 0.01, (at.kind, fit)

    def test_without_ground_there_is_no_height(self) -> None:
        camera = place(0).camera
        wall = DepthMap(np.full((HEIGHT, WIDTH), 3.0, np.float32), camera)
        rough = DepthMap(np.random.default_rng(0).uniform(1, 9, (HEIGHT, WIDTH)).astype(np.float32), camera)
        sky = DepthMap(np.full((HEIGHT, WIDTH), np.inf, np.float32), camera)
        for depth in (wall, rough, sky):
            assert 'no ground plane' in measure(depth, GroundHeight(1.2)).reason

    def test_a_table_is_not_the_ground(self) -> None:
        """The plane with most pixels is a table 0.5 m below the camera; the floor is 1.2 m below."""
        camera = Camera.from_hfov(WIDTH, HEIGHT, math.radians(70))
        down = np.maximum(camera.rays()[..., 1], 1e-3)
        z_m = np.minimum(1.2 / down, 20.0)
        z_m[HEIGHT - 40 :, 30:200] = (0.5 / down)[HEIGHT - 40 :, 30:200]
        fit = measure(DepthMap((z_m / 1.3).astype(np.float32), camera), GroundHeight(1.2))
        assert fit.trusted and fit.value == pytest.approx(1.3, rel=0.01)

    @pytest.mark.parametrize('half_angle_rad', [0.0, 0.05, 0.2])
    @pytest.mark.parametrize('seed', SEEDS[:8])
    def test_a_beam_measures_the_nearest_thing_in_its_cone(self, seed: int, half_angle_rad: float) -> None:
        at = place(seed)
        points = at.camera.unproject(np.minimum(at.z_m, 1e4))
        origin, axis = np.array([0.05, 0.1, 0.0]), np.array([0.02, 0.1, 1.0]) / np.linalg.norm([0.02, 0.1, 1.0])
        away = (points - origin).reshape(-1, 3)
        range_m = np.linalg.norm(away, axis=1)
        if half_angle_rad:
            range_m = range_m[away @ axis >= range_m * math.cos(half_angle_rad)].min()
        else:
            range_m = range_m[np.nanargmax(away @ axis / range_m)]
        off, fit = error(Beam(origin, axis, float(range_m), half_angle_rad), at, seed)
        assert fit.total == 1 and fit.std_dev / fit.value == pytest.approx(0.1)
        assert off <= 0.05, (at.kind, fit)

    def test_a_tape_measures_along_the_ray(self) -> None:
        at = place(1)
        pixels = np.array([[20, 150], [112, 100], [200, 140]], np.float32)
        u, v = pixels.astype(int).T
        range_m = np.linalg.norm(at.camera.unproject(at.z_m)[v, u], axis=1)
        fit = measure(at.depth(0.8), Distances(pixels, range_m))
        assert fit.value == pytest.approx(0.8, rel=1e-4) and (fit.inliers, fit.total) == (3, 3)

    def test_only_a_calibrated_camera_can_be_compared(self) -> None:
        depth = DepthMap(np.ones((HEIGHT, WIDTH), np.float32))
        for evidence in (
            Points(np.ones((50, 3), np.float32)),
            GroundHeight(1.0),
            Beam(np.zeros(3), np.eye(3)[2], 1, 0),
        ):
            assert 'not calibrated' in measure(depth, evidence).reason


class TestBelief:
    def pairs(self, logs: np.ndarray, regions: np.ndarray | None = None) -> Pairs:
        model_m = np.full(len(logs), 3.0, np.float32)
        known_m = (model_m * np.exp(logs)).astype(np.float32)
        return Pairs(known_m, model_m, np.arange(len(logs)) % 48 if regions is None else regions)

    def test_a_thousand_returns_from_one_wall_know_no_more_than_ten(self) -> None:
        rng = np.random.default_rng(0)
        logs = rng.normal(0.3, 0.02, 1000)
        wall = fit_scale(self.pairs(logs, np.zeros(1000, int)))
        all_over = fit_scale(self.pairs(logs))
        assert wall.std_dev > 0.09 * wall.value > 5 * all_over.std_dev

    def test_the_stated_deviation_covers_what_regions_get_wrong(self) -> None:
        """A model that errs by 15 % from region to region: two standard deviations hold the truth 95 times of 100."""
        rng = np.random.default_rng(1)
        regions = np.repeat(np.arange(24), 40)
        covered = []
        for _ in range(200):
            logs = rng.normal(0.0, 0.15, 24)[regions] + rng.normal(0.0, 0.03, len(regions))
            fit = fit_scale(self.pairs(logs, regions))
            covered.append(abs(math.log(fit.value)) <= 2.0 * fit.std_dev / fit.value)
        assert 0.9 <= np.mean(covered) < 1.0

    @pytest.mark.parametrize('share', [0.1, 0.3, 0.45])
    def test_outliers_on_one_side_do_not_pull(self, share: float) -> None:
        """Returns past the edge of things are all too far: a median would give way."""
        rng = np.random.default_rng(2)
        logs = rng.normal(0.0, 0.03, 2000)
        far = rng.random(2000) < share
        logs[far] += rng.uniform(0.2, 2.0, far.sum())
        assert abs(fit_scale(self.pairs(logs)).value - 1.0) < 0.01 < abs(math.expm1(np.median(logs))) + 0.01

    def test_fewer_pairs_than_it_takes_are_refused(self) -> None:
        assert 'takes 10' in fit_scale(self.pairs(np.zeros(9))).reason
        assert fit_scale(self.pairs(np.zeros(10))).trusted

    @pytest.mark.parametrize('scale', [0.001, 1000.0])
    def test_millimetres_taken_for_metres_are_no_scale(self, scale: float) -> None:
        assert 'check units' in fit_scale(self.pairs(np.full(100, math.log(scale)))).reason


def test_the_nearest_return_of_a_neighbourhood_is_in_front() -> None:
    """By brute force: no kept return has a neighbour, in its own cell, that is nearer by the factor."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, (640, 480), (3000, 2)).astype(np.float32)
    z_m = rng.choice([2.0, 2.1, 7.0], 3000).astype(np.float32)
    kept = nearest_returns(pixels, z_m, (480, 640))
    cells = ((pixels + 0.5) // 10).astype(int)
    for cell, z in zip(cells[kept], z_m[kept]):
        beside = z_m[(np.abs(cells - cell) <= 1).all(axis=1)].min()
        assert z <= 1.15 * beside
    assert kept[z_m < 3].all()
