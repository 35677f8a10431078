# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compute metrics of metric depth (Eigen et al. 2014; Depth-Anything-V2 metric_depth/util/metric.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DepthMetrics:
    """One frame's, or a mean over frames. Errors: smaller is better; d1 to d3 are shares: larger is better."""

    abs_rel: float
    sq_rel: float  # metres
    rmse: float  # metres
    rmse_log: float
    log10: float
    silog: float
    d1: float
    d2: float
    d3: float
    pixels: int  # compared


def depth_metrics(
    predicted_m: np.ndarray, true_m: np.ndarray, *, min_m: float = 1e-3, max_m: float = 80.0
) -> DepthMetrics | None:
    """Compare two (H, W) depth maps where both are finite and the truth lies within [min_m, max_m].

    Returns None when nothing can be compared. A pixel that the estimator calls unknown or beyond range is not an
    error here: report how many there are beside these numbers (`pixels`).
    """
    valid = np.isfinite(predicted_m) & np.isfinite(true_m) & (true_m >= min_m) & (true_m <= max_m)
    p, t = predicted_m[valid].astype(np.float64), true_m[valid].astype(np.float64)
    if not len(t):
        return None
    p = np.maximum(p, 1e-6)
    difference, log = p - t, np.log(p) - np.log(t)
    ratio = np.maximum(p / t, t / p)
    return DepthMetrics(
        abs_rel=float(np.mean(np.abs(difference) / t)),
        sq_rel=float(np.mean(difference**2 / t)),
        rmse=float(np.sqrt(np.mean(difference**2))),
        rmse_log=float(np.sqrt(np.mean(log**2))),
        log10=float(np.mean(np.abs(log)) / np.log(10.0)),
        silog=float(np.sqrt(max(np.mean(log**2) - 0.5 * np.mean(log) ** 2, 0.0))),
        d1=float(np.mean(ratio < 1.25)),
        d2=float(np.mean(ratio < 1.25**2)),
        d3=float(np.mean(ratio < 1.25**3)),
        pixels=len(t),
    )


def mean(metrics: Sequence[DepthMetrics]) -> DepthMetrics:
    """Average over frames, each frame counting once; pixels are summed."""
    names = [f.name for f in dataclasses.fields(DepthMetrics) if f.name != 'pixels']
    values = {name: float(np.mean([getattr(m, name) for m in metrics])) for name in names}
    return DepthMetrics(pixels=sum(m.pixels for m in metrics), **values)
