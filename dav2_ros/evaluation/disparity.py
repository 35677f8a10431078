# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compare disparities whose scale and shift nobody knows: fitted to each other, then SSIM and the difference.

For truth without metres (stereo pictures from the web), and for looking: disparity shows what is near.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.evaluation.alignment import least_squares

WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03  # Wang et al. 2004, section III.B


@dataclass(frozen=True, eq=False)
class DisparityMetrics:
    """One picture. Errors are shares of the truth's range, largest - smallest."""

    ssim: float  # mean over windows without an unknown pixel; 1 is equal
    mae: float
    rmse: float
    pixels: int
    difference: np.ndarray  # (H, W) fitted prediction - truth, as a share of the range; NaN unknown
    ssim_map: np.ndarray  # (H, W) NaN where a window holds an unknown pixel, or leaves the picture


def compare_disparity(
    disparity: np.ndarray, true_disparity: np.ndarray, valid: np.ndarray | None = None
) -> DisparityMetrics | None:
    """Fit a disparity (H, W) to another by factor and offset, least squares, and compare; None if the truth is flat."""
    use = np.isfinite(disparity) & np.isfinite(true_disparity)
    use = use if valid is None else use & valid
    if not use.any() or not (spread := float(np.ptp(true_disparity[use]))):
        return None
    true = np.where(use, true_disparity, 0.0).astype(np.float64)
    s, t = least_squares(disparity[use], true[use])
    fitted = np.where(use, s * np.where(use, disparity, 0.0) + t, 0.0)
    difference = np.where(use, (fitted - true) / spread, np.nan)
    likeness = ssim_map(fitted, true, use, spread)
    inside = likeness[~np.isnan(likeness)]
    errors = difference[use]
    return DisparityMetrics(
        ssim=float(inside.mean()) if len(inside) else float('nan'),
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt((errors**2).mean())),
        pixels=len(errors),
        difference=difference,
        ssim_map=likeness,
    )


def ssim_map(a: np.ndarray, b: np.ndarray, valid: np.ndarray, data_range: float) -> np.ndarray:
    """Return the structural similarity (H, W) of two maps, in Gaussian windows of 11 pixels; NaN as said above."""
    a, b = (np.where(valid, x, 0.0).astype(np.float64) for x in (a, b))
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b, cov = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2, _blur(a * b) - mean_a * mean_b
    found = (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    unknown = np.pad(~valid, 1, constant_values=True).astype(np.uint8)  # outside is unknown, too
    touched = cv2.dilate(unknown, np.ones((WINDOW, WINDOW), np.uint8), borderValue=1)[1:-1, 1:-1].astype(bool)
    return np.where(touched, np.nan, found)


def _blur(x: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(x, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT_101)
