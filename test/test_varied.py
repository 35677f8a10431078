# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Varied scenes: depth against formulas and brute force, all ways of casting rays against each other, same frames."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
import torch

from dav2_training.data.varied import compose as composing
from dav2_training.data.varied import ray_kernel, render
from dav2_training.data.varied.camera_faults import jpeg, take
from dav2_training.data.varied.compose import HFOV_DEG, KINDS, Composed, compose
from dav2_training.data.varied.frame_buffer import ComposedScenes, FrameBuffer, SceneQueue, Shape
from dav2_training.data.varied.primitives import ROW
from dav2_training.data.varied.scenes import VariedScenes
from dav2_training.data.varied.table import LIMIT, PackedScene, SceneBuilder, clearance_m, half_sizes
from dav2_training.data.views import View

HEIGHT, WIDTH = 42, 56
GREY = (0, 1.0, *6 * [0.5], *7 * [0.0])

pytestmark = pytest.mark.usefixtures('one_thread')


def builder(seed: int = 0) -> SceneBuilder:
    return SceneBuilder(np.random.default_rng(seed))


def depth(b: SceneBuilder, view: View, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Render what a builder holds in a large room, and return Z."""
    rows, materials = b.pack()
    table = np.concatenate([materials, np.array(6 * [GREY], np.float32)])
    low, high = np.float32((-9, -9, 0)), np.float32((9, 9, 5))
    scene = PackedScene(
        rows, table, low, high, np.zeros((2, 7), np.float32), np.float32([0, *9 * [0.3], *4 * [0.4]]), 'room'
    )
    scene.air[7] = 1e6
    return render.render(render.pack([Composed(scene, (view,))]), height, width).z_m[0].numpy().astype(np.float64)


def a_view(**changes: float) -> View:
    level = {'x_m': 0.0, 'y_m': 0.0, 'z_m': 1.2, 'yaw_rad': 0.0, 'pitch_rad': 0.0, 'roll_rad': 0.0, 'hfov_rad': 1.2}
    return View(**{**level, **changes})


def rays(view: View, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return (H, W, 3) directions in the world with Z 1 in the camera."""
    f_px = 0.5 * width / math.tan(0.5 * view.hfov_rad)
    v, u = np.mgrid[0:height, 0:width]
    in_camera = np.stack([(u - 0.5 * (width - 1)) / f_px, (v - 0.5 * (height - 1)) / f_px, np.ones(v.shape)], axis=-1)
    return in_camera @ view.rotation().T


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return the rotation of elementary turns about x, then y, then z."""
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(a), math.sin(a)) for a in (yaw, pitch, roll))
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    return about_z @ about_y @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])


class TestExactDepth:
    def test_the_ground_is_height_over_slope(self):
        view = a_view(pitch_rad=-0.5, roll_rad=0.2, yaw_rad=0.3)
        down = -rays(view)[..., 2]
        z_m = depth(builder(), view)
        point = np.array((0, 0, 1.2)) + rays(view) * (1.2 / down)[..., None]
        on_floor = (down > 0) & (np.abs(point[..., :2]) < 8.9).all(axis=-1)
        assert on_floor.mean() > 0.5
        np.testing.assert_allclose(z_m[on_floor], (1.2 / down)[on_floor], rtol=2e-5)

    def test_a_ball_and_a_thin_rod_far_away_are_where_formulas_say(self):
        b = builder()
        b.ball(6.0, 0.0, 1.2, 1.0, GREY)
        assert depth(b, a_view(), 41, 57)[20, 28] == pytest.approx(5.0, rel=1e-5)
        b = builder()
        b.rod((8.0, -3.0, 1.2), (8.0, 3.0, 1.2), 0.01, GREY)
        z_m = depth(b, a_view(hfov_rad=0.01, z_m=1.2), 41, 57)
        assert z_m[20, 28] == pytest.approx(7.99, rel=1e-5)

    @pytest.mark.parametrize('shape', ['box', 'cylinder', 'ellipsoid'])
    def test_turned_solids_are_where_brute_force_finds_them(self, shape):
        """Walk along rays in small steps and ask the solid's own inequality."""
        rng = np.random.default_rng(5)
        for _ in range(4):
            centre, half = rng.uniform((2.5, -0.6, 0.8), (4.0, 0.6, 1.6)), rng.uniform(0.2, 0.7, 3)
            half[1] = half[0] if shape == 'cylinder' else half[1]
            angles = rng.uniform(-3, 3, 3)
            b = builder()
            b.add(('box', 'cylinder', 'ellipsoid').index(shape), centre, half, GREY, *angles)
            view = a_view(roll_rad=0.2)
            z_m, empty = depth(b, view), depth(builder(), view)
            t = np.linspace(1.0, 6.0, 1500)
            at = np.array((0, 0, 1.2)) + rays(view)[:, :, None] * t[:, None]
            q = np.abs(((at - centre) @ turned(*angles)) / half)
            inside = {
                'box': q.max(axis=-1) < 1,
                'cylinder': (np.hypot(q[..., 0], q[..., 1]) < 1) & (q[..., 2] < 1),
                'ellipsoid': (q**2).sum(axis=-1) < 1,
            }[shape]
            found = np.where(inside.any(axis=-1), t[inside.argmax(axis=-1)], empty)
            found = np.minimum(found, empty)
            assert (np.abs(found - z_m) < 5e-3).mean() > 0.99
            assert 0.005 < (z_m < empty).mean()

    def test_foliage_has_holes_and_lies_within_its_ellipsoid(self):
        whole, cut = builder(1), builder(1)
        whole.ball(4.0, 0, 1.2, 1.0, GREY)
        cut.leaves(4.0, 0, 1.2, 1.0, 1.0, 1.0, GREY, 0.3)
        z_ball, z_leaves, empty = (depth(b, a_view()) for b in (whole, cut, builder()))
        ball = z_ball < empty
        assert (z_leaves >= z_ball - 1e-4).all()
        assert 0.02 < (z_leaves[ball] == empty[ball]).mean() < 0.7


@pytest.mark.skipif(not (shutil.which('c++') or shutil.which('g++')), reason='no C++ compiler here')
def test_the_kernels_source_says_what_torch_says():
    """The CUDA kernel is these same lines: built by the host's compiler they agree with the tensors' way."""
    assert ray_kernel.agrees(ray_kernel.HostCaster(), 'cpu')
    assert ray_kernel.caster_for('cpu').name == 'C++'


def test_a_whole_frame_is_the_same_by_every_way(monkeypatch):
    packed = render.pack([compose(3, 1, 2), compose(3, 4, 1)])
    frames = []
    for caster in (ray_kernel.caster_for('cpu'), ray_kernel.TorchCaster(compile=False)):
        monkeypatch.setattr(render, 'caster_for', lambda device, caster=caster: caster)
        frames.append(render.render(packed, HEIGHT, WIDTH))
    a, b = frames
    assert torch.isclose(a.z_m, b.z_m, rtol=1e-3).float().mean() > 0.995
    assert (a.rgb.float() - b.rgb.float()).abs().mean() < 1.0


def test_a_way_that_is_wrong_is_found_out():
    class Wrong(ray_kernel.TorchCaster):
        def nearest(self, rows, counts, origin, direction, t, index):
            super().nearest(rows, counts, origin + 0.05, direction, t, index)

    assert not ray_kernel.agrees(Wrong(compile=False), 'cpu')


def test_rows_that_a_scene_does_not_have_are_never_met():
    rows = torch.randn(1, 5, ROW)
    assert ray_kernel.hidden_beyond(rows, torch.tensor([2]))[0, 2:].abs().sum() == 0
    t, index = torch.full((1, 50), 9.0), torch.full((1, 50), 7, dtype=torch.int32)
    direction = torch.randn(1, 3, 50)
    ray_kernel.TorchCaster(compile=False).nearest(rows, torch.tensor([0]), torch.zeros(1, 3), direction, t, index)
    assert (t == 9).all() and (index == 7).all()


class TestScenes:
    @pytest.mark.parametrize('kind', KINDS)
    def test_every_kind_has_things_in_it_and_views_that_are_free(self, kind):
        for index in range(3):
            composed = compose(5, index, 2, kind)
            scene = composed.scene
            assert 0 < len(scene.rows) <= LIMIT
            assert scene.materials.shape[0] == len(scene.rows) + 6
            assert (
                np.isfinite(scene.rows).all() and np.isfinite(scene.materials).all() and np.isfinite(scene.lamps).all()
            )
            for view in composed.views:
                assert HFOV_DEG[0] <= math.degrees(view.hfov_rad) <= HFOV_DEG[1]
                assert 0.15 < view.z_m <= 2.01
                assert abs(math.degrees(view.pitch_rad)) <= 32.1

    def test_cameras_are_rarely_inside_of_things(self):
        free = [clearance_m(c.scene.rows, np.array((v.x_m, v.y_m, v.z_m))) > 0
                for c in (compose(6, i, 2) for i in range(40)) for v in c.views]  # fmt: skip
        assert np.mean(free) > 0.95

    def test_the_same_numbers_are_the_same_frame_and_others_are_not(self):
        scenes = VariedScenes(9, HEIGHT, WIDTH)
        together, again = scenes.batch(range(3)), scenes.batch([2])
        assert torch.equal(together.rgb[2], again.rgb[0]) and torch.equal(together.z_m[2], again.z_m[0])
        assert not torch.equal(together.z_m[0], together.z_m[1])
        assert not torch.equal(VariedScenes(10, HEIGHT, WIDTH).batch([2]).z_m, again.z_m)

    def test_indoors_there_is_no_sky_and_outdoors_there_is(self):
        for kind, sky in (('room', False), ('hall', False), ('drive', True), ('park', True)):
            z_m = VariedScenes(2, HEIGHT, WIDTH, kind).batch(range(4)).z_m
            assert bool(z_m.isinf().any()) == sky
            assert (z_m > 0).all() and not z_m.isnan().any()

    def test_depth_has_the_statistics_of_real_places(self):
        """Rooms of NYU Depth have a median of some 2 to 3 m; a car's camera sees some 8 to 16 m."""
        medians = {}
        for kind in ('room', 'corner', 'drive'):
            z_m = VariedScenes(4, HEIGHT, WIDTH, kind).batch(range(16)).z_m
            medians[kind] = float(np.median([float(z[z.isfinite()].median()) for z in z_m]))
        assert 1.4 < medians['room'] < 4.0 and 0.8 < medians['corner'] < 3.0 and 6.0 < medians['drive'] < 22.0

    def test_half_sizes_come_back_from_the_table(self):
        b = builder()
        b.box(1, 2, 3, 0.4, 0.5, 0.6, GREY, 0.3, 0.4, 0.5)
        np.testing.assert_allclose(half_sizes(b.pack()[0]), [[0.4, 0.5, 0.6]], rtol=1e-5)

    def test_panoramas_are_outdoors(self):
        assert {compose(1, i, 1, None, True).scene.kind for i in range(12)} <= set(composing.PANORAMA)


class TestCamera:
    def test_faults_change_pictures_and_are_the_same_for_one_generator(self):
        rgb = VariedScenes(1, HEIGHT, WIDTH).batch([0]).rgb
        first, same, other = (take(rgb, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, same) and not torch.equal(first, other)
        assert first.shape == rgb.shape and first.dtype == torch.uint8

    def test_jpeg_of_high_quality_leaves_smooth_pictures_alone_and_of_low_quality_does_not(self):
        v, u = torch.meshgrid(torch.linspace(0, 1, 42), torch.linspace(0, 1, 60), indexing='ij')
        x = torch.stack([255 * v, 255 * u, 128 + 60 * torch.sin(9 * u)])[None].repeat(2, 1, 1, 1)
        error = (jpeg(x, torch.tensor([98.0, 5.0])) - x).abs().mean(dim=(1, 2, 3))
        assert error[0] < 2.5 < error[1]

    def test_its_blocks_are_those_of_a_real_jpeg(self):
        cv2 = pytest.importorskip('cv2')
        rng = np.random.default_rng(0)
        grey = cv2.GaussianBlur(rng.integers(0, 256, (64, 64), np.uint8), (0, 0), 2.0)
        coded = cv2.imencode('.jpg', grey, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        wanted = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32)
        x = torch.from_numpy(grey.astype(np.float32)).expand(1, 3, 64, 64)
        ours = jpeg(x, torch.tensor([40.0]))[0].mean(dim=0).numpy()
        assert np.abs(ours - wanted).mean() < 0.25 * np.abs(grey - wanted).mean() + 0.6


class TestBuffer:
    def buffer(self) -> FrameBuffer:
        buffer = FrameBuffer(7, HEIGHT, WIDTH, 'cpu')
        buffer.fill(render.pack([compose(8, i, 2) for i in range(3)]))
        return buffer

    def test_the_newest_frames_are_kept(self):
        buffer = self.buffer()
        before = buffer.z_m[:6].clone()
        buffer.fill(render.pack([compose(8, 9, 3)]))
        assert (buffer.made, buffer.filled) == (9, 7)
        assert torch.equal(buffer.z_m[2:6], before[2:6]) and not torch.equal(buffer.z_m[0], before[0])

    def test_what_is_drawn_is_a_frame_of_the_shape_and_its_focal_length(self):
        buffer, generator = self.buffer(), torch.Generator().manual_seed(0)
        whole = buffer.draw(12, Shape(HEIGHT, WIDTH), generator, zoom=1.0)
        known = {float(f) for f in buffer.f_px[:6]}
        for z_m, f_px in zip(whole.z_m, whole.f_px):
            assert any(float(f_px) == pytest.approx(f, rel=1e-5) for f in known)
            assert any(torch.allclose(z_m, kept, rtol=1e-3) or torch.allclose(z_m.flip(-1), kept, rtol=1e-3)
                       for kept in buffer.z_m[:6].float())  # fmt: skip
        wide = buffer.draw(12, Shape(HEIGHT, 70, of_height=0.75), generator, zoom=1.0)
        assert wide.rgb.shape == (12, HEIGHT, 70, 3)
        shares = (70 / WIDTH * HEIGHT / (HEIGHT * 0.75)) ** 0.5
        assert all(any(float(f) == pytest.approx(k * shares, rel=1e-4) for k in known) for f in wide.f_px)

    def test_zoom_makes_the_focal_length_longer(self):
        buffer, generator = self.buffer(), torch.Generator().manual_seed(0)
        drawn = buffer.draw(200, Shape(HEIGHT, WIDTH), generator, zoom=2.0)
        low, high = float(buffer.f_px[:6].min()), float(buffer.f_px[:6].max())
        assert drawn.f_px.min() >= 0.999 * low and high * 1.2 < drawn.f_px.max() <= 2.001 * high

    def test_processes_compose_what_one_would(self):
        scenes = ComposedScenes(3, 0, 2, 1, 3)
        with SceneQueue(scenes, 1) as queue:
            made = [queue.get(wait=True) for _ in range(3)]
        assert [wide for wide, _ in made] == [False, False, True]
        np.testing.assert_array_equal(made[1][1].rows, render.pack([compose(3, 2), compose(3, 3)]).rows)
