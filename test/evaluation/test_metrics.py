# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics are the formulas of the papers, pixel by pixel, and behave as such when the picture is scaled."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.evaluation.metrics import depth_metrics, mean

metres = st.floats(0.125, 70.0, width=32)
pairs = st.lists(st.tuples(metres, metres), min_size=1, max_size=30)


def by_hand(pixels: list[tuple[float, float]]) -> dict[str, float]:
    """Eigen et al. 2014, section 4.2, one pixel after the other; silog is the root of their eq. 4 with 0.5."""
    n = len(pixels)
    logs = [math.log(p) - math.log(t) for p, t in pixels]
    within = [sum(max(p / t, t / p) < 1.25**k for p, t in pixels) / n for k in (1, 2, 3)]
    return {
        'abs_rel': sum(abs(p - t) / t for p, t in pixels) / n,
        'sq_rel': sum((p - t) ** 2 / t for p, t in pixels) / n,
        'rmse': math.sqrt(sum((p - t) ** 2 for p, t in pixels) / n),
        'rmse_log': math.sqrt(sum(d * d for d in logs) / n),
        'log10': sum(abs(math.log10(p) - math.log10(t)) for p, t in pixels) / n,
        'silog': math.sqrt(max(sum(d * d for d in logs) / n - 0.5 * (sum(logs) / n) ** 2, 0.0)),
        'd1': within[0],
        'd2': within[1],
        'd3': within[2],
        'pixels': n,
    }


def maps(pixels: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    predicted_m, true_m = np.array(pixels, np.float32).T[:, None]
    return predicted_m, true_m


@given(pairs)
def test_equals_the_formulas_written_out(pixels):
    assert asdict(depth_metrics(*maps(pixels))) == pytest.approx(by_hand(pixels), rel=1e-6, abs=1e-9)


@given(st.lists(metres, min_size=1, max_size=30))
def test_a_perfect_prediction_has_no_error(true):
    found = asdict(depth_metrics(*maps([(t, t) for t in true])))
    assert {found.pop(name) for name in ('d1', 'd2', 'd3')} == {1.0}
    assert found.pop('pixels') == len(true)
    assert set(found.values()) == {0.0}


@given(pairs, st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_measured_in_other_units_only_the_metres_change(pixels, scale):
    """A factor on both maps leaves ratios alone; errors in metres grow with it."""
    one = asdict(depth_metrics(*maps(pixels), max_m=1e4))
    other = asdict(depth_metrics(*maps([(scale * p, scale * t) for p, t in pixels]), max_m=1e4))
    for name, value in one.items():
        factor = scale if name in ('rmse', 'sq_rel') else 1.0
        assert other[name] == pytest.approx(factor * value, rel=1e-6, abs=1e-9), name


@given(pairs, st.permutations(range(4)))
def test_what_cannot_be_compared_does_not_count(pixels, order):
    """Unknown, beyond range, no truth, and truth out of [min_m, max_m]."""
    aside = [(math.nan, 5.0), (math.inf, 5.0), (5.0, math.nan), (5.0, math.inf), (5.0, 0.0), (5.0, 80.5), (5.0, -1.0)]
    mixed = [aside[k] for k in order] + pixels + aside
    assert depth_metrics(*maps(mixed)) == depth_metrics(*maps(pixels))


def test_the_limits_themselves_count():
    predicted_m, true_m = maps([(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)])
    assert depth_metrics(predicted_m, true_m, min_m=1.0, max_m=3.0).pixels == 3
    assert depth_metrics(predicted_m, true_m, min_m=1.5, max_m=2.5).pixels == 1


def test_nothing_to_compare_is_none():
    nothing = np.full((3, 4), np.nan, np.float32)
    assert depth_metrics(nothing, np.ones((3, 4), np.float32)) is None
    assert depth_metrics(np.ones((3, 4), np.float32), np.full((3, 4), np.inf, np.float32)) is None


@given(st.lists(pairs, min_size=1, max_size=5))
def test_in_a_mean_each_frame_counts_once_and_pixels_add_up(frames):
    found = [depth_metrics(*maps(pixels)) for pixels in frames]
    average = asdict(mean(found))
    assert average.pop('pixels') == sum(map(len, frames))
    for name, value in average.items():
        assert value == pytest.approx(sum(getattr(f, name) for f in found) / len(found)), name
