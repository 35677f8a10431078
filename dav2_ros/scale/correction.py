# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Correct depth by a factor, and on request by a shift of inverse depth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dav2_ros.scale.fit import NOISE_M, TUKEY, ScaleFit
from dav2_ros.scale.measurements import Pairs

HYPOTHESES = 500  # lines through two pairs each
SCORED = 2000  # pairs that choose between them
REACH = 0.1  # relative error of depth that supports a hypothesis
EDGES_M = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, np.inf)  # of the ranges that residuals are told by


@dataclass(frozen=True)
class Correction:
    """1 / z_corrected = 1 / (factor z) + shift_per_m."""

    factor: float = 1.0
    shift_per_m: float = 0.0

    def apply(self, z_m: np.ndarray) -> np.ndarray:
        """Return corrected depth of any shape; see `apply_in_place`."""
        corrected_m = np.array(z_m)
        self.apply_in_place(corrected_m)
        return corrected_m

    def apply_in_place(self, z_m: np.ndarray) -> None:
        """Correct finite depth of any shape; +inf where no positive depth is left."""
        if self.factor != 1.0:
            np.multiply(z_m, z_m.dtype.type(self.factor), out=z_m)
        if self.shift_per_m:
            with np.errstate(divide='ignore', invalid='ignore'):
                shift_per_m = z_m.dtype.type(self.shift_per_m)
                np.divide(z_m, 1 + shift_per_m * z_m, out=z_m, where=np.isfinite(z_m))
            z_m[z_m < 0] = np.inf


def fit_with_shift(pairs: Pairs, scale: ScaleFit) -> Correction:
    """Fit factor and shift, robustly: for relative models, and metric ones whose error grows with distance.

    RANSAC over lines 1/known = (1/factor) 1/model + shift, then Tukey's biweight on the relative error of depth. Falls
    back on `scale` where all known distances are alike, or a line through them is no correction.
    """
    known = pairs.known_m.astype(np.float64)
    spread = np.percentile(pairs.model_m, (5, 95))
    if len(known) < pairs.enough or spread[1] < 1.5 * spread[0]:
        return Correction(scale.value)
    rows = np.stack([known / pairs.model_m, known], axis=1)  # rows @ (1/factor, shift) = 1: relative errors of depth
    line = _ransac(rows, np.array([1.0 / scale.value, 0.0]))
    for _ in range(20):
        t = (rows @ line - 1.0) / np.hypot(NOISE_M / known, 0.05)
        width = TUKEY * max(
            1.4826 * float(np.median(np.abs(t)[np.abs(t) < 6.0])) if (np.abs(t) < 6.0).any() else 1.0, 0.1
        )
        weights = np.sqrt(np.clip(1.0 - (t / width) ** 2, 0.0, None) ** 2)[:, None]
        line = np.linalg.lstsq(weights * rows, weights[:, 0], rcond=None)[0]
    return Correction(float(1.0 / line[0]), float(line[1])) if line[0] > 0 else Correction(scale.value)


def _ransac(rows: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the line that most rows support; `start` is one of the hypotheses."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(len(rows), size=(2, HYPOTHESES))
    (a, b), (c, d) = rows[one].T, rows[two].T
    with np.errstate(divide='ignore', invalid='ignore'):  # two pairs of one distance make no line
        lines = np.stack([(d - b), (a - c)], axis=1) / (a * d - b * c)[:, None]
    lines = np.concatenate([start[None], lines[np.isfinite(lines).all(axis=1)]])
    some = rows[rng.permutation(len(rows))[:SCORED]]
    return lines[np.argmax((np.abs(some @ lines.T - 1.0) < REACH).sum(axis=0))]


@dataclass(frozen=True)
class RangeResidual:
    """Relative errors of depth among known distances of one range."""

    near_m: float
    far_m: float
    pairs: int
    before: tuple[float, float]  # median of the signed error, and of its magnitude
    after: tuple[float, float]


def residuals_by_range(pairs: Pairs, correction: Correction) -> list[RangeResidual]:
    """Tell how far off depth was and is, range by range, and over all; ranges without a pair are left out."""
    before = pairs.model_m / pairs.known_m - 1.0
    after = correction.apply(pairs.model_m) / pairs.known_m - 1.0
    rows = []
    for near_m, far_m in [*pairwise(EDGES_M), (EDGES_M[0], EDGES_M[-1])]:
        inside = (pairs.known_m >= near_m) & (pairs.known_m < far_m)
        if inside.any():
            middle = [(float(np.median(e[inside])), float(np.median(np.abs(e[inside])))) for e in (before, after)]
            rows.append(RangeResidual(near_m, far_m, int(inside.sum()), *middle))
    return rows
