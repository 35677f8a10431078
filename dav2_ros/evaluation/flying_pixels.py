# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure flying pixels by the truth, and what a mask does to them and to the others.

`softened` makes of a true depth map what a network makes of it at best: the head's last convolution sees 8 cells per
patch of 14 pixels, and everything after it is bilinear, so every edge is a ramp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.image.resize import ResizePlan

TOLERANCE = 0.05  # of the depth: a point nearer to a true surface than that is where something is
REACH_AT_640 = 8  # pixels: the neighbourhood in which a true surface is looked for, in a picture 640 wide
RANGE_M = 80.0


def softened(
    true_m: np.ndarray, *, net_height: int = 168, sigma: float = 0.5, in_logarithm: bool = False
) -> np.ndarray:
    """Blur true depth (H, W) as the head does: mean of each of its cells, smoothed by `sigma` cells, bilinear twice.

    What is beyond RANGE_M, or nearly, is +inf again afterwards, as in `DepthEstimator`.
    """
    height, width = true_m.shape
    plan = ResizePlan.lower_bound(height, width, net_height)
    rows, columns = 8 * plan.net_height // 14, 8 * plan.net_width // 14
    z_m = np.minimum(true_m, RANGE_M).astype(np.float32)
    z_m = np.log(z_m) if in_logarithm else z_m
    z_m = cv2.blur(z_m, (max(1, width // columns), max(1, height // rows)))
    u, v = np.linspace(0, width - 1, columns, dtype=np.float32), np.linspace(0, height - 1, rows, dtype=np.float32)
    cells = cv2.remap(z_m, *np.meshgrid(u, v), cv2.INTER_LINEAR)
    if sigma:
        cells = cv2.GaussianBlur(cells, (0, 0), sigma)
    z_m = plan.undo(ResizePlan(plan.net_height, plan.net_width, rows, columns).undo(cells))
    z_m = np.exp(z_m) if in_logarithm else np.array(z_m)
    z_m[z_m >= 0.95 * RANGE_M] = np.inf
    return z_m


def truly_flying(z_m: np.ndarray, true_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell which finite pixels of depth (H, W) fly and which are good; some are neither, just wrong.

    A pixel flies if it is between the nearest and the farthest true surface of its neighbourhood and farther than
    TOLERANCE from all of them; it is good if it is nearer than that to any. Beside surfaces beyond RANGE_M nobody can
    say.
    """
    width = z_m.shape[1]
    reach = max(1, round(REACH_AT_640 * width / 640))
    with np.errstate(invalid='ignore', divide='ignore'):
        z = np.log(z_m)
        true = np.log(np.minimum(true_m, 1e6)).astype(np.float32)  # sky: farther than anything
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    beyond = np.isfinite(true_m) & (true_m > RANGE_M)  # a surface for which the depth map has no number
    known = np.isfinite(z_m) & ~cv2.dilate(beyond.view(np.uint8), kernel).view(bool)
    v, u = np.nonzero(known & ~(np.abs(z - true) <= TOLERANCE))  # the others need no neighbours to be good
    around = cv2.copyMakeBorder(true, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    found = np.full(len(v), np.inf, np.float32)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            np.minimum(found, np.abs(z[v, u] - around[v + dy, u + dx]), out=found)
    off = np.zeros(z_m.shape, np.float32)
    off[v, u] = found
    flies = known & (off > TOLERANCE) & (z < cv2.dilate(true, kernel)) & (z > cv2.erode(true, kernel))
    return flies, known & (off <= TOLERANCE)


@dataclass(frozen=True)
class FlyingPixelRemoval:
    """Pixels, counted over any number of pictures."""

    flying: int = 0
    flying_removed: int = 0
    good: int = 0
    good_lost: int = 0

    def __add__(self, other: FlyingPixelRemoval) -> FlyingPixelRemoval:
        return FlyingPixelRemoval(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def removed(self) -> float:
        """Share of the flying points that a mask removed."""
        return self.flying_removed / max(self.flying, 1)

    @property
    def lost(self) -> float:
        """Share of the good points that it removed as well."""
        return self.good_lost / max(self.good, 1)


def removal(z_m: np.ndarray, true_m: np.ndarray, mask: np.ndarray) -> FlyingPixelRemoval:
    """Count what a mask (H, W) bool removes from depth (H, W) whose truth is known."""
    flies, good = truly_flying(z_m, true_m)
    return FlyingPixelRemoval(*(int(found.sum()) for found in (flies, flies & mask, good, good & mask)))
