# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every pixel falls in one bin, tables add like pixels, and a drift that was put in is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.evaluation.ranges import EDGES_M, by_range
from dav2_ros.evaluation.scale_drift import drift, frame_scale

metres = st.floats(0.015625, 120.0, width=32)
pairs = st.lists(st.tuples(metres, metres), min_size=1, max_size=40)


def maps(pixels: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    predicted_m, true_m = np.array(pixels, np.float32).T[:, None]
    return predicted_m, true_m


@given(pairs)
def test_a_bin_is_the_mean_of_its_pixels(pixels):
    for row in by_range(*maps(pixels)).rows():
        inside = [(p, t) for p, t in pixels if row.low_m <= t < row.high_m]
        assert row.pixels == len(inside)
        if inside:
            n = len(inside)
            assert row.abs_rel == pytest.approx(sum(abs(p - t) / t for p, t in inside) / n, rel=1e-6, abs=1e-12)
            assert row.bias == pytest.approx(sum((p - t) / t for p, t in inside) / n, rel=1e-6, abs=1e-9)
            assert row.rmse == pytest.approx(math.sqrt(sum((p - t) ** 2 for p, t in inside) / n), rel=1e-6, abs=1e-12)
            log10 = sum(abs(math.log10(p / t)) for p, t in inside) / n
            assert row.log10 == pytest.approx(log10, rel=1e-6, abs=1e-9)
            assert row.d1 == pytest.approx(sum(max(p / t, t / p) < 1.25 for p, t in inside) / n)
        else:
            assert math.isnan(row.abs_rel)


@given(pairs, pairs)
def test_tables_add_like_pixels(one, other):
    added = by_range(*maps(one)) + by_range(*maps(other))
    np.testing.assert_allclose(added.sums, by_range(*maps(one + other)).sums, rtol=1e-9)
    assert added.total().pixels == sum(EDGES_M[0] <= t < EDGES_M[-1] for _, t in one + other)


def test_tables_of_other_bins_do_not_add():
    with pytest.raises(ValueError, match='same edges'):
        by_range(*maps([(1, 1)])) + by_range(*maps([(1, 1)]), edges_m=(0.0, 2.0))


def test_unknown_and_masked_pixels_are_in_no_bin():
    predicted_m, true_m = maps([(1.0, 1.0), (math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0), (1.0, math.inf)])
    assert by_range(predicted_m, true_m).total().pixels == 1
    assert by_range(predicted_m, true_m, valid=np.zeros_like(true_m, bool)).total().pixels == 0


@given(st.floats(0.5, 2.0), st.floats(-0.3, 0.3))
def test_a_trend_that_was_put_in_is_found(scale, per_minute):
    at_s = np.linspace(0, 90, 120)
    scales = scale * (1 + per_minute) ** (at_s / 60)
    scales[::17] *= 3.0  # frames that went wrong
    found = drift((1_700_000_000_000_000_000 + 1e9 * at_s).astype(np.int64), scales)
    assert found.per_minute == pytest.approx(per_minute, abs=2e-3)
    assert found.frames == 120


def test_a_scale_that_holds_does_not_drift():
    found = drift([0, 10**9, 2 * 10**9], [1.1, 1.1, 1.1])
    assert (found.scale, found.spread, found.jump, found.largest) == (1.1, 0.0, 0.0, 0.0)
    assert found.per_minute == pytest.approx(0.0)
    assert drift([], []) is None
    assert drift([0, 1], [math.nan, math.nan]) is None
    alone = drift([5], [2.0])
    assert alone.scale == 2.0 and math.isnan(alone.per_minute) and math.isnan(alone.jump)


def test_the_scale_of_a_frame_is_the_median_factor_that_is_missing():
    true_m = np.linspace(1, 9, 40).reshape(5, 8)
    z_m = true_m / 1.3
    z_m[0, :4], z_m[1, 0], true_m[2, 2] = 100.0, np.inf, np.nan
    assert frame_scale(z_m, true_m) == pytest.approx(1.3)
    assert math.isnan(frame_scale(z_m[:1, :9], true_m[:1, :9]))  # 8 pixels
