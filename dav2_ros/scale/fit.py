# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fit what a depth map must be multiplied by, from pairs of which many may be wrong.

The logarithm of known over estimated is the same for every right pair, whatever its distance. The fit starts where
most of the weight lies within a window (RANSAC with every pair as a hypothesis, exact in one dimension) and ends with
Tukey's biweight, whose width is the spread (MAD) of what lies there: a wrong pair ends up with no weight at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dav2_ros.scale.measurements import Pairs

NOISE_M = 0.05  # of a known distance
MODEL_NOISE = 0.05  # relative, of the depth map from one place to the next
REGION_SPREAD, REGION_COUNT = 0.1, 2.0  # what regions of a picture differ by before any were seen, and its weight
LIMITS = (0.05, 20.0)  # a scale beyond them is a wrong unit or a wrong frame
LEAST_SHARE = 0.5  # of the pairs must agree
MOST_SPREAD = 0.35  # of the agreeing pairs, relative: more is no agreement
TUKEY = 4.685  # 95 % efficient on normal errors


@dataclass(frozen=True)
class ScaleFit:
    """The scale of one depth map, and how far it can be believed."""

    value: float  # multiply depth by it; NaN if there is none
    std_dev: float  # of `value`, in its unit
    inliers: int
    total: int
    reason: str = ''  # why it must not be used; empty if it may

    @property
    def trusted(self) -> bool:
        """Whether it may be used."""
        return not self.reason


def no_fit(reason: str, total: int = 0) -> ScaleFit:
    """Make the fit of evidence that says nothing."""
    return ScaleFit(math.nan, math.nan, 0, total, reason)


def fit_scale(pairs: Pairs, *, noise_m: float = NOISE_M) -> ScaleFit:
    """Fit the scale of a depth map, robustly: any minority of pairs may be wrong by anything.

    The standard deviation counts regions of the picture, not pairs: a network errs alike all over a region, and a
    thousand returns from one wall know no more of that than ten.
    """
    total = len(pairs.known_m)
    if total < pairs.enough:
        return no_fit(f'{pairs.why_none}: {total}, and it takes {pairs.enough}', total)
    logs = np.log(pairs.ratios)
    sigmas = np.hypot(noise_m / pairs.known_m, np.float32(MODEL_NOISE))
    centre, spread, weights = _biweight(logs, sigmas, _mode(logs, sigmas))
    residuals = np.abs(logs - centre)
    inliers = int((residuals < 3.0 * spread * sigmas).sum())
    std_dev = _std_dev(logs - centre, weights, pairs.regions)
    value = math.exp(centre)
    return ScaleFit(
        value, value * std_dev, inliers, total, _doubt(value, spread * float(sigmas.mean()), inliers, total)
    )


def _mode(logs: np.ndarray, sigmas: np.ndarray) -> float:
    """Return the logarithm that has the most weight within reach."""
    reach = float(np.clip(1.4826 * np.median(np.abs(logs - np.median(logs))), 0.02, 0.3))
    order = np.argsort(logs)
    ordered = logs[order]
    heaped = np.concatenate([[0.0], np.cumsum(1.0 / sigmas[order] ** 2, dtype=np.float64)])
    first, last = np.searchsorted(ordered, ordered - reach), np.searchsorted(ordered, ordered + reach, 'right')
    return float(ordered[np.argmax(heaped[last] - heaped[first])])


def _biweight(logs: np.ndarray, sigmas: np.ndarray, centre: float) -> tuple[float, float, np.ndarray]:
    """Return the centre by Tukey's biweight, the spread of what is near it in units of `sigmas`, and the weights."""
    precision = 1.0 / sigmas**2
    for _ in range(12):
        t = (logs - np.float32(centre)) / sigmas
        near = np.abs(t)
        near = near[near < 6.0] if (near < 6.0).any() else near
        spread = max(1.4826 * float(np.median(near)), 1e-4)
        weights = np.clip(1.0 - (t / (TUKEY * spread)) ** 2, 0.0, None) ** 2 * precision
        moved = float(weights @ logs) / float(weights.sum()) - centre
        centre += moved
        if abs(moved) < 1e-6:
            break
    return centre, spread, weights


def _std_dev(residuals: np.ndarray, weights: np.ndarray, regions: np.ndarray) -> float:
    """Return the standard deviation of the weighted mean, when pairs of one region err together.

    The spread between regions is what was seen and, as long as few were seen, what is usual.
    """
    weight = np.bincount(regions, weights)
    seen = weight > 0
    mean = np.bincount(regions, weights * residuals)[seen] / weight[seen]
    share = weight[seen] / weight.sum()
    count = 1.0 / float(share @ share)  # as many regions as equal ones would be
    variance = (REGION_COUNT * REGION_SPREAD**2 + count * float(share @ mean**2)) / (REGION_COUNT + count - 1.0)
    return math.sqrt(variance / count)


def _doubt(value: float, spread: float, inliers: int, total: int) -> str:
    """Return why a fit must not be used, or ''."""
    if not LIMITS[0] <= value <= LIMITS[1]:
        return f'a scale of {value:.3g} is no scale: check units and frames'
    if inliers < LEAST_SHARE * total:
        return f'only {inliers} of {total} known distances agree: check the pose of the sensor'
    if spread > MOST_SPREAD:
        return f'known distances differ by {100 * spread:.0f} % from a constant scale: check the pose of the sensor'
    return ''
