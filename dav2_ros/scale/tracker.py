# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth in, depth in right metres out, with what is known about the scale."""

from __future__ import annotations

from dav2_ros.depth.scene_change import SceneCut
from dav2_ros.frames import DepthMap
from dav2_ros.scale.correction import multiplied
from dav2_ros.scale.fit import NOISE_M, ScaleFit, fit_scale, no_fit
from dav2_ros.scale.kalman import FilterSettings, Scale, ScaleFilter
from dav2_ros.scale.measurements import Evidence


def measure(depth: DepthMap, evidence: Evidence, noise_m: float = NOISE_M) -> ScaleFit:
    """Fit the scale of one depth map; why there is none is in the fit."""
    try:
        return fit_scale(evidence.pairs(depth), noise_m=noise_m)
    except ValueError as error:
        return no_fit(str(error))


class ScaleTracker:
    """Follows the scale of one camera's depth maps, in the order of their stamps. One thread.

    tracker = ScaleTracker(FilterSettings(), 'lidar')
    depth, scale = tracker.correct(depth, Points(xyz_m, stamp_ns))
    """

    def __init__(self, settings: FilterSettings, source: str = '', noise_m: float = NOISE_M) -> None:
        self._filter = ScaleFilter(settings, source)
        self._noise_m = noise_m
        self._cut = SceneCut()

    def correct(self, depth: DepthMap, evidence: Evidence | None, missing: str = '') -> tuple[DepthMap, Scale]:
        """Take in the evidence of a depth map's moment, and return the depth map in metres that it supports.

        `missing` says why there is no evidence. The depth map's buffer is changed in place.
        """
        if self._cut.seen(depth):
            self._filter.reset()
        fit = measure(depth, evidence, self._noise_m) if evidence else None
        scale = self._filter.update(depth.stamp_ns, fit, missing or 'no evidence')
        return multiplied(depth, scale.applied), scale
