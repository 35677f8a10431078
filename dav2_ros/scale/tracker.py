# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Follow the scale of depth by measurements: fit, filter over time, correct."""

from __future__ import annotations

from dav2_ros.depth.scene_change import SceneChangeDetector
from dav2_ros.frames import DepthMap
from dav2_ros.scale.correction import Correction
from dav2_ros.scale.fit import NOISE_M, ScaleFit, fit_scale, no_fit
from dav2_ros.scale.kalman import FilterSettings, Scale, ScaleFilter
from dav2_ros.scale.measurements import Measurement


def measure(depth: DepthMap, measurement: Measurement, noise_m: float = NOISE_M) -> ScaleFit:
    """Fit the scale of one depth map; why there is none is in the fit."""
    try:
        return fit_scale(measurement.pairs(depth), noise_m=noise_m)
    except ValueError as error:
        return no_fit(str(error))


class ScaleTracker:
    """Follows the scale of one camera's depth maps, in the order of their stamps. One thread.

    tracker = ScaleTracker(FilterSettings(), 'lidar')
    scale = tracker.correct(depth, Points(xyz_m, stamp_ns))
    """

    def __init__(self, settings: FilterSettings, source: str = '', noise_m: float = NOISE_M) -> None:
        self._filter = ScaleFilter(settings, source)
        self._noise_m = noise_m
        self._cut = SceneChangeDetector()

    def correct(self, depth: DepthMap, measurement: Measurement | None, missing: str = '') -> Scale:
        """Take in the measurement of a depth map's moment, and multiply depth, in place, by the scale it supports.

        `missing` says why there is no measurement.
        """
        if self._cut.seen(depth):
            self._filter.reset()
        fit = measure(depth, measurement, self._noise_m) if measurement else None
        scale = self._filter.update(depth.stamp_ns, fit, missing or 'no evidence')
        Correction(scale.applied).apply_in_place(depth.z_m)
        return scale
