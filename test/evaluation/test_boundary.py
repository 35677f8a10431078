# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boundaries and disparities: by their formulas pixel by pixel, by another library, and by scenes made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.evaluation.boundary import FACTORS, boundary_distances, boundary_pixels, boundary_score
from dav2_ros.evaluation.disparity import compare_disparity, ssim_map

seeds = st.integers(0, 1000)


def step(at: int, width: int = 40) -> np.ndarray:
    """Return a near thing on the left of column `at`, and what is behind it."""
    return np.where(np.arange(width) < at, 2.0, 6.0)[None].repeat(30, axis=0)


def noisy(seed: int, shape: tuple[int, int] = (9, 11)) -> np.ndarray:
    return np.exp(0.25 * np.random.default_rng(seed).standard_normal(shape))


def f1_by_hand(z_m: np.ndarray, true_m: np.ndarray) -> float:
    """Depth Pro's supplement, section C, one pair of neighbours after the other, in each of the four directions."""
    total = 0.0
    height, width = z_m.shape
    for factor in FACTORS:
        precision, recall = [], []
        for dy, dx in ((0, -1), (-1, 0), (0, 1), (1, 0)):
            found = true = both = 0
            for y in range(height):
                for x in range(width):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        f = z_m[y + dy, x + dx] / z_m[y, x] > factor
                        t = true_m[y + dy, x + dx] / true_m[y, x] > factor
                        found, true, both = found + f, true + t, both + (f and t)
            precision.append(both / max(found, 1))
            recall.append(both / max(true, 1))
        p, r = np.mean(precision), np.mean(recall)
        total += factor / FACTORS.sum() * (2 * p * r / (p + r) if p + r else 0.0)
    return total


@given(seeds)
def test_f1_is_its_formula(seed):
    z_m, true_m = noisy(seed), noisy(seed + 1)
    assert boundary_score(z_m, true_m).f1 == pytest.approx(f1_by_hand(z_m, true_m), abs=1e-9)


@given(seeds, st.floats(0.1, 10.0))
def test_the_truth_itself_is_perfect_in_any_scale(seed, scale):
    true_m = noisy(seed)
    found = boundary_score(scale * true_m, true_m)
    assert (found.f1, found.precision, found.recall) == pytest.approx((1.0, 1.0, 1.0), abs=1e-9)
    assert (found.accuracy_px, found.completeness_px) == (0.0, 0.0)


def test_a_boundary_beside_its_place_is_not_found_and_its_distance_is():
    found = boundary_score(step(23), step(20))
    assert (found.f1, found.accuracy_px, found.completeness_px) == (0.0, 3.0, 3.0)
    far_off = boundary_distances(step(35), step(20))
    assert math.isnan(far_off[0]) and far_off[1] == 10.0


def test_the_side_that_is_nearer_matters():
    assert boundary_score(step(20)[:, ::-1].copy(), step(20)).f1 == 0.0
    assert boundary_pixels(step(20))[:, 19].all() and boundary_pixels(step(20)).sum() == 30


def test_distances_are_those_of_scipy():
    from scipy.ndimage import distance_transform_edt

    z_m, true_m = noisy(1, (40, 50)) * step(20, 50).repeat(2, 0)[:40], step(25, 50).repeat(2, 0)[:40]
    found, true = boundary_pixels(z_m), boundary_pixels(true_m)
    to_true, to_found = distance_transform_edt(~true), distance_transform_edt(~found)
    wanted = to_true[found & (to_true < 10)].mean(), np.minimum(to_found[true], 10).mean()
    np.testing.assert_allclose(boundary_distances(z_m, true_m), wanted, rtol=1e-5)


def test_without_a_boundary_there_is_no_score_and_unknown_truth_has_none():
    assert boundary_score(step(20), np.ones((30, 40))) is None
    hidden = step(20)
    hidden[:, 18:22] = np.nan
    assert boundary_score(step(20), hidden) is None
    island = np.full((30, 40), np.inf)  # before the sky
    island[10:20, 10:20] = 2.0
    assert boundary_score(island, island).f1 == pytest.approx(1.0)
    assert boundary_pixels(island).sum() == 36


class TestDisparity:
    @given(seeds)
    def test_ssim_is_that_of_torchmetrics(self, seed):
        torch = pytest.importorskip('torch')
        ssim = pytest.importorskip('torchmetrics.functional.image').structural_similarity_index_measure
        a, b = noisy(seed, (20, 26)), noisy(seed + 1, (20, 26))
        found = ssim_map(a, b, np.ones_like(a, bool), 1.5)
        pair = (torch.from_numpy(x)[None, None] for x in (a, b))
        _, wanted = ssim(*pair, data_range=1.5, return_full_image=True)
        inside = (slice(5, -5), slice(5, -5))  # its windows go beyond the picture, ours do not
        np.testing.assert_allclose(found[inside], wanted[0, 0].numpy()[inside], atol=1e-6)
        assert np.isfinite(found).sum() == 10 * 16

    def test_one_window_is_the_formula_of_the_paper(self):
        a, b = noisy(1, (11, 11)), noisy(2, (11, 11))
        at = np.arange(11) - 5
        w = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
        w /= w.sum()
        ma, mb = (w * a).sum(), (w * b).sum()
        va, vb, cov = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
        c1, c2 = (0.01 * 2.0) ** 2, (0.03 * 2.0) ** 2
        wanted = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
        found = ssim_map(a, b, np.ones_like(a, bool), 2.0)
        assert np.isnan(found).sum() == 120
        assert found[5, 5] == pytest.approx(wanted, abs=1e-9)

    @given(seeds, st.floats(0.1, 10.0), st.floats(-3.0, 3.0))
    def test_factor_and_offset_change_nothing(self, seed, factor, offset):
        true, disparity = noisy(seed, (16, 18)), noisy(seed + 1, (16, 18))
        one, other = (compare_disparity(d, true) for d in (disparity, factor * disparity + offset))
        assert (other.ssim, other.mae, other.rmse) == pytest.approx((one.ssim, one.mae, one.rmse), abs=1e-6)
        np.testing.assert_allclose(other.difference, one.difference, atol=1e-6)

    def test_an_affine_truth_is_perfect_and_a_flat_one_is_none(self):
        true = noisy(1, (16, 18))
        found = compare_disparity(3 * true - 1, true)
        assert (found.ssim, found.mae) == pytest.approx((1.0, 0.0), abs=1e-9)
        assert compare_disparity(true, np.ones_like(true)) is None

    def test_unknown_pixels_have_no_part(self):
        true, disparity = noisy(1, (24, 30)), noisy(2, (24, 30))
        spoilt, hidden = disparity.copy(), true.copy()
        hidden[:4, :5] = np.nan
        spoilt[:4, :5] = 1e4
        one = compare_disparity(disparity, hidden)
        other = compare_disparity(spoilt, hidden)
        assert (one.ssim, one.mae, one.pixels) == (other.ssim, other.mae, other.pixels)
        assert one.pixels == 24 * 30 - 20 == np.isfinite(one.difference).sum()
        inner = np.ones((24, 30), bool)
        inner[:5], inner[-5:], inner[:, :5], inner[:, -5:], inner[:9, :10] = False, False, False, False, False
        assert (np.isfinite(one.ssim_map) == inner).all()
