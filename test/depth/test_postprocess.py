# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth between the estimator and right metres: what the parameters ask for, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dav2_ros.depth.flying_pixels import FlyingPoints
from dav2_ros.depth.postprocess import Finish
from dav2_ros.frames import DepthMap
from dav2_ros.parameters.estimator import EstimatorParameters

RGB = np.random.default_rng(0).integers(0, 200, (48, 64, 3), np.uint8)
GIVEN = EstimatorParameters()


def a_ramp() -> np.ndarray:
    """Return a wall behind a nearer one, with the ramp that a network draws between them."""
    return np.tile(2.0 + 6.0 * np.clip((np.arange(64) - 28) / 8.0, 0.0, 1.0), (48, 1)).astype(np.float32)


def test_without_parameters_the_first_depth_stays_as_it_is():
    z_m = a_ramp()
    assert Finish().apply(DepthMap(z_m), RGB, GIVEN).z_m is z_m
    np.testing.assert_array_equal(z_m, a_ramp())


def test_flying_points_become_unknown_and_unsure_on_request():
    sure = np.ones((48, 64), np.float32)
    depth = Finish().apply(DepthMap(a_ramp(), confidence=sure), RGB, replace(GIVEN, remove_flying=True))
    flying = FlyingPoints().find(a_ramp())
    assert flying.any()
    np.testing.assert_array_equal(depth.z_m, np.where(flying, np.nan, a_ramp()))
    np.testing.assert_array_equal(sure, np.where(flying, 0.0, 1.0))


def test_what_is_beyond_stays_beyond():
    z_m = a_ramp()
    z_m[:10] = np.inf
    depth = Finish().apply(DepthMap(z_m), RGB, replace(GIVEN, remove_flying=True))
    assert np.isinf(depth.z_m[:10]).all()


@pytest.mark.parametrize('change', [{'min_confidence': 0.1}, {'steady': 'none'}, {'remove_flying': True}])
def test_borders_wait_unless_the_user_moves_them(change):
    """A still pixel that becomes unknown is held back; not so when a parameter has changed."""
    finish, rgb = Finish(), np.kron(RGB, np.ones((5, 5, 1), np.uint8))
    z_m = np.full((240, 320), 3.0, np.float32)
    for i in range(3):
        finish.apply(DepthMap(z_m.copy(), stamp_ns=1 + i), rgb, GIVEN)
    z_m[100:110] = np.nan
    held = finish.apply(DepthMap(z_m.copy(), stamp_ns=4), rgb, GIVEN)
    assert np.isfinite(held.z_m).all()
    told = finish.apply(DepthMap(z_m.copy(), stamp_ns=5), rgb, replace(GIVEN, **change))
    np.testing.assert_array_equal(told.z_m, z_m)
