# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a picture to metres: the focal law, what counts as far, and what is carried through unchanged."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from random_weights import METRIC, random_model

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.info import SATURATED, ModelError
from dav2_ros.models.registry import REGISTRY

HEIGHT, WIDTH = 60, 90
CAMERA = Camera(WIDTH, HEIGHT, 80.0, 80.0, 44.5, 29.5)
PLAIN = {'engine': 'torch', 'device': 'cpu', 'precision': 'fp32'}  # the same on every machine


pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def canonical(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0, canonical=True)


@pytest.fixture(scope='module')
def official(tmp_path_factory):
    """Not trained in canonical-camera space, as the published weights."""
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0)


def picture(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def depth_m(checkpoint, camera: Camera | None, *, rgb: np.ndarray | None = None, **options):
    rgb = picture() if rgb is None else rgb
    with DepthEstimator(checkpoint, **(PLAIN | options)) as estimator:
        return estimator.estimate(Frame(rgb, camera))[0].z_m


def longer(camera: Camera, factor: float) -> Camera:
    return replace(camera, fx_px=factor * camera.fx_px, fy_px=factor * camera.fy_px)


class TestFocalLaw:
    """The same pixels through a longer lens are as much farther away as the lens is longer (Metric3D, section 3.1)."""

    @pytest.mark.parametrize('factor', [0.5, 1.5, 2.0])
    def test_depth_of_a_canonical_model_scales_with_the_focal_length(self, canonical, factor):
        one, other = depth_m(canonical, CAMERA), depth_m(canonical, longer(CAMERA, factor))
        np.testing.assert_allclose(other, factor * one, rtol=1e-6)

    def test_a_camera_like_that_of_training_leaves_the_network_s_depth_alone(self, canonical):
        """f_train is in pixels of the network's input: so is the camera's, after the resize."""
        side = METRIC['train_size']
        camera = Camera.from_hfov(side, side, math.radians(60))
        camera = longer(camera, METRIC['f_train_px'] / camera.f_px)
        rgb = picture(side, side)
        plain = depth_m(canonical, camera, rgb=rgb, focal_correction='never')
        np.testing.assert_allclose(depth_m(canonical, camera, rgb=rgb), plain, rtol=1e-6)

    def test_official_models_are_left_alone_until_asked(self, official):
        one, other = depth_m(official, CAMERA), depth_m(official, longer(CAMERA, 2.0))
        assert np.array_equal(one, other)
        asked = [depth_m(official, camera, focal_correction='always') for camera in (CAMERA, longer(CAMERA, 2.0))]
        np.testing.assert_allclose(asked[1], 2.0 * asked[0], rtol=1e-6)

    def test_off_is_off(self, canonical):
        one, other = (depth_m(canonical, c, focal_correction='never') for c in (CAMERA, longer(CAMERA, 2.0)))
        assert np.array_equal(one, other)

    def test_the_principal_point_and_the_distortion_do_not_matter(self, canonical):
        odd = replace(CAMERA, cx_px=20.0, distortion_model='plumb_bob', distortion=(0.1, 0.0, 0.0, 0.0, 0.0))
        assert np.array_equal(depth_m(canonical, CAMERA), depth_m(canonical, odd))

    def test_a_picture_of_half_the_size_of_the_same_camera_keeps_its_depth(self, canonical):
        """A resize of the picture changes f in pixels, and the resize to the network's input undoes it."""
        grey = np.full((2 * HEIGHT, 2 * WIDTH, 3), 100, np.uint8)  # a resize does not change it
        full = depth_m(canonical, CAMERA.resized(2 * WIDTH, 2 * HEIGHT), rgb=grey)
        half = depth_m(canonical, CAMERA, rgb=grey[::2, ::2])
        corners = np.ix_([0, -1], [0, -1])  # where depth is the network's own, not interpolated
        np.testing.assert_allclose(full[corners], half[corners], rtol=1e-4)

    @pytest.mark.parametrize('hfov_deg', [40.0, 60.0, 90.0])
    def test_a_camera_nobody_calibrated_is_taken_to_have_the_assumed_field_of_view(self, canonical, hfov_deg):
        assumed = depth_m(canonical, None, assumed_hfov_deg=hfov_deg)
        known = depth_m(canonical, Camera.from_hfov(WIDTH, HEIGHT, math.radians(hfov_deg)))
        np.testing.assert_allclose(assumed, known, rtol=1e-6)

    def test_the_factor_it_tells_is_the_factor_it_uses(self, canonical):
        with DepthEstimator(canonical, **PLAIN) as estimator:
            factor = estimator.request(Frame(picture(), CAMERA)).focal_factor
        np.testing.assert_allclose(
            depth_m(canonical, CAMERA), factor * depth_m(canonical, CAMERA, focal_correction='never'), rtol=1e-6
        )


class TestFar:
    """Beyond range is +inf, in the camera's own metres; nothing else changes."""

    def test_where_the_network_says_only_far_it_is_infinite(self, tmp_path):
        """The sigmoid's end is no measurement, whatever the focal length makes of it."""
        checkpoint = random_model(tmp_path, offset=3.0, spread=0.5, canonical=True)
        for camera in (CAMERA, longer(CAMERA, 0.1), longer(CAMERA, 10.0)):
            raw = depth_m(checkpoint, camera, focal_correction='never')
            assert np.isinf(raw).any() and not np.isinf(raw).all()
            assert raw[np.isfinite(raw)].max() < SATURATED * METRIC['max_depth_m']
            assert np.array_equal(np.isinf(depth_m(checkpoint, camera)), np.isinf(raw))

    def test_every_pixel_is_positive_or_infinite(self, canonical):
        z_m = depth_m(canonical, CAMERA)
        assert (z_m > 0).all()  # so none is NaN


class TestFrames:
    """The depth map belongs to the picture it came from."""

    @pytest.mark.parametrize('camera', [CAMERA, None], ids=['calibrated', 'unknown'])
    def test_stamp_frame_and_camera_are_carried_through(self, canonical, camera):
        frame = Frame(picture(), camera, stamp_ns=1_234_567_890_123_456_789, frame_id='optical')
        with DepthEstimator(canonical, **PLAIN) as estimator:
            depth, timings = estimator.estimate(frame)
        assert (depth.stamp_ns, depth.frame_id, depth.camera) == (frame.stamp_ns, frame.frame_id, camera)
        assert depth.z_m.shape == (HEIGHT, WIDTH) and depth.z_m.dtype == np.float32
        assert min(timings.pre_ms, timings.engine_ms, timings.post_ms) > 0

    def test_pictures_of_changing_shape_get_what_each_would_get_alone(self, canonical):
        shapes = [(60, 90), (90, 60), (56, 56), (120, 90), (60, 90)]
        frames = [Frame(picture(*shape), Camera.from_hfov(shape[1], shape[0], 1.0)) for shape in shapes]
        with DepthEstimator(canonical, **PLAIN) as estimator:
            found = [estimator.estimate(frame)[0].z_m for frame in frames]
        for frame, z_m in zip(frames, found, strict=True):
            assert z_m.shape == frame.rgb.shape[:2]
            assert np.array_equal(z_m, depth_m(canonical, frame.camera, rgb=frame.rgb))

    def test_a_depth_map_survives_the_next_frame(self, canonical):
        """At the network's own size nothing is resized: a view of the engine's buffer would change."""
        side = METRIC['train_size']
        with DepthEstimator(canonical, **PLAIN) as estimator:
            first = estimator.estimate(Frame(picture(side, side)))[0].z_m
            kept = first.copy()
            estimator.estimate(Frame(picture(side, side, seed=1)))
        assert np.array_equal(first, kept)

    def test_the_picture_is_not_written_into(self, canonical):
        rgb = picture()
        depth_m(canonical, CAMERA, rgb=rgb)
        assert np.array_equal(rgb, picture())

    def test_a_read_only_picture_and_a_view_of_one_will_do(self, canonical):
        wide = picture(HEIGHT, 2 * WIDTH)
        view = wide[:, ::2]
        view.setflags(write=False)
        assert np.array_equal(depth_m(canonical, CAMERA, rgb=view), depth_m(canonical, CAMERA, rgb=view.copy()))


class TestChoices:
    def test_relative_weights_are_refused_since_they_know_no_metres(self, tmp_path):
        with pytest.raises(ModelError, match=r'^Model random is relative.*metric.*\.$'):
            DepthEstimator(random_model(tmp_path, kind='relative'))

    def test_an_unknown_correction_is_refused_with_the_known_ones(self, canonical):
        with pytest.raises(ValueError, match=r"'maybe': choose auto, always, never\.$"):
            DepthEstimator(canonical, focal_correction='maybe')

    def test_correction_without_a_training_focal_is_refused(self, tmp_path):
        with pytest.raises(ModelError, match=r'training focal length.*never\.$'):
            DepthEstimator(random_model(tmp_path, f_train_px=None), focal_correction='always')

    @pytest.mark.parametrize(('size', 'shape'), [(None, '84x56'), (28, '42x28'), (112, '168x112')])
    def test_the_size_is_the_short_side_of_the_network_s_input(self, canonical, size, shape):
        with DepthEstimator(canonical, **PLAIN, size=size) as estimator:
            estimator.prepare(60, 90)
            assert estimator.describe()['network_input'] == shape

    def test_it_describes_what_runs(self, canonical):
        with DepthEstimator(canonical, **PLAIN) as estimator:
            estimator.prepare(60, 90)
            about = estimator.describe()
        assert about.pop('why') == 'torch fp32 on cpu: exact, and open at once'
        assert about == {
            'model': 'random',
            'engine': 'torch',
            'device': 'cpu',
            'precision': 'fp32',
            'network_input': '84x56',
            'focal_correction': 'on',
        }

    def test_the_registry_s_canonical_models_are_ours_alone(self):
        """Nobody published in which space the official weights were trained: their correction waits to be asked for."""
        assert not [info.name for info in REGISTRY.values() if info.canonical and info.repo]


class TestOutput:
    """Depth on the network's grid is the same depth, and its camera says where its pixels look."""

    def test_depth_at_the_camera_s_size_is_made_of_that_on_the_network_s_grid(self, canonical):
        frame = Frame(picture(), CAMERA)
        options = {'engine': 'torch', 'device': 'cpu', 'precision': 'fp32'}
        with DepthEstimator(canonical, output='network', **options) as estimator:
            small = estimator.estimate(frame)[0]
            plan = estimator.prepare(HEIGHT, WIDTH)
        assert small.z_m.shape == (plan.net_height, plan.net_width) != (HEIGHT, WIDTH)
        assert small.camera == CAMERA.resized(plan.net_width, plan.net_height)
        np.testing.assert_allclose(depth_m(canonical, CAMERA), plan.undo(small.z_m), rtol=1e-5)

    def test_what_the_lens_did_not_see_is_unknown_at_both_sizes(self, canonical):
        seen = np.ones((HEIGHT, WIDTH), bool)
        seen[:, : WIDTH // 3] = False
        frame = Frame(picture(), CAMERA, seen=seen)
        for output in ('camera', 'network'):
            options = {'engine': 'torch', 'device': 'cpu', 'precision': 'fp32', 'output': output}
            with DepthEstimator(canonical, **options) as estimator:
                z_m = estimator.estimate(frame)[0].z_m
            third = z_m.shape[1] // 3
            assert np.isnan(z_m[:, : third - 1]).all() and not np.isnan(z_m[:, third + 1 :]).any()

    @pytest.mark.parametrize('normal', [(0.0, 0.0, -1.0), (0.3, 0.0, -1.0), (0.0, -0.8, -1.0), (-0.2, 0.3, -1.0)])
    @pytest.mark.parametrize('size', [28, 56])
    def test_the_points_of_a_plane_lie_on_it_at_both_sizes(self, normal, size):
        """At the network's size to rounding; at the camera's by what aligning corners moves, under half a cell."""
        plan = ResizePlan.lower_bound(HEIGHT, WIDTH, size)
        small, normal = plan.camera(CAMERA), np.array(normal)
        ahead = np.ones((plan.net_height, plan.net_width))
        z_m = (-4.0 / (np.dstack([small.rays(), ahead]) @ normal)).astype(np.float32)
        assert (z_m > 0).all()
        np.testing.assert_allclose(small.unproject(z_m) @ normal, -4.0, atol=1e-4)
        slope_m = max(np.abs(np.diff(z_m, axis=axis)).max() for axis in (0, 1))  # from cell to cell
        off_m = np.abs(CAMERA.unproject(plan.undo(z_m)) @ normal + 4.0)
        assert off_m.max() <= 2 * 0.5 * slope_m * np.abs(normal).sum() + 1e-4


class TestMounts:
    """A camera on its head or side: the network sees the picture upright, depth belongs to the picture as it came."""

    @pytest.mark.parametrize('turns', [1, 2, 3])
    def test_depth_of_a_turned_picture_is_the_turned_depth(self, canonical, turns):
        rgb = picture()
        wanted = np.rot90(depth_m(canonical, CAMERA, rgb=rgb), -turns)
        camera = CAMERA.turned(-turns)
        found = depth_m(canonical, camera, rgb=np.rot90(rgb, -turns), turns=turns)
        np.testing.assert_array_equal(found, wanted)

    @pytest.mark.parametrize('turns', [1, 2, 3])
    def test_on_the_network_s_grid_too_with_the_camera_that_sees_it(self, canonical, turns):
        rgb = np.ascontiguousarray(np.rot90(picture(), -turns))
        options = {'engine': 'torch', 'device': 'cpu', 'output': 'network'}
        with DepthEstimator(canonical, turns=turns, **options) as estimator:
            depth, _ = estimator.estimate(Frame(rgb, CAMERA.turned(-turns)), confidence='full')
        assert depth.z_m.shape == depth.confidence.shape == (depth.camera.height, depth.camera.width)
        assert depth.camera.hfov_rad == pytest.approx(CAMERA.turned(-turns).hfov_rad)


class TestPixelsThatAreNotSquare:
    def test_a_squeezed_picture_has_the_depth_of_the_square_one(self, canonical):
        """Half of the columns, twice as wide: the network's input is the same, but for what the resize loses."""
        x = np.linspace(0, 3, 2 * WIDTH)
        rgb = (128 + 100 * np.sin(x)[None, :, None] * np.cos(np.linspace(0, 2, HEIGHT))[:, None, None]).astype(np.uint8)
        rgb = np.repeat(rgb, 3, axis=2)
        camera = Camera.from_hfov(2 * WIDTH, HEIGHT, 1.2)
        squeezed = camera.resized(WIDTH, HEIGHT)
        assert squeezed.fy_px == pytest.approx(2 * squeezed.fx_px)
        wanted = depth_m(canonical, camera, rgb=rgb)
        found = depth_m(canonical, squeezed, rgb=cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        known = np.isfinite(wanted[:, ::2]) & np.isfinite(found)
        assert known.mean() > 0.5
        ratio = np.median((found / wanted[:, ::2])[known])
        assert ratio == pytest.approx(1.0, abs=0.05)
