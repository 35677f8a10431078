# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure where the edges of things are: occlusion boundaries found again (F1), and how far off in pixels.

F1 is the scale-invariant one of Bochkovskii et al. 2024 (Depth Pro, section 4): a boundary is a pair of neighbours
whose depths differ by more than a factor t, with a side that is nearer; it is found if the prediction has the same
pair, the same way round; over ten factors from 1.05 to 1.25, larger ones weigh more. The distances are those of Koch et
al. 2018 (iBims-1, section 4.3), with boundaries as above in place of an edge detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FACTORS = np.linspace(1.05, 1.25, 10)
STEEP = 1.25  # the factor of the boundaries whose distances are measured
FARTHEST_PX = 10.0  # boundaries that are farther apart are not the same one


@dataclass(frozen=True)
class BoundaryScore:
    """One picture; NaN distances where either map has no boundary."""

    f1: float
    precision: float
    recall: float
    accuracy_px: float  # mean distance of predicted boundaries to true ones, of those nearer than FARTHEST_PX
    completeness_px: float  # mean distance of true boundaries to predicted ones, cut at FARTHEST_PX


def boundary_score(z_m: np.ndarray, true_m: np.ndarray) -> BoundaryScore | None:
    """Compare the boundaries of two dense depth maps (H, W); +inf is sky. None where the truth has none.

    Only pairs of neighbours whose truth is known count; a prediction that is unknown there has no boundary. The factor
    makes F1 blind to the scale of the prediction, but not to a shift. As in the published code, precision and recall
    are means over the four directions, and one without boundaries adds zero.
    """
    weights = FACTORS / FACTORS.sum()
    z_m = np.where(np.isnan(true_m), np.nan, z_m).astype(np.float64)
    true_ratios, ratios = _ratios(true_m.astype(np.float64)), _ratios(z_m)
    scores, any_true = np.zeros((len(FACTORS), 3)), False
    for k, factor in enumerate(FACTORS):
        precision, recall = [], []
        for ratio, true_ratio in zip(ratios, true_ratios):
            found, true = ratio > factor, true_ratio > factor
            right = int(np.count_nonzero(found & true))
            precision.append(right / max(int(np.count_nonzero(found)), 1))
            recall.append(right / max(int(np.count_nonzero(true)), 1))
            any_true |= bool(true.any())
        p, r = float(np.mean(precision)), float(np.mean(recall))
        scores[k] = (2 * p * r / (p + r) if p + r else 0.0, p, r)
    if not any_true:
        return None
    f1, precision_all, recall_all = (weights @ scores).tolist()
    return BoundaryScore(f1, precision_all, recall_all, *boundary_distances(z_m, true_m))


def boundary_distances(z_m: np.ndarray, true_m: np.ndarray) -> tuple[float, float]:
    """Return (accuracy, completeness) in pixels; NaN where either map has no boundary of factor STEEP."""
    found, true = boundary_pixels(z_m), boundary_pixels(true_m)
    if not found.any() or not true.any():
        return float('nan'), float('nan')
    to_true, to_found = (cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
                         for edges in (true, found))  # fmt: skip
    near = found & (to_true < FARTHEST_PX)
    accuracy = float(to_true[near].mean()) if near.any() else float('nan')
    return accuracy, float(np.minimum(to_found[true], FARTHEST_PX).mean())


def boundary_pixels(z_m: np.ndarray, factor: float = STEEP) -> np.ndarray:
    """Return (H, W) bool: pixels that are nearer than a neighbour by more than a factor, so the rims of things."""
    left, top, right, bottom = (ratio > factor for ratio in _ratios(z_m.astype(np.float64)))
    rim = np.zeros(z_m.shape, bool)
    rim[:, 1:] |= left  # the left neighbour is farther
    rim[1:] |= top
    rim[:, :-1] |= right
    rim[:-1] |= bottom
    return rim


def _ratios(z_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return depth of the left, upper, right and lower neighbour over the pixel's own; NaN where one is unknown."""
    with np.errstate(invalid='ignore', divide='ignore'):
        across, down = z_m[:, 1:] / z_m[:, :-1], z_m[1:] / z_m[:-1]
        return 1.0 / across, 1.0 / down, across, down
