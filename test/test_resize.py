# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The way to the network's grid is the published one, and the way back undoes it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.camera import Camera
from dav2_ros.frames import MAX_ASPECT, FrameError
from dav2_ros.resize import MAX_TOKENS, ResizePlan, Resizer

# What the published code makes of each camera size (width, height).
PUBLISHED_SIZES = {
    (640, 480): (686, 518),
    (640, 360): (924, 518),
    (1242, 375): (1722, 518),
    (1241, 376): (1708, 518),
    (1920, 1080): (924, 518),
    (1280, 720): (924, 518),
    (848, 480): (910, 518),
    (1280, 800): (826, 518),
    (752, 480): (812, 518),
    (320, 240): (686, 518),
    (1024, 768): (686, 518),
}


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def photo(height: int, width: int) -> np.ndarray:
    """Make a picture as sharp as a lens does (blur of 1.5 px), over the whole range of values."""
    return cv2.normalize(cv2.GaussianBlur(noise(height, width), (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)


def published_preprocessing(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale, resize, normalise, in that order and in float64, as the published code does."""
    x = cv2.resize(rgb / 255.0, (width, height), interpolation=cv2.INTER_CUBIC)
    x = (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return x.transpose(2, 0, 1)


@pytest.mark.parametrize(('picture', 'net'), PUBLISHED_SIZES.items())
def test_network_sizes_are_the_published_ones(picture, net):
    plan = ResizePlan.lower_bound(picture[1], picture[0], 518)
    assert (plan.net_width, plan.net_height) == net


def shapes():
    """Heights and widths that a depth network can take."""
    return st.tuples(st.integers(16, 4000), st.integers(16, 4000)).filter(lambda hw: max(hw) <= MAX_ASPECT * min(hw))


@given(shapes(), st.integers(4, 40).map(lambda n: 14 * n))
def test_lower_bound_is_a_multiple_of_the_patch_no_smaller_than_asked_and_keeps_the_aspect(shape, size):
    height, width = shape
    plan = ResizePlan.lower_bound(height, width, size)
    net = np.array([plan.net_height, plan.net_width])
    assert (net % 14 == 0).all() and net.min() == size  # the short side is exactly the size that was asked for
    exact = np.array([height, width]) * (size / min(height, width))
    assert (np.abs(net - exact) <= 14).all()
    assert plan.tokens == net.prod() // 196


@given(shapes())
def test_lower_bound_does_not_know_up_from_sideways(shape):
    height, width = shape
    a, b = ResizePlan.lower_bound(height, width), ResizePlan.lower_bound(width, height)
    assert (a.net_height, a.net_width) == (b.net_width, b.net_height)


@pytest.mark.parametrize(
    ('width', 'height', 'size', 'stretch', 'said'),
    [
        (1280, 20, 518, 1.0, 'A picture of 1280x20 is 64.0 times as long as it is thin'),
        (4000, 4, 14, 1.0, 'is 1000.0 times'),
        (1, 20_000, 518, 1.0, 'A picture of 1x20000'),
        (640, 480, 518, 100.0, 'fy / fx is 100: .* the limit is 4; check camera_info'),
        (640, 480, 518, 0.01, 'fy / fx is 0.01: no camera has pixels that are 100 times'),
        (640, 480, 518, math.nan, 'fy / fx is nan'),
        (1600, 400, 518, 4.0, 'is 16.0 times'),
        (30_000, 30_000, 518, 1.0, '30000x30000 are 900 million pixels'),
        (640, 480, 4096, 1.0, r'for the network at a short side of 4096: .* patches, more than the limit of 16384'),
    ],
)
def test_shapes_that_would_take_the_memory_are_no_plan(width, height, size, stretch, said):
    with pytest.raises(FrameError, match=said) as error:
        ResizePlan.lower_bound(height, width, size, stretch)
    assert str(error.value).endswith('.')


@pytest.mark.parametrize(('width', 'height'), [(4144, 518), (64, 512), (8000, 6000), (1, 1), (1242, 375)])
def test_the_limits_are_those_of_no_camera(width, height):
    plan = ResizePlan.lower_bound(height, width)
    assert plan.tokens <= MAX_TOKENS and plan.net_height >= 518 <= plan.net_width


@pytest.mark.parametrize(('make', 'tolerance'), [(photo, 1e-4), (noise, 6e-4)])
@pytest.mark.parametrize(
    ('width', 'height'), [(640, 480), (320, 240), (1280, 720), (1920, 1080), (518, 518), (641, 479)]
)
def test_apply_equals_the_published_float64_path(width, height, make, tolerance):
    """One grey level is 0.0175; white noise is the worst case for float32, which places a pixel to 6e-5 px."""
    rgb = make(height, width)
    plan = ResizePlan.lower_bound(height, width)
    found = plan.apply(rgb)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert found.shape == (3, plan.net_height, plan.net_width)
    wanted = published_preprocessing(rgb, plan.net_width, plan.net_height)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def test_apply_leaves_the_picture_alone_and_takes_a_view():
    rgb = noise(480, 640)
    before = rgb.copy()
    view = rgb[:, ::-1]
    plan = ResizePlan.lower_bound(480, 640, 224)
    np.testing.assert_array_equal(plan.apply(view), plan.apply(np.ascontiguousarray(view)))
    np.testing.assert_array_equal(rgb, before)


UNDO_SIZES = [
    ((518, 686), (480, 640)),
    ((168, 224), (480, 640)),
    ((518, 924), (1080, 1920)),
    ((168, 224), (167, 223)),
    ((518, 518), (64, 48)),
    ((14, 14), (1, 1)),
    ((14, 28), (5, 1)),
]


@pytest.mark.parametrize(('net', 'size'), UNDO_SIZES)
def test_undo_is_bilinear_with_aligned_corners(net, size):
    depth = np.random.default_rng(1).uniform(0.1, 80.0, net).astype(np.float32)
    wanted = F.interpolate(torch.from_numpy(depth)[None, None], size, mode='bilinear', align_corners=True)[0, 0]
    found = ResizePlan(*size, *net).undo(depth)
    assert found.dtype == np.float32 and found.shape == size
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5)


@given(*[st.integers(2, 60)] * 4)
def test_undo_reproduces_a_plane_exactly_and_its_corners(h, w, height, width):
    v, u = np.mgrid[:h, :w] / np.array([h - 1, w - 1]).reshape(2, 1, 1)
    v2, u2 = np.mgrid[:height, :width] / np.array([height - 1, width - 1]).reshape(2, 1, 1)
    found = ResizePlan(height, width, h, w).undo((1 + 2 * u + 3 * v).astype(np.float32))
    np.testing.assert_allclose(found, 1 + 2 * u2 + 3 * v2, rtol=0, atol=1e-5)


@given(*[st.integers(2, 60)] * 4)
def test_undo_never_leaves_the_range_of_the_depth(h, w, height, width):
    depth = np.random.default_rng(h * w).uniform(1.0, 10.0, (h, w)).astype(np.float32)
    found = ResizePlan(height, width, h, w).undo(depth)
    assert found.min() >= depth.min() * (1 - 1e-6) and found.max() <= depth.max() * (1 + 1e-6)


def test_undo_of_the_same_size_is_a_copy_that_the_engine_cannot_overwrite():
    depth = np.ones((168, 224), np.float32)
    found = ResizePlan(168, 224, 168, 224).undo(depth)
    depth[:] = 2
    assert (found == 1).all()


def test_undo_to_another_size_than_the_pictures():
    depth = np.random.default_rng(2).uniform(1, 9, (168, 224)).astype(np.float32)
    plan = ResizePlan.lower_bound(480, 640, 168)
    np.testing.assert_array_equal(plan.undo(depth, 240, 320), ResizePlan(240, 320, 168, 224).undo(depth))


@given(st.integers(60, 300), st.integers(60, 300))
def test_there_and_back_keeps_a_grey_ramp(height, width):
    """The resize aligns pixel edges and the way back aligns corners, as published: under a network pixel of shift."""
    u = np.broadcast_to(np.arange(width, dtype=np.float32) % 256, (height, width))
    ramp = np.ascontiguousarray(np.minimum(u, 250).astype(np.uint8)[..., None].repeat(3, -1))[:, :256]
    plan = ResizePlan.lower_bound(*ramp.shape[:2], 224)
    back = plan.undo(plan.apply(ramp)[0]) * (255 * 0.229) + 255 * 0.485
    inner = ramp[:, 4:-4, 0] < 245
    shift_px = 0.5 * ramp.shape[1] / plan.net_width + 0.5
    assert np.abs(back[:, 4:-4] - ramp[:, 4:-4, 0])[inner].max() <= shift_px + 0.1


def test_the_networks_camera_sees_what_the_pictures_camera_sees():
    camera = Camera.from_hfov(640, 480, 1.2)
    net = ResizePlan.lower_bound(480, 640).camera(camera)
    assert (net.width, net.height) == (686, 518)
    assert net.hfov_rad == pytest.approx(camera.hfov_rad)


@pytest.mark.parametrize('ratio', [0.5, 0.8, 1.25, 2.0])
def test_pixels_that_are_not_square_become_square_for_the_network(ratio):
    """A camera of fy = ratio * fx: its network input has one focal length, to the nearest whole patch."""
    camera = Camera(640, 480, 400.0, 400.0 * ratio, 319.5, 239.5)
    net = ResizePlan.lower_bound(480, 640, 518, stretch=camera.fy_px / camera.fx_px).camera(camera)
    assert net.fx_px == pytest.approx(net.fy_px, rel=7 / 518)
    assert min(net.width, net.height) == 518


def test_buffers_that_are_kept_change_nothing():
    """A second picture and a second depth are as the first ones of new buffers."""
    plan = ResizePlan.lower_bound(480, 640, 224)
    kept, given = Resizer(plan), np.empty((480, 640), np.float32)
    depths = np.random.default_rng(3).uniform(1, 9, (2, plan.net_height, plan.net_width)).astype(np.float32)
    for rgb, depth in zip((photo(480, 640), noise(480, 640)), depths):
        np.testing.assert_array_equal(kept.apply(rgb), plan.apply(rgb))
        np.testing.assert_array_equal(kept.undo(depth), plan.undo(depth))
        assert kept.undo(depth, given) is given
        np.testing.assert_array_equal(given, plan.undo(depth))
