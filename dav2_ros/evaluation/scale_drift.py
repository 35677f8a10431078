# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure scale drift: one factor per frame, truth over prediction, and how it wanders with time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_PIXELS = 10
MOST_PAIRS = 2000  # frames whose pairs are all looked at; of more, evenly spread ones


@dataclass(frozen=True)
class ScaleDrift:
    """How the scale of depth behaves over a sequence; a scale of 1 is right, 1.1 is seen 10 % too near."""

    frames: int
    scale: float  # the median over frames
    spread: float  # half the distance of the 16th from the 84th percentile, of the median: short-term and long
    jump: float  # median change from frame to frame, of the scale
    per_minute: float  # the trend, of the scale: the median slope of all pairs of frames (Theil 1950, Sen 1968)
    largest: float  # the farthest frame's distance from the median, of the median


def frame_scale(predicted_m: np.ndarray, true_m: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the median of truth / prediction over the pixels where both are known; NaN where fewer than 10 are."""
    use = np.isfinite(predicted_m) & np.isfinite(true_m) & (predicted_m > 0) & (true_m > 0)
    use = use if valid is None else use & valid
    ratio = true_m[use].astype(np.float64) / predicted_m[use]
    return float(np.median(ratio)) if len(ratio) >= MIN_PIXELS else float('nan')


def drift(stamps_ns: Sequence[int], scales: Sequence[float]) -> ScaleDrift | None:
    """Judge the scales of frames in time order; None without any. A single frame, or one instant, has no trend."""
    at_s, scale = 1e-9 * (np.asarray(stamps_ns, np.int64) - (stamps_ns[0] if len(stamps_ns) else 0)), np.asarray(scales)
    known = np.isfinite(scale)
    at_s, scale = at_s[known], scale[known].astype(np.float64)
    if not len(scale):
        return None
    log, middle = np.log(scale), float(np.median(scale))
    low, high = np.percentile(scale, (15.87, 84.13))
    return ScaleDrift(
        frames=len(scale),
        scale=middle,
        spread=float(0.5 * (high - low) / middle),
        jump=float(np.median(np.abs(np.diff(log)))) if len(log) > 1 else float('nan'),
        per_minute=float(np.expm1(60.0 * _slope(at_s, log))),
        largest=float(np.max(np.abs(scale - middle)) / middle),
    )


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the median slope of all pairs; NaN where no two differ in x."""
    some = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_PAIRS)).astype(int))
    x, y = x[some], y[some]
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] != x[i]
    return float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart])) if apart.any() else float('nan')
