# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Choose what corrects the scale of depth by the parameters: a stated factor, the camera's height, or a sensor."""

from __future__ import annotations

import math
from typing import Protocol

from dav2_ros.frames import DepthMap
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.camera_height import GroundHeight
from dav2_ros.scale.correction import Correction
from dav2_ros.scale.kalman import FilterSettings, Scale
from dav2_ros.scale.measurements import Measurement
from dav2_ros.scale.tracker import ScaleTracker


class ScaleCorrector(Protocol):
    """Anything that brings the depth maps of one camera to right metres, in the order of their stamps. One thread."""

    def correct(self, depth: DepthMap, measurement: Measurement | None, missing: str = '') -> Scale:
        """Correct a depth map in place; `missing` says why a sensor has no measurement."""


class FixedScale:
    """A scale that stays: none, or the one of a calibration."""

    def __init__(self, params: ScaleParameters) -> None:
        is_fixed = params.scale_source == 'fixed'
        factor = params.scale_fixed if is_fixed else 1.0
        self._correction = Correction(factor, params.scale_shift_per_m if is_fixed else 0.0)
        self._scale = Scale(factor, factor, math.nan, source=params.scale_source)

    def correct(self, depth: DepthMap, measurement: Measurement | None = None, missing: str = '') -> Scale:
        """Multiply, and shift; a measurement changes nothing."""
        self._correction.apply_in_place(depth.z_m)
        return self._scale


class CameraHeightScale:
    """The scale by the ground plane of each depth map, below a camera whose height is known."""

    def __init__(self, params: ScaleParameters) -> None:
        self._height_m = params.scale_camera_height_m
        self._tracker = ScaleTracker(filter_settings(params), 'height', params.scale_noise_m)

    def correct(self, depth: DepthMap, measurement: Measurement | None = None, missing: str = '') -> Scale:
        """Fit to the ground, filter and multiply."""
        return self._tracker.correct(depth, GroundHeight(self._height_m, depth.stamp_ns))


def make_scale_corrector(params: ScaleParameters) -> ScaleCorrector:
    """Make what `scale_source` names."""
    if params.scale_source in ('none', 'fixed'):
        return FixedScale(params)
    if params.scale_source == 'height':
        return CameraHeightScale(params)
    return ScaleTracker(filter_settings(params), params.scale_source, params.scale_noise_m)


def filter_settings(params: ScaleParameters) -> FilterSettings:
    """Return how the parameters filter a scale that is measured."""
    return FilterSettings(rest=params.scale_fixed, hold_s=params.scale_hold_s, decay_s=params.scale_decay_s)
