# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth between the estimator and right metres: what the parameters ask for, and nothing else."""

from __future__ import annotations

import numpy as np

from dav2_ros.depth.flying_pixels import FlyingPixelDetector
from dav2_ros.depth.postprocess import Postprocessor
from dav2_ros.frames import DepthMap

RGB = np.random.default_rng(0).integers(0, 200, (48, 64, 3), np.uint8)


def a_ramp() -> np.ndarray:
    """Return a wall behind a nearer one, with the ramp that a network draws between them."""
    return np.tile(2.0 + 6.0 * np.clip((np.arange(64) - 28) / 8.0, 0.0, 1.0), (48, 1)).astype(np.float32)


def test_without_parameters_the_first_depth_stays_as_it_is():
    z_m = a_ramp()
    assert Postprocessor(steady='scale').apply(DepthMap(z_m), RGB).z_m is z_m
    np.testing.assert_array_equal(z_m, a_ramp())


def test_flying_points_become_unknown_and_unsure_on_request():
    sure = np.ones((48, 64), np.float32)
    depth = Postprocessor(remove_flying=True).apply(DepthMap(a_ramp(), confidence=sure), RGB)
    flying = FlyingPixelDetector().find(a_ramp())
    assert flying.any()
    np.testing.assert_array_equal(depth.z_m, np.where(flying, np.nan, a_ramp()))
    np.testing.assert_array_equal(sure, np.where(flying, 0.0, 1.0))


def test_what_is_beyond_stays_beyond():
    z_m = a_ramp()
    z_m[:10] = np.inf
    depth = Postprocessor(remove_flying=True).apply(DepthMap(z_m), RGB)
    assert np.isinf(depth.z_m[:10]).all()
