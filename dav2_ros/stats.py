# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describe one processed frame: what it cost, what ran, and what its depth is like."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

STEP = 4  # every 16th pixel tells the same, and costs a tenth of a millisecond
# the fields of dav2_ros/ScaleEstimate, and of scale.kalman.Scale
SCALE_FIELDS = ('applied', 'value', 'std_dev', 'trusted', 'inliers', 'total', 'age_s', 'source', 'reason')


@dataclass(frozen=True)
class FrameStats:
    """What one frame cost, and what ran: the fields of dav2_ros/InferenceStats that the pipeline knows."""

    model: str
    engine: str
    precision: str
    pre_ms: float  # resize and normalise; who decodes the picture adds that
    engine_ms: float
    post_ms: float
    focal_correction: float  # factor
    scale: float  # factor applied after it


@dataclass(frozen=True)
class DepthRange:
    """How much of a depth map is known, and between which metres: fields of dav2_ros/InferenceStats."""

    valid_fraction: float
    min_z_m: float  # NaN, as the next two, where no pixel is finite
    median_z_m: float
    max_z_m: float


def depth_range(z_m: np.ndarray) -> DepthRange:
    """Measure a depth map (H, W)."""
    z_m = z_m[::STEP, ::STEP]
    known_m = z_m[np.isfinite(z_m)]
    if not known_m.size:
        return DepthRange(0.0, math.nan, math.nan, math.nan)
    low_m, median_m, high_m = np.percentile(known_m, (0, 50, 100)).tolist()
    return DepthRange(known_m.size / z_m.size, low_m, median_m, high_m)
