# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Steadied depth: still where the scene is, each frame's own where it is not, and never far from it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dav2_ros.depth.stabilise import BOUND, MODES, PATIENCE, Stabiliser, make_stabiliser
from dav2_ros.frames import DepthMap

HEIGHT, WIDTH, RATE_HZ = 240, 320, 15
RNG = np.random.default_rng(3)
TEXTURE = cv2.GaussianBlur(RNG.integers(0, 256, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32), (0, 0), 5)
TEXTURE = np.clip(128 + 8 * (TEXTURE - TEXTURE.mean()), 0, 240)
BASE_M = np.tile(np.linspace(1.5, 6.0, WIDTH, dtype=np.float32), (HEIGHT, 1))
STEADY = MODES[1:]


def seen(x: float = 0.0, zoom: float = 1.0, gain: float = 1.0, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    """Return what a noisy camera sees of the texture, moved by x pixels and enlarged about the middle."""
    at = np.float32([[zoom, 0, 0.5 * WIDTH * (1 - 2 * zoom) - x], [0, zoom, 0.5 * HEIGHT * (1 - 2 * zoom)]])
    picture = gain * cv2.warpAffine(TEXTURE, at, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    grain = np.random.default_rng(seed).normal(0.0, noise, picture.shape)
    return np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)


def play(steadier, pictures, maps) -> np.ndarray:
    """Steady a clip, at RATE_HZ, and return its depth (n, H, W); the maps stay as they are."""
    out = []
    for i, (rgb, z_m) in enumerate(zip(pictures, maps)):
        stamp_ns = round(1e9 * (1 + i / RATE_HZ))
        out.append(steadier.steady(DepthMap(np.array(z_m, np.float32), stamp_ns=stamp_ns), rgb).z_m.copy())
    return np.stack(out)


def jittered(n: int, sigma: float) -> np.ndarray:
    return BASE_M * np.exp(np.random.default_rng(5).normal(0.0, sigma, (n, 1, 1))).astype(np.float32)


def still(n: int, **camera) -> list[np.ndarray]:
    return [seen(seed=i, **camera) for i in range(n)]


def scale_of(maps: np.ndarray) -> np.ndarray:
    return np.median(np.log(maps / BASE_M).reshape(len(maps), -1), axis=1)


class TestAStillCamera:
    @pytest.mark.parametrize('mode', STEADY)
    def test_depth_that_does_not_change_stays_bit_for_bit(self, mode):
        maps = np.stack(12 * [BASE_M])
        np.testing.assert_allclose(play(make_stabiliser(mode), still(12), maps), maps, rtol=1e-6)

    @pytest.mark.parametrize('mode', STEADY)
    def test_the_scale_comes_to_rest(self, mode):
        maps = jittered(40, 0.01)
        out = play(make_stabiliser(mode), still(40), maps)
        before, after = (np.abs(np.diff(scale_of(each)))[5:].mean() for each in (maps, out))
        assert after < 0.25 * before

    def test_exposure_is_no_movement(self):
        pictures = [seen(seed=i, gain=1.0 + 0.1 * np.sin(i)) for i in range(40)]
        maps = jittered(40, 0.01)
        out = play(Stabiliser(), pictures, maps)
        assert np.abs(np.diff(scale_of(out)))[5:].mean() < 0.25 * np.abs(np.diff(scale_of(maps)))[5:].mean()

    def test_only_the_scale_is_touched_unless_asked(self):
        maps = jittered(10, 0.01) * np.exp(RNG.normal(0, 0.01, (10, HEIGHT, WIDTH))).astype(np.float32)
        out = play(Stabiliser(), still(10), maps)
        ratio = (out / maps).reshape(10, -1)
        np.testing.assert_allclose(ratio, np.median(ratio, axis=1, keepdims=True) + 0 * ratio, rtol=1e-5)

    def test_pixels_come_to_rest_if_asked(self):
        cells = RNG.normal(0, 0.01, (30, HEIGHT // 20, WIDTH // 20)).astype(np.float32)  # a network's are large
        maps = np.stack([BASE_M * np.exp(cv2.resize(each, (WIDTH, HEIGHT))) for each in cells])
        scaled, by_pixel = (play(Stabiliser(pixels=pixels), still(30), maps) for pixels in (False, True))
        steps = [np.abs(np.diff(np.log(each), axis=0))[5:].mean() for each in (maps, scaled, by_pixel)]
        assert steps[1] > 0.9 * steps[0] and steps[2] < 0.3 * steps[0]

    @pytest.mark.parametrize('mode', STEADY)
    def test_it_is_never_farther_than_the_bound_from_what_the_frame_says(self, mode):
        maps = jittered(40, 0.03) * np.exp(RNG.normal(0, 0.05, (40, HEIGHT, WIDTH))).astype(np.float32)
        out = play(make_stabiliser(mode), still(40), maps)
        assert np.abs(np.log(out / maps)).max() <= BOUND + 1e-5

    def test_a_jump_beyond_the_bound_is_believed_at_once(self):
        maps = np.concatenate([jittered(10, 0.0), 1.2 * jittered(3, 0.0)])
        np.testing.assert_allclose(play(Stabiliser(), still(13), maps), maps, rtol=1e-6)


class TestACameraThatMoves:
    @pytest.mark.parametrize('mode', STEADY)
    @pytest.mark.parametrize('metres_per_s', [0.3, 1.0, 3.0])
    def test_it_reads_right_metres_on_its_way_to_a_wall(self, mode, metres_per_s):
        away_m = 4.0 - metres_per_s * np.arange(12) / RATE_HZ
        maps = away_m[:, None, None] * np.ones((1, HEIGHT, WIDTH), np.float32)
        pictures = [seen(zoom=4.0 / z, seed=i) for i, z in enumerate(away_m)]
        off = np.abs(np.log(play(make_stabiliser(mode), pictures, maps) / maps)).max(axis=(1, 2))
        assert off.max() < 0.02 and off[4:].max() < 1e-6

    @pytest.mark.parametrize('mode', STEADY)
    def test_a_blank_wall_proves_nothing(self, mode):
        maps = np.linspace(4.0, 3.5, 12)[:, None, None] * np.ones((1, HEIGHT, WIDTH), np.float32)
        blank = [np.clip(np.random.default_rng(i).normal(180, 2, (HEIGHT, WIDTH, 3)), 0, 255) for i in range(12)]
        np.testing.assert_array_equal(
            play(make_stabiliser(mode), [each.astype(np.uint8) for each in blank], maps), maps.astype(np.float32)
        )

    @pytest.mark.parametrize('mode', STEADY)
    def test_a_pan_leaves_no_ghost(self, mode):
        maps = np.stack([np.roll(BASE_M, 6 * i, axis=1) for i in range(12)])
        maps[:, :40] = np.inf
        pictures = [seen(x=6.0 * i, seed=i) for i in range(12)]
        np.testing.assert_array_equal(play(make_stabiliser(mode), pictures, maps), maps)

    @pytest.mark.parametrize('mode', STEADY)
    def test_a_cut_starts_anew_at_once(self, mode):
        other = np.ascontiguousarray(seen(noise=0.0)[::-1, ::-1])
        maps = np.concatenate([jittered(10, 0.01), 3.0 * jittered(10, 0.01)[3:4]])
        out = play(make_stabiliser(mode), [*still(10), other], maps)
        np.testing.assert_array_equal(out[-1], maps[-1])

    def test_who_stops_is_steadied_again(self):
        pictures = [seen(x=6.0 * min(i, 6), seed=i) for i in range(40)]
        maps = jittered(40, 0.01)
        out = play(Stabiliser(), pictures, maps)
        np.testing.assert_array_equal(out[1:7], maps[1:7])
        assert np.abs(np.diff(scale_of(out)))[-15:].mean() < 0.3 * np.abs(np.diff(scale_of(maps)))[-15:].mean()


class TestSomethingThatMoves:
    """A camera stands, and a box of other colours walks by."""

    def clip(self, n: int = 16):
        pictures, maps, boxes = still(n), jittered(n, 0.01), []
        for i in range(n):
            left = 20 + 12 * i
            boxes.append((slice(60, 200), slice(left, left + 30)))
            pictures[i][boxes[i]] = RNG.integers(0, 80, (140, 30, 3))
            maps[(i, *boxes[i])] = 1.0
        return pictures, maps, boxes

    @pytest.mark.parametrize('mode', STEADY)
    def test_it_is_where_it_is_and_nowhere_else(self, mode):
        """Up to the factor of the scale, which all pixels share."""
        pictures, maps, boxes = self.clip()
        steadier, worst = make_stabiliser(mode), 0.0
        for i, (rgb, z_m) in enumerate(zip(pictures, maps)):
            out = steadier.steady(DepthMap(z_m.copy(), stamp_ns=round(1e9 * (1 + i / RATE_HZ))), rgb).z_m
            worst = max(worst, np.abs(np.log(out / z_m)).max())
            np.testing.assert_allclose(out[boxes[i]], steadier.factor, rtol=1e-5)
        assert worst <= BOUND

    def test_the_rest_is_steadied(self):
        pictures, maps, _ = self.clip()
        behind = play(Stabiliser(), pictures, maps)[:, :40], maps[:, :40]
        steps = [np.abs(np.diff(np.log(each), axis=0))[3:].mean() for each in behind]
        assert steps[0] < 0.5 * steps[1]


class TestBorders:
    @pytest.mark.parametrize('other', [np.nan, np.inf])
    @pytest.mark.parametrize('mode', STEADY)
    def test_a_still_pixel_does_not_blink(self, mode, other):
        maps = np.stack(20 * [BASE_M])
        maps[1::2, 100:110, 50:90] = other
        maps[::2, 30:34, 50:90] = other
        out = play(make_stabiliser(mode), still(20), maps)
        np.testing.assert_allclose(out[:, 100:110, 50:90], maps[:1, 100:110, 50:90] + 0 * out[:, 100:110, 50:90])
        np.testing.assert_array_equal(out[:, 30:34, 50:90], np.full((20, 4, 40), other, np.float32))

    @pytest.mark.parametrize('pair', [(3.0, np.nan), (3.0, np.inf), (np.nan, 3.0), (np.inf, 3.0), (np.nan, np.inf)])
    def test_what_stays_changed_is_believed_after_a_while(self, pair):
        before, after = pair
        maps = np.stack(20 * [BASE_M])
        maps[:8, 100:110, 50:90], maps[8:, 100:110, 50:90] = before, after
        out = play(Stabiliser(), still(20), maps)[:, 100:110, 50:90]
        until = 8 + PATIENCE - 1
        np.testing.assert_allclose(out[:until], np.full_like(out[:until], before), rtol=1e-5)
        np.testing.assert_allclose(out[until:], np.full_like(out[until:], after), rtol=1e-5)

    def test_what_changes_its_colour_is_believed_at_once(self):
        maps, pictures = np.stack(12 * [BASE_M]), still(12)
        maps[8:, 100:130, 50:80] = np.inf
        for picture in pictures[8:]:
            picture[90:140, 40:90] = 250
        out = play(Stabiliser(), pictures, maps)
        assert np.isinf(out[8:, 100:130, 50:80]).all() and np.isfinite(out[:8]).all()

    def test_confidence_of_no_measurement_is_nought(self):
        maps, steadier = np.stack(6 * [BASE_M]), Stabiliser()
        maps[:5, 100, 50] = np.nan
        for i, (rgb, z_m) in enumerate(zip(still(6), maps)):
            sure = np.full(z_m.shape, 0.8, np.float32)
            depth = steadier.steady(DepthMap(z_m, stamp_ns=round(1e9 * (1 + i / RATE_HZ)), confidence=sure), rgb)
        assert np.isnan(depth.z_m[100, 50]) and depth.confidence[100, 50] == 0.0


def test_steadying_is_in_place_and_none_is_nothing():
    z_m, rgb = BASE_M.copy(), seen()
    depth = DepthMap(z_m)
    assert make_stabiliser('none').steady(depth, rgb) is depth
    assert Stabiliser().steady(depth, rgb).z_m is z_m


def test_another_size_starts_anew():
    steadier = Stabiliser()
    play(steadier, still(3), jittered(3, 0.01))
    small = BASE_M[::3, ::3].copy()
    np.testing.assert_array_equal(steadier.steady(DepthMap(small.copy(), stamp_ns=1), seen()).z_m, small)
