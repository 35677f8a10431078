# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Estimate how far depth can be trusted, pixel by pixel: 1 minus the relative error to be expected.

Three signs, each known to go with error, and a line fitted through them:

* range: a model errs more far away, and its sigmoid, near the end of its range, hardly answers any more;
* edges: at a depth edge the network draws a ramp, which is neither in front nor behind. The sign is the bend of inverse
  depth, so that a floor seen at a grazing angle is no edge (see flying.py);
* mirror (the full variant): the picture is seen again, mirrored. Where the two answers differ the network guesses.

The weights were fitted with the bundled model on procedural scenes of no test. They order the pixels of other models
as well, by the same signs; as a promise of so many per cent they hold for that model and such scenes only.
"""

from __future__ import annotations

import cv2
import numpy as np

VARIANTS = ('cheap', 'full')
GRID = 224  # columns of the picture that is looked at
REACH, BLUR, MIRROR_BLUR = 8, 9, 15  # of that grid
LARGEST = 1.0  # of any sign
# expected error = floor + range * sqrt(z / range_m) + edges * bend + mirror * |log ratio|
CHEAP = (0.033, 0.257, 0.227, 0.0)
FULL = (0.017, 0.217, 0.161, 0.676)


def confidence_of(z_m: np.ndarray, range_m: float, mirrored_m: np.ndarray | None = None) -> np.ndarray:
    """Return (H, W) float32 from 0 to 1 for depth (H, W): cheap, or full where the mirrored picture's depth is given.

    Args:
        range_m: the model's range, in the metres of this camera.
        mirrored_m: (H, W) depth of the mirrored picture, mirrored back.

    What is no measurement, NaN and +inf, has confidence 0.
    """
    step = max(1, round(z_m.shape[1] / GRID))
    coarse_m = z_m[::step, ::step]
    floor, far, edges, mirror = CHEAP if mirrored_m is None else FULL
    near = 1.0 / np.nan_to_num(coarse_m, nan=range_m, posinf=range_m)
    error = np.sqrt(np.clip(1.0 / (near * range_m), 0.0, 1.0))
    error *= far
    error += floor
    error += edges * _mean(np.minimum(_bend(near) / near, LARGEST), BLUR)
    if mirrored_m is not None:
        there = np.nan_to_num(mirrored_m[::step, ::step], nan=range_m, posinf=range_m)
        error += mirror * _mean(np.minimum(np.abs(np.log(there * near)), LARGEST), MIRROR_BLUR)
    confidence = np.clip(1.0 - error, 0.0, 1.0).astype(np.float32)
    if step > 1:
        confidence = cv2.resize(confidence, z_m.shape[::-1], interpolation=cv2.INTER_LINEAR)
    confidence[~np.isfinite(z_m)] = 0.0
    return confidence


def mask_unsure(z_m: np.ndarray, confidence: np.ndarray, least: float) -> None:
    """Make depth (H, W) unknown, in place, where confidence is less than `least`; +inf stays, as it claims nothing."""
    z_m[(confidence < least) & np.isfinite(z_m)] = np.nan


def _bend(near: np.ndarray) -> np.ndarray:
    """Return the larger second difference over REACH, along rows or columns, of inverse depth (h, w)."""
    largest = np.zeros_like(near)
    for axis in (0, 1):
        if near.shape[axis] <= 2 * REACH:
            continue
        lines, out = (near, largest) if axis == 0 else (near.T, largest.T)
        bend = np.abs(lines[: -2 * REACH] + lines[2 * REACH :] - 2.0 * lines[REACH:-REACH])
        np.maximum(out[REACH:-REACH], bend, out=out[REACH:-REACH])
    return largest


def _mean(sign: np.ndarray, size: int) -> np.ndarray:
    return cv2.blur(sign, (size, size))
