# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detect flying pixels: those at a depth edge that hang between the thing in front and what is behind it.

A network draws an edge as a ramp some pixels wide, and a ramp lifted to 3D is a curtain of points where nothing is. A
floor seen at a grazing angle is as steep, so steepness cannot tell them apart. Inverse depth can: on *any* plane it is
linear in pixel coordinates, and its second difference is zero however grazing the view. A ramp bends one way where it
leaves the background and the other way where it reaches the foreground; a corner of two walls bends only once. So a
point flies if both bends are near, and its inverse depth lies between the extremes near by without being at one.
"""

from __future__ import annotations

import cv2
import numpy as np

GRID = 320  # columns of the picture that is looked at: a network's edges are wider than a camera's pixels
REACH = 3  # of that grid: where the second difference takes its neighbours. Half the width of a ramp and a bit
BENDS = 8  # of that grid: so near must both bends be
LEVELS = 4  # of that grid: so near must the surface in front be, and the one behind
NO_BEND = 1e-5  # 1/m: rounding; in the sky there is nothing to take a share of
BEND = 0.045  # of the inverse depth: a weaker bend is a surface's own, or noise
NEAREST = 1e30  # 1/m
LEVEL = 0.035  # of the inverse depth: a point so near to the surface in front or behind belongs to it


class FlyingPixelDetector:
    """Finds flying points in depth maps, in buffers that it keeps. How well: `dav2_ros.evaluation.flying_pixels`.

    Rows and columns are looked at one by one: the floor beside a post slopes along the column, the post stands out
    along the row, and so the floor stays.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()

    def _keep(self, shape: tuple[int, int]) -> None:
        if self._shape == shape:
            return
        self._shape, self._step = shape, max(1, round(shape[1] / GRID))
        small = (-(-shape[0] // self._step), -(-shape[1] // self._step))
        self._coarse, self._bend, self._sign, self._level, self._other = (np.zeros(small, np.float32) for _ in range(5))
        self._near = np.zeros(shape, np.float32)
        self._test, self._found, self._mask = (np.zeros(shape, bool) for _ in range(3))

    def find(self, z_m: np.ndarray) -> np.ndarray:
        """Tell which pixels of depth (H, W) fly: (H, W) bool, this object's own until the next call.

        +inf is the farthest background there is; NaN is no surface at all, and nothing flies because of it.
        """
        self._keep(z_m.shape)
        near, step = self._coarse, self._step
        np.divide(1.0, z_m, out=self._near)  # inverse depth: 0 for +inf
        near[...] = self._near[::step, ::step]
        unknown = np.isnan(near)
        holes = unknown if unknown.any() else None
        self._mask.fill(False)
        for axis in (0, 1):
            if near.shape[axis] > 2 * REACH:
                self._mask |= self._find_along(axis, holes)
        return self._mask

    def _find_along(self, axis: int, holes: np.ndarray | None) -> np.ndarray:
        near, found = self._coarse, self._found
        if holes is not None:
            near[holes] = 0.0  # not in front of anything
        np.copyto(found, self._as_large(self._are_near_both_bends(axis, holes)))
        window = _line(LEVELS, axis)
        cv2.dilate(near, window, dst=self._other)
        self._other *= 1.0 - LEVEL
        found &= np.less(self._near, self._as_large(self._other), out=self._test)
        if holes is not None:
            near[holes] = NEAREST  # not behind anything
        cv2.erode(near, window, dst=self._other)
        self._other *= 1.0 + LEVEL
        found &= np.greater(self._near, self._as_large(self._other), out=self._test)
        return found

    def _are_near_both_bends(self, axis: int, holes: np.ndarray | None) -> np.ndarray:
        """Tell where inverse depth bends up and down within BENDS along an axis, on the coarse grid."""
        near, bends, one_sign, window = self._coarse, self._bend, self._sign, _line(BENDS, axis)
        bends.fill(0.0)
        middle, before, after = _triple(axis)
        bend = np.add(near[before], near[after], out=bends[middle])
        bend -= near[middle]
        bend -= near[middle]
        if holes is not None:
            bend[holes[middle] | holes[before] | holes[after]] = 0.0
        level = np.multiply(near, BEND, out=self._level)
        level += NO_BEND
        cv2.dilate(bends, window, dst=one_sign)
        found = one_sign > level
        bend *= (near[before] > 0.0) & (near[after] > 0.0)  # a floor that reaches the end of the range is no edge
        cv2.erode(bends, window, dst=one_sign)
        found &= one_sign < np.negative(level, out=level)
        return found

    def _as_large(self, coarse: np.ndarray) -> np.ndarray:
        """Repeat what is on the coarse grid for the pixels between it."""
        height, width = self._shape
        size = (self._step * coarse.shape[1], self._step * coarse.shape[0])
        kind = np.uint8 if coarse.dtype == bool else np.float32
        large = cv2.resize(coarse.view(kind), size, interpolation=cv2.INTER_NEAREST)
        return large[:height, :width].view(coarse.dtype)


def _line(reach: int, axis: int) -> np.ndarray:
    """Return a kernel that sees `reach` pixels to both sides along an axis."""
    return np.ones((2 * reach + 1, 1) if axis == 0 else (1, 2 * reach + 1), np.uint8)


def _triple(axis: int) -> tuple[tuple[slice, ...], ...]:
    """Return where a second difference over REACH stands, and its two neighbours, along an axis."""
    parts = slice(REACH, -REACH), slice(None, -2 * REACH), slice(2 * REACH, None)
    return tuple((part, slice(None)) if axis == 0 else (slice(None), part) for part in parts)
