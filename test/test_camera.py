# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera keeps seeing the same world, whatever is done to its picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.camera import FISHEYE_MODELS, PERSPECTIVE_MODELS, Camera

sizes = st.integers(2, 400)
reals = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def pinholes(draw) -> Camera:
    width, height = draw(sizes), draw(sizes)
    f = draw(st.floats(0.4, 3.0)) * width
    cx, cy = (draw(st.floats(0.2, 0.8)) * side for side in (width, height))
    return Camera(width, height, f, f * draw(st.floats(0.7, 1.4)), cx, cy)


@st.composite
def lenses(draw) -> Camera:
    """Lenses as they are calibrated: the distortion is invertible over the picture (up to 58 degrees wide)."""
    camera = replace(draw(pinholes()), width=64, height=48, cx_px=31.0, cy_px=24.5)
    f = draw(st.floats(0.9, 2.0)) * 64
    camera = replace(camera, fx_px=f, fy_px=f * draw(st.floats(0.9, 1.1)))
    small = st.floats(-0.05, 0.05)
    tiny = st.floats(-0.002, 0.002)
    model = draw(st.sampled_from(['', *PERSPECTIVE_MODELS, *FISHEYE_MODELS]))
    if model == '':
        d = ()
    elif model in FISHEYE_MODELS:
        d = tuple(draw(st.floats(-limit, limit)) for limit in (0.05, 0.02, 0.005, 0.002))
    else:
        d = (draw(st.floats(-0.12, 0.2)), draw(small), draw(tiny), draw(tiny), draw(tiny))
        if model == 'rational_polynomial':
            d += (draw(small), draw(tiny), draw(tiny))
    return replace(camera, distortion_model=model, distortion=d)


points = st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.3, 80)).map(np.array)


@given(lenses(), st.floats(0.2, 80.0))
def test_project_undoes_unproject_through_every_lens(camera, z_m):
    z = np.full((camera.height, camera.width), z_m, np.float32)
    z *= np.linspace(0.5, 2.0, camera.width, dtype=np.float32)
    points_m = camera.unproject(z)
    assert points_m.dtype == np.float32 and points_m.shape == (camera.height, camera.width, 3)
    np.testing.assert_array_equal(points_m[..., 2], z)  # Z depth, not the length of the ray
    v, u = np.mgrid[: camera.height, : camera.width]
    np.testing.assert_allclose(camera.project(points_m), np.stack([u, v], -1), atol=2e-3)


@given(st.sampled_from([*PERSPECTIVE_MODELS, *FISHEYE_MODELS]), st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_a_ray_of_the_wildest_lens_is_right_or_nan(model, distortion):
    camera = Camera(32, 24, 16, 16, 15.5, 11.5, model, tuple(distortion))
    rays = camera.rays()
    found = camera.project(np.dstack([rays, np.ones((24, 32), np.float32)]))
    error = found - np.stack(np.meshgrid(np.arange(32), np.arange(24)), -1)
    known = np.isfinite(rays).all(-1)
    assert np.isnan(rays[~known]).all()
    assert np.abs(error[known]).max(initial=0) < 0.15


@given(pinholes(), points, sizes, sizes)
def test_resize_moves_a_points_pixel_by_the_half_pixel_law(camera, point, width, height):
    (u, v), (u2, v2) = camera.project(point), camera.resized(width, height).project(point)
    assert u2 == pytest.approx((u + 0.5) * width / camera.width - 0.5, rel=1e-9, abs=1e-6)
    assert v2 == pytest.approx((v + 0.5) * height / camera.height - 0.5, rel=1e-9, abs=1e-6)


@given(lenses(), points, sizes, sizes)
def test_distortion_survives_a_resize(camera, point, width, height):
    (u, v), (u2, v2) = camera.project(point), camera.resized(width, height).project(point)
    assert u2 == pytest.approx((u + 0.5) * width / camera.width - 0.5, rel=1e-6, abs=1e-4)
    assert v2 == pytest.approx((v + 0.5) * height / camera.height - 0.5, rel=1e-6, abs=1e-4)


@given(pinholes(), points, st.integers(-50, 50), st.integers(-50, 50))
def test_crop_moves_every_pixel_by_its_corner(camera, point, x, y):
    cropped = camera.cropped(x, y, 7, 5)
    np.testing.assert_allclose(cropped.project(point), camera.project(point) - [x, y], atol=1e-6)
    assert (cropped.width, cropped.height) == (7, 5)


@given(pinholes(), points, st.integers(1, 9))
def test_stride_keeps_pixel_zero(camera, point, n):
    strided = camera.strided(n)
    np.testing.assert_allclose(strided.project(point), camera.project(point) / n, rtol=1e-9, atol=1e-6)
    assert np.zeros((camera.height, camera.width))[::n, ::n].shape == (strided.height, strided.width)


@given(lenses(), st.integers(1, 5))
def test_a_strided_camera_has_the_rays_of_the_pixels_it_kept(camera, n):
    np.testing.assert_allclose(camera.strided(n).rays(), camera.rays()[::n, ::n], atol=1e-5)


@given(lenses())
def test_a_cropped_camera_has_the_rays_of_its_part(camera):
    np.testing.assert_allclose(camera.cropped(10, 5, 20, 30).rays(), camera.rays()[5:35, 10:30], atol=1e-5)


def assert_same_camera(a: Camera, b: Camera) -> None:
    assert (a.width, a.height, a.distortion_model, a.distortion) == (
        b.width,
        b.height,
        b.distortion_model,
        b.distortion,
    )
    np.testing.assert_allclose(a.k, b.k, rtol=1e-9, atol=1e-6)


@given(lenses(), sizes, sizes, sizes, sizes)
def test_resizes_compose_and_undo(camera, w1, h1, w2, h2):
    assert_same_camera(camera.resized(w1, h1).resized(w2, h2), camera.resized(w2, h2))
    assert_same_camera(camera.resized(w1, h1).resized(camera.width, camera.height), camera)


@given(lenses(), *[st.integers(-20, 20)] * 4)
def test_crops_compose_and_undo(camera, x1, y1, x2, y2):
    assert_same_camera(camera.cropped(x1, y1, 30, 30).cropped(x2, y2, 9, 8), camera.cropped(x1 + x2, y1 + y2, 9, 8))
    assert_same_camera(camera.cropped(x1, y1, 9, 8).cropped(-x1, -y1, camera.width, camera.height), camera)


@given(pinholes(), sizes, sizes)
def test_a_resize_keeps_the_field_of_view_and_the_focal_length_per_width(camera, width, height):
    resized = camera.resized(width, height)
    assert resized.hfov_rad == pytest.approx(camera.hfov_rad)
    assert resized.fx_px / width == pytest.approx(camera.fx_px / camera.width)
    assert resized.f_px**2 / (width * height) == pytest.approx(camera.f_px**2 / (camera.width * camera.height))


@given(sizes, sizes, st.floats(0.1, 3.0))
def test_from_hfov_has_that_field_of_view_and_looks_straight_ahead(width, height, hfov_rad):
    camera = Camera.from_hfov(width, height, hfov_rad)
    assert camera.hfov_rad == pytest.approx(hfov_rad)
    np.testing.assert_allclose(camera.rays().mean(axis=(0, 1)), 0, atol=1e-5 / camera.fx_px * width)
    np.testing.assert_allclose(camera.project([0, 0, 5.0]), [(width - 1) / 2, (height - 1) / 2], atol=1e-9)


def test_rectified_is_the_same_pinhole_without_its_lens():
    camera = Camera(640, 480, 500, 505, 320, 240, 'plumb_bob', (0.1, -0.02, 0.001, 0.001, 0.0))
    rectified = camera.rectified()
    assert camera.is_distorted and not rectified.is_distorted
    np.testing.assert_array_equal(rectified.k, camera.k)
    np.testing.assert_allclose(rectified.project([1.0, -0.5, 4.0]), [500 / 4 + 320, -505 / 8 + 240])


def test_plumb_bob_is_the_published_polynomial():
    """Brown-Conrady in OpenCV's order k1 k2 p1 p2 k3, written out."""
    k1, k2, p1, p2, k3 = d = (0.1, -0.05, 0.002, -0.003, 0.01)
    camera = Camera(640, 480, 500, 510, 320, 240, 'plumb_bob', d)
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    np.testing.assert_allclose(camera.project([2 * x, 2 * y, 2.0]), [500 * xd + 320, 510 * yd + 240], atol=1e-9)


def test_equidistant_is_the_published_polynomial():
    k = (0.05, -0.01, 0.002, -0.001)
    camera = Camera(640, 480, 300, 300, 320, 240, 'equidistant', k)
    theta = 0.9
    theta_d = theta * (1 + sum(c * theta ** (2 * i) for i, c in enumerate(k, start=1)))
    np.testing.assert_allclose(camera.project([math.tan(theta), 0, 1.0]), [300 * theta_d + 320, 240], atol=1e-9)


@pytest.mark.parametrize('z', [math.nan, math.inf])
def test_unknown_and_infinite_depth_stay_what_they_are(z):
    camera = Camera.from_hfov(8, 6, 1.0)
    depth = np.full((6, 8), 2.0, np.float32)
    depth[2, 3] = z
    points_m = camera.unproject(depth)
    np.testing.assert_equal(points_m[2, 3, 2], np.float32(z))
    assert not np.isfinite(points_m[2, 3]).any()
    assert np.isfinite(np.delete(points_m.reshape(-1, 3), 2 * 8 + 3, axis=0)).all()


def test_what_is_behind_the_camera_has_no_pixel():
    camera = Camera.from_hfov(8, 6, 1.0)
    found = camera.project([[[0, 0, 1.0], [0, 0, -1.0]], [[0, 0, 0.0], [math.nan, 0, math.nan]]])
    assert found.shape == (2, 2, 2)
    np.testing.assert_array_equal(np.isnan(found).all(-1), [[False, True], [True, True]])


def test_a_fisheye_beyond_a_half_sphere_has_no_rays_there():
    """Z depth cannot say where a pixel at more than 90 degrees is: NaN, rather than a point that is far off."""
    camera = Camera(400, 400, 110, 110, 199.5, 199.5, 'equidistant', (1e-4, 0.0, 0.0, 0.0))  # 208 degrees wide
    rays = camera.rays()
    v, u = np.mgrid[:400, :400] - 199.5
    theta = np.hypot(u, v) / 110
    assert np.isnan(rays[theta > 1.6]).all()
    assert np.isfinite(rays[theta < 1.5]).all()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'width': 0}, '0x480'),
        ({'height': -1}, '640x-1'),
        ({'fx_px': 0.0}, 'fx=0.0'),
        ({'fy_px': -5.0}, 'fy=-5.0'),
        ({'cx_px': math.nan}, 'calibrate'),
        ({'fx_px': math.inf}, 'calibrate'),
        ({'distortion_model': 'thin_prism', 'distortion': (0.1,)}, 'thin_prism'),
        ({'distortion_model': 'plumb_bob', 'distortion': (0.1, math.nan, 0, 0, 0)}, 'calibrate'),
        ({'distortion_model': 'plumb_bob', 'distortion': (0.1, 0.1, 0.1)}, '3 coefficients'),
        ({'distortion_model': 'equidistant', 'distortion': (0.1, 0.1)}, '2 coefficients'),
    ],
)
def test_what_is_no_camera_is_refused_in_one_sentence(change, words):
    facts = {'width': 640, 'height': 480, 'fx_px': 500.0, 'fy_px': 500.0, 'cx_px': 320.0, 'cy_px': 240.0} | change
    with pytest.raises(ValueError, match=words) as refusal:
        Camera(**facts)
    assert '\n' not in str(refusal.value) and str(refusal.value).endswith('.')


def test_an_unknown_lens_without_distortion_is_a_pinhole():
    """Drivers name all sorts of models beside coefficients of zero."""
    camera = Camera(640, 480, 500, 500, 320, 240, 'none', (0.0, 0.0, 0.0))
    np.testing.assert_allclose(camera.project([1.0, 0, 2]), [570, 240])


@pytest.mark.parametrize('bad', [lambda c: c.resized(0, 5), lambda c: c.cropped(0, 0, 5, 0)])
def test_an_empty_picture_is_refused(bad):
    with pytest.raises(ValueError, match='no pixels'):
        bad(Camera.from_hfov(64, 48, 1.0))


@pytest.mark.parametrize('quarters', [-1, 0, 1, 2, 3, 4])
def test_a_turned_camera_is_the_camera_of_the_turned_picture(quarters):
    camera = Camera(8, 6, 10.0, 12.0, 3.2, 2.9)
    turned = camera.turned(quarters)
    rays = np.rot90(camera.rays(), quarters)
    angle = 0.5 * math.pi * quarters  # counter-clockwise on the picture, whose y points down
    c, s = round(math.cos(angle)), round(math.sin(angle))
    wanted = np.stack([c * rays[..., 0] + s * rays[..., 1], -s * rays[..., 0] + c * rays[..., 1]], axis=-1)
    assert (turned.height, turned.width) == rays.shape[:2]
    np.testing.assert_allclose(turned.rays(), wanted, atol=1e-6)
