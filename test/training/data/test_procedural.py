# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes: depth against formulas and brute force, intrinsics, sky, and the same frame every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dav2_ros.camera import Camera
from dav2_training.data.procedural.camera_poses import CAMERA_HEIGHT_M, HFOV_DEG, View, random_view
from dav2_training.data.procedural.compose import FAR_M, KINDS, compose
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.data.procedural.renderer import SKY_M, render
from dav2_training.data.procedural.scene import Material, Scene

HEIGHT, WIDTH = 48, 64
GREY = Material('plain', (0.5, 0.5, 0.5), (0.4, 0.4, 0.4), 2.0)


pytestmark = pytest.mark.usefixtures('one_thread')


def open_ground() -> Scene:
    edge = np.array([FAR_M, FAR_M, FAR_M])
    return Scene('open', edge * (-1, -1, 0), edge, [GREY] * 6, light=np.array([100.0, 0.0, 300.0]))


def empty_room() -> Scene:
    return Scene(
        'room', np.array([-1.0, -2.0, 0.0]), np.array([5.0, 1.5, 2.5]), [GREY] * 6, light=np.array([1.0, 0, 2.3])
    )


def a_view(**changes: float) -> View:
    level = {'x_m': 0.0, 'y_m': 0.0, 'z_m': 1.2, 'yaw_rad': 0.0, 'pitch_rad': 0.0, 'roll_rad': 0.0, 'hfov_rad': 1.2}
    return View(**{**level, **changes})


def depth(scene: Scene, view: View, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return render([scene], [view], height, width).z_m[0].numpy().astype(np.float64)


def pixel_rays(view: View, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return (H, W, 3) world directions with Z 1 in the camera, from our Camera and elementary rotations."""
    camera = Camera.from_hfov(width, height, view.hfov_rad)
    v, u = np.mgrid[0:height, 0:width]
    x, y = (u - camera.cx_px) / camera.fx_px, (v - camera.cy_px) / camera.fy_px
    c, s = math.cos(view.roll_rad), math.sin(view.roll_rad)
    right, down = c * x - s * y, s * x + c * y  # the picture turns clockwise around its axis
    forward = np.ones_like(x)
    c, s = math.cos(view.pitch_rad), math.sin(view.pitch_rad)
    ahead, up = c * forward + s * down, s * forward - c * down  # nose up
    c, s = math.cos(view.yaw_rad), math.sin(view.yaw_rad)
    return np.stack([c * ahead + s * right, s * ahead - c * right, up], axis=-1)  # to the left


class TestExactDepth:
    @pytest.mark.parametrize('pitch_deg', [-30.0, -5.0, 0.0, 4.0])
    @pytest.mark.parametrize('yaw_deg', [0.0, 75.0])
    def test_the_ground_is_height_over_slope(self, pitch_deg, yaw_deg):
        """A row y = (v - cy) / f of a camera at height h, pitched by p: Z = h / (y cos p - sin p)."""
        pitch = math.radians(pitch_deg)
        view = a_view(pitch_rad=pitch, yaw_rad=math.radians(yaw_deg), z_m=1.1)
        camera = Camera.from_hfov(WIDTH, HEIGHT, view.hfov_rad)
        y = (np.arange(HEIGHT) - camera.cy_px) / camera.fy_px
        slope = y * math.cos(pitch) - math.sin(pitch)
        below = slope > 1.1 / SKY_M
        z_m = depth(open_ground(), view)
        assert np.isinf(z_m[slope <= 0]).all()
        assert np.allclose(z_m[below], (1.1 / slope[below])[:, None], rtol=2e-5)

    def test_the_walls_of_a_room_are_planes(self):
        """Whatever the pose: the first of six planes that a ray meets."""
        rng = np.random.default_rng(5)
        room = empty_room()
        for _ in range(20):
            yaw, pitch, roll = rng.uniform((-3.1, -0.7, -0.5), (3.1, 0.7, 0.5))
            at = rng.uniform((-0.8, -1.8, 0.2), (4.8, 1.3, 2.3))
            view = a_view(x_m=at[0], y_m=at[1], z_m=at[2], yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll)
            rays = pixel_rays(view)
            with np.errstate(divide='ignore'):
                t = np.stack([(room.low_m - at) / rays, (room.high_m - at) / rays])
            wanted = np.where(t > 0, t, np.inf).min(axis=(0, 3))
            assert np.allclose(depth(room, view), wanted, rtol=2e-5)

    def test_solids_are_where_brute_force_finds_them(self):
        """Walk along rays in small steps and ask each solid's inequality: outside before Z, inside right behind it."""
        rng = np.random.default_rng(11)
        for _ in range(6):
            scene, view = random_solids(rng), a_view(yaw_rad=rng.uniform(-0.3, 0.3), roll_rad=rng.uniform(-0.2, 0.2))
            z_m = depth(scene, view).reshape(-1)
            rays = pixel_rays(view).reshape(-1, 3)
            some = rng.choice(len(z_m), 400, replace=False)
            z_m, rays, eye = z_m[some], rays[some], np.array([0.0, 0.0, 1.2])
            before = eye + rays[:, None] * (z_m[:, None] * np.linspace(0.001, 0.9995, 1500))[..., None]
            assert not inside(scene, before).any()
            behind = eye + rays * (1.0005 * z_m + 2e-4)[:, None]
            on_wall = ((behind < scene.low_m) | (behind > scene.high_m)).any(axis=-1)
            grazing = 0.01  # of the pixels a ray may touch an edge and be out again half a millimetre later
            assert (inside(scene, behind) | on_wall).mean() > 1 - grazing
            assert 0.1 < (~on_wall).mean()

    def test_another_solid_only_ever_hides(self):
        rng = np.random.default_rng(2)
        scene, view = empty_room(), a_view()
        z_m = depth(scene, view)
        for kind in ('box', 'ball', 'cylinder', 'box'):
            scene.add(kind, (rng.uniform(2, 4), rng.uniform(-1, 1), rng.uniform(0.3, 1.5)), (0.3, 0.3, 0.3), GREY, 0.4)
            after = depth(scene, view)
            assert (after <= z_m).all() and (after < z_m).any()
            z_m = after

    def test_a_ball_ahead_is_its_radius_nearer(self):
        """And its outline is a circle around the axis, of the area of a cone that touches it."""
        scene = open_ground()
        scene.add('ball', (6.0, 0.0, 1.2), (1.0, 1.0, 1.0), GREY)
        z_m = depth(scene, a_view(), 49, 65)
        assert z_m[24, 32] == pytest.approx(5.0, rel=1e-5)
        f_px = 0.5 * 65 / math.tan(0.6)
        hit = z_m < 6
        assert 2 * hit[:24].sum() + hit[24].sum() == pytest.approx(math.pi * f_px**2 / (6.0**2 - 1.0**2), rel=0.05)


def random_solids(rng: np.random.Generator) -> Scene:
    """Fill a room with one of each: boxes turned, cylinders, balls."""
    scene = empty_room()
    for kind, number in (('box', 4), ('cylinder', 3), ('ball', 3)):
        for _ in range(number):
            half = tuple(rng.uniform(0.1, 0.4, 3))
            half = {'box': half, 'cylinder': (half[0], half[0], half[2]), 'ball': (half[0],) * 3}[kind]
            at = tuple(rng.uniform((1.2, -1.2, 0.4), (4.0, 1.0, 2.0)))
            scene.add(kind, at, half, GREY, rng.uniform(-3, 3) if kind == 'box' else 0.0)
    return scene


def inside(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Tell which points (..., 3) lie inside a solid, by the inequalities that define them."""
    found = np.zeros(points.shape[:-1], bool)
    for centre, half, yaw, _ in scene.boxes:
        d = points - centre
        along = np.stack([math.cos(yaw) * d[..., 0] + math.sin(yaw) * d[..., 1],
                          math.cos(yaw) * d[..., 1] - math.sin(yaw) * d[..., 0], d[..., 2]], axis=-1)  # fmt: skip
        found |= (np.abs(along) < half).all(axis=-1)
    for centre, half, *_ in scene.cylinders:
        d = points - centre
        found |= (np.hypot(d[..., 0], d[..., 1]) < half[0]) & (np.abs(d[..., 2]) < half[2])
    for centre, half, *_ in scene.balls:
        found |= np.linalg.norm(points - centre, axis=-1) < half[0]
    return found


class TestCamera:
    @pytest.mark.parametrize(
        ('at', 'side'),
        [((8, 2, 1.2), 'left'), ((8, -2, 1.2), 'right'), ((8, 0, 2.7), 'top'), ((8, 0, 0.1), 'bottom')],
    )
    def test_left_is_left_and_up_is_up(self, at, side):
        scene = open_ground()
        scene.add('ball', at, (0.4, 0.4, 0.4), GREY)
        hit = depth(scene, a_view()) != depth(open_ground(), a_view())
        v, u = np.argwhere(hit).mean(axis=0)
        where = {'left': u < 30, 'right': u > 33, 'top': v < 22, 'bottom': v > 25}
        assert [name for name, holds in where.items() if holds] == [side]

    def test_things_are_where_the_camera_projects_them(self):
        rng = np.random.default_rng(8)
        for _ in range(12):
            yaw, pitch, roll, hfov = rng.uniform((-0.4, -0.3, -0.2, 0.8), (0.4, 0.2, 0.2, 1.7))
            view = a_view(yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll, hfov_rad=hfov)
            at = np.array([6.0, rng.uniform(-1, 1), rng.uniform(0.8, 1.8)])
            scene = open_ground()
            scene.add('ball', tuple(at), (0.25, 0.25, 0.25), GREY)
            in_camera = view.rotation().T @ (at - (0.0, 0.0, 1.2))
            u, v = Camera.from_hfov(160, 120, hfov).project(in_camera)
            hit = np.argwhere(depth(scene, view, 120, 160) != depth(open_ground(), view, 120, 160))
            assert np.abs(hit.mean(axis=0) - (v, u)).max() < 0.6

    def test_a_view_is_a_rotation(self):
        for index in range(20):
            r = random_view(3, index).rotation()
            assert np.allclose(r @ r.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(r) == pytest.approx(1.0)

    def test_intrinsics_are_those_of_the_view(self):
        batch = ProceduralScenes(7, HEIGHT, WIDTH).batch(range(6))
        for index, f_px in enumerate(batch.f_px):
            view = random_view(7, index)
            assert f_px == pytest.approx(Camera.from_hfov(WIDTH, HEIGHT, view.hfov_rad).f_px, rel=1e-6)

    def test_views_cover_what_they_promise(self):
        views = [random_view(1, index) for index in range(400)]
        hfov_deg = np.degrees([v.hfov_rad for v in views])
        assert HFOV_DEG[0] <= hfov_deg.min() < HFOV_DEG[0] + 3
        assert HFOV_DEG[1] - 3 < hfov_deg.max() <= HFOV_DEG[1]
        assert all(CAMERA_HEIGHT_M[0] <= v.z_m <= CAMERA_HEIGHT_M[1] for v in views)


class TestDataSet:
    SCENES = ProceduralScenes(42, HEIGHT, WIDTH)

    def test_a_frame_is_the_same_in_every_batch(self):
        together = self.SCENES.batch(range(8))
        for batch in ([5], [3, 5, 1], range(5, 7)):
            again = self.SCENES.batch(batch)
            for i, index in enumerate(batch):
                assert torch.equal(again.rgb[i], together.rgb[index])
                assert torch.equal(again.z_m[i], together.z_m[index])
                assert again.f_px[i] == together.f_px[index]

    def test_other_numbers_are_other_frames(self):
        a, b = self.SCENES.batch([0, 1]), ProceduralScenes(43, HEIGHT, WIDTH).batch([0])
        assert not torch.equal(a.z_m[0], a.z_m[1])
        assert not torch.equal(a.z_m[0], b.z_m[0])

    def test_shapes_and_types(self):
        batch = self.SCENES.batch(range(3))
        assert (batch.rgb.shape, batch.rgb.dtype) == ((3, HEIGHT, WIDTH, 3), torch.uint8)
        assert (batch.z_m.shape, batch.z_m.dtype) == ((3, HEIGHT, WIDTH), torch.float32)
        assert (batch.z_m > 0).all() and not batch.z_m.isnan().any()

    @pytest.mark.parametrize('kind', KINDS)
    def test_there_is_sky_outdoors_and_only_there(self, kind):
        batch = ProceduralScenes(9, HEIGHT, WIDTH, kind=kind).batch(range(8))
        sky = batch.z_m.isinf()
        if kind in ('room', 'corridor'):
            assert not sky.any()
            assert batch.z_m.max() < 80  # the longest corridor, through the longest lens
        else:
            assert sky.any()
            assert batch.z_m[~sky].max() <= SKY_M * 1.001

    @pytest.mark.parametrize('kind', KINDS)
    def test_sky_is_never_below_the_horizon(self, kind):
        """A downward ray meets the ground before it meets nothing."""
        for index in range(4):
            view = random_view(9, index)
            z_m = depth(compose(9, index, kind), view)
            falling = pixel_rays(view)[..., 2] < -view.z_m / SKY_M * 1.01
            assert np.isfinite(z_m[falling]).all()

    def test_pictures_have_contrast_and_light(self):
        rgb = self.SCENES.batch(range(24)).rgb.float()
        assert (rgb.mean(dim=(1, 2, 3)) > 25).all() and (rgb.mean(dim=(1, 2, 3)) < 240).all()
        assert (rgb.std(dim=(1, 2)).mean(dim=-1) > 4).all()

    def test_faults_of_the_sensor_leave_depth_alone(self):
        """The picture is spoilt a little, and is still the picture of its depth."""
        from dav2_training.data.procedural.camera_poses import reach

        view = random_view(42, 4)
        clean = render([compose(42, 4, None, reach(view))], [view], HEIGHT, WIDTH)
        taken = self.SCENES.batch([4])
        assert torch.equal(clean.z_m, taken.z_m)
        assert not torch.equal(clean.rgb, taken.rgb)
        a, b = (x.rgb[0].float().mean(-1).flatten() for x in (clean, taken))
        assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.9
