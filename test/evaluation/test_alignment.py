# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The fits are those of numpy.linalg.lstsq, undo what they claim to undo, and see only the pixels that count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.evaluation.alignment import ALIGNMENTS, align, least_squares

seeds = st.integers(0, 10_000)
factors = st.floats(0.05, 20.0)
offsets = st.floats(-3.0, 3.0)


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true depth (H, W), a noisy disparity of it, and where truth counts."""
    rng = np.random.default_rng(seed)
    true_m = rng.uniform(0.5, 60.0, (12, 17))
    disparity = (1.0 / true_m) * np.exp(0.2 * rng.standard_normal(true_m.shape))
    return true_m, disparity, rng.random(true_m.shape) < 0.7


@given(seeds, factors, offsets)
def test_factor_and_offset_are_those_of_lstsq(seed, factor, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(60).astype(np.float32)
    y = factor * x + offset + 0.3 * rng.standard_normal(60)
    design = np.stack([x, np.ones_like(x)], axis=1).astype(np.float64)
    np.testing.assert_allclose(least_squares(x, y), np.linalg.lstsq(design, y, rcond=None)[0], rtol=1e-9, atol=1e-12)


@given(factors, st.integers(1, 9))
def test_a_constant_has_the_shortest_fit_as_in_lstsq(level, n):
    y = np.linspace(1.0, 2.0, n)
    design = np.stack([np.full(n, level), np.ones(n)], axis=1)
    found = least_squares(np.full(n, level), y)
    np.testing.assert_allclose(found, np.linalg.lstsq(design, y, rcond=None)[0], rtol=1e-9, atol=1e-12)


@given(seeds)
def test_in_disparity_and_in_depth_it_is_lstsq_clipped(seed):
    true_m, disparity, valid = scene(seed)
    ones = np.ones(valid.sum())

    s, t = np.linalg.lstsq(np.stack([disparity[valid], ones], 1), 1 / true_m[valid], rcond=None)[0]
    found = align(disparity, true_m, valid, kind='relative', how='lsq_disparity', min_m=0.1, max_m=40.0)
    np.testing.assert_allclose(found.z_m, 1 / np.clip(s * disparity + t, 1 / 40.0, 1 / 0.1), rtol=1e-9)

    z_m = 1 / disparity
    s, t = np.linalg.lstsq(np.stack([z_m[valid], ones], 1), true_m[valid], rcond=None)[0]
    found = align(z_m, true_m, valid, kind='metric', how='lsq_depth', min_m=0.1, max_m=40.0)
    np.testing.assert_allclose(found.z_m, np.clip(s * z_m + t, 0.1, 40.0), rtol=1e-9)


@given(seeds, factors, offsets)
def test_factor_and_offset_of_a_disparity_change_nothing(seed, factor, offset):
    true_m, disparity, valid = scene(seed)
    one, other = (
        align(d, true_m, valid, kind='relative', how='lsq_disparity') for d in (disparity, factor * disparity + offset)
    )
    np.testing.assert_allclose(other.z_m, one.z_m, rtol=1e-6)


@given(seeds, factors, st.sampled_from(['median', 'scale', 'lsq_depth', 'lsq_disparity']))
def test_a_factor_of_metres_changes_nothing(seed, factor, how):
    true_m, disparity, valid = scene(seed)
    one, other = (align(z, true_m, valid, how=how) for z in (1 / disparity, factor / disparity))
    np.testing.assert_allclose(other.z_m, one.z_m, rtol=1e-6)


@given(seeds, factors, offsets)
def test_an_affine_truth_is_found_exactly(seed, factor, offset):
    true_m, _, valid = scene(seed)
    found = align(factor / true_m + offset, true_m, valid, kind='relative', how='lsq_disparity')
    np.testing.assert_allclose(found.z_m, true_m, rtol=1e-6)
    np.testing.assert_allclose(found.scale, 1 / factor, rtol=1e-6)


@given(seeds)
def test_the_factors_are_those_of_their_formulas(seed):
    true_m, disparity, valid = scene(seed)
    z_m = 1 / disparity
    for kind, prediction in (('metric', z_m), ('relative', disparity)):
        found = align(prediction, true_m, valid, kind=kind, how='median')
        np.testing.assert_allclose(found.z_m, z_m * np.median(true_m[valid]) / np.median(z_m[valid]), rtol=1e-12)
    p, t = z_m[valid], true_m[valid]
    s = np.linalg.lstsq(p[:, None], t, rcond=None)[0]
    np.testing.assert_allclose(align(z_m, true_m, valid, how='scale').z_m, s * z_m, rtol=1e-12)
    s = np.linalg.lstsq(1 / p[:, None], 1 / t, rcond=None)[0]
    found = align(disparity, true_m, valid, kind='relative', how='scale')
    np.testing.assert_allclose(found.z_m, 1 / (s * disparity), rtol=1e-12)


@given(seeds, st.sampled_from([h for h in ALIGNMENTS if h != 'none']), st.sampled_from(['metric', 'relative']))
def test_what_does_not_count_has_no_part_in_the_fit(seed, how, kind):
    true_m, disparity, valid = scene(seed)
    prediction = disparity if kind == 'relative' else 1 / disparity
    spoilt_truth, spoilt = true_m.copy(), prediction.copy()
    spoilt_truth[~valid] = np.nan
    spoilt[~valid] *= 1000.0
    one = align(prediction, true_m, valid, kind=kind, how=how)
    other = align(spoilt, spoilt_truth, valid, kind=kind, how=how)
    assert (one.scale, one.shift) == (other.scale, other.shift)
    np.testing.assert_array_equal(one.z_m[valid], other.z_m[valid])


def test_a_disparity_that_becomes_negative_is_far_and_the_unknown_stays_unknown():
    true_m = np.array([[1.0, 2.0, 4.0, 8.0]])
    disparity = 1 / true_m
    with_outliers = np.concatenate([disparity, [[-5.0, np.nan]]], axis=1)
    truth = np.concatenate([true_m, [[np.nan, np.nan]]], axis=1)
    found = align(with_outliers, truth, np.isfinite(truth), kind='relative', max_m=80.0).z_m
    np.testing.assert_allclose(found[0, :5], [1, 2, 4, 8, 80])
    assert np.isnan(found[0, 5])


def test_without_a_cap_the_farthest_truth_is_the_limit():
    true_m = np.array([[1.0, 2.0, 4.0, np.nan]])
    disparity = np.array([[1.0, 0.5, 0.25, 0.0]])
    found = align(disparity, true_m, np.isfinite(true_m), kind='relative', max_m=np.inf)
    assert found.z_m[0, 3] == 4.0


def test_beyond_range_is_farthest_after_every_fit():
    true_m = np.array([[1.0, 2.0, 4.0, 8.0]])
    z_m = np.array([[1.0, 2.0, 4.0, np.inf]])
    for how in ('lsq_depth', 'lsq_disparity', 'median', 'scale'):
        found = align(z_m, true_m, np.ones_like(true_m, bool), how=how).z_m
        assert found[0, 3] > found[0, 2]


def test_metres_of_disparity_as_it_is_are_refused():
    with pytest.raises(ValueError, match='no metres'):
        align(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2), bool), kind='relative', how='none')
    with pytest.raises(ValueError, match='lsq_disparity'):
        align(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2), bool), how='best')
