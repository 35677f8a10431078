# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stabilise depth of a still camera: neither its scale nor its borders flicker where the scene stands.

A network answers noise, compression and exposure with another scale each frame, and where depth is about to end (sky,
range, low confidence) pixels blink. Both are errors of the network only while the camera stands, and only that is
changed: a camera that moves gets each frame's own depth, so nothing can lag or ghost. What is changed stays near what
the frame says: within BOUND of its depth, and PATIENCE frames late where colours stay as they were.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from dav2_ros.depth.scene_change import SceneChangeDetector
from dav2_ros.depth.static_mask import GRID_COLUMNS, StaticMask
from dav2_ros.frames import DepthMap

MODES = ('none', 'scale', 'pixels')
BOUND = 0.05  # of depth: steadied depth is nearer than that to the frame's own. What differs by more has changed
MEMORY_S = 1.0  # time constant of the depth that frames are compared with
PATIENCE = 4  # frames in a row that must say so until a still pixel begins or ceases to be a measurement
ENOUGH = 0.05  # of all cells: fewer that stand still say nothing about the scale
NOTHING = np.zeros(0, np.intp)


class Stabiliser:
    """Steadies the depth maps of one camera, in the order of their stamps. One thread.

        stabiliser = Stabiliser()
        depth = stabiliser.steady(depth, frame.rgb)

    Args:
        pixels: steady every still pixel by itself, not only the scale of them all. It averages what the network says of
            still pixels over MEMORY_S.
    """

    def __init__(self, *, pixels: bool = False) -> None:
        self.pixels = pixels
        self._cells, self._cut = StaticMask(), SceneChangeDetector()
        self.factor = 1.0  # of the last depth map: what the scale was multiplied by
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next depth map is the first."""
        self._cells.forget()
        self._level: np.ndarray | None = None  # (h, w) log depth of the cells over MEMORY_S; NaN unknown or infinite
        self._frames, self._stamp_ns = 0, 0
        self._last_m: np.ndarray | None = None  # (H, W) what was returned
        self._waiting = NOTHING  # pixels that have become, or ceased to be, a measurement, and are not believed yet

    def steady(self, depth: DepthMap, rgb: np.ndarray) -> DepthMap:
        """Steady depth (H, W), in place, by the picture (H', W', 3) uint8 that it was made from."""
        z_m, step = depth.z_m, max(1, round(depth.z_m.shape[1] / GRID_COLUMNS))
        if (self._last_m is not None and self._last_m.shape != z_m.shape) or self._cut.seen(depth):
            self.forget()
        size = max(1, z_m.shape[0] // step), max(1, z_m.shape[1] // step)
        still = self._cells.look(rgb, size)
        with np.errstate(divide='ignore', invalid='ignore'):
            now = np.log(z_m[step // 2 :: step, step // 2 :: step][: size[0], : size[1]])
        now[np.isinf(now)] = np.nan
        passed_s, self._stamp_ns = 1e-9 * (depth.stamp_ns - self._stamp_ns), depth.stamp_ns
        self.factor = 1.0
        if still is None or self._level is None or self._last_m is None:
            self._level, self._frames, self._waiting = now, 1, NOTHING
        else:
            self._steady_depth(z_m, now, still, passed_s)
            self._steady_borders(depth, self._last_m, still, step)
        self._last_m = z_m.copy() if self._last_m is None else self._last_m
        np.copyto(self._last_m, z_m)
        return depth

    def _steady_depth(self, z_m: np.ndarray, now: np.ndarray, still: np.ndarray, passed_s: float) -> None:
        level = self._level
        off = level - now
        told = still & np.isfinite(off)
        common = float(np.median(off[told])) if told.sum() > ENOUGH * told.size else 0.0
        if abs(common) > BOUND:  # another scale, not a flicker: believed at once
            self._level, self._frames = now, 1
            return
        told &= np.abs(off) <= BOUND
        self.factor = math.exp(common)
        if self.pixels:
            _multiply(z_m, np.exp(np.where(told, off, common)).astype(np.float32))
        elif common:
            z_m *= np.float32(self.factor)
        self._frames += 1
        share = max(1.0 / self._frames, 1.0 - math.exp(-passed_s / MEMORY_S))
        level -= np.float32(share) * off
        np.copyto(level, now + np.float32(common), where=~told)

    def _steady_borders(self, depth: DepthMap, last_m: np.ndarray, still: np.ndarray, step: int) -> None:
        """Keep what the last map said of a still pixel until PATIENCE maps say otherwise."""
        z_m, last_m = depth.z_m.ravel(), last_m.ravel()
        other = np.flatnonzero(_kind(z_m) != _kind(last_m))
        rows, columns = np.divmod(other, depth.z_m.shape[1])
        rows, columns = np.minimum(rows // step, still.shape[0] - 1), np.minimum(columns // step, still.shape[1] - 1)
        other = other[still[rows, columns]]
        since = self._since(other)
        kept = other[since < PATIENCE]
        self._waiting, self._age = kept, since[since < PATIENCE]
        z_m[kept] = last_m[kept]
        if depth.confidence is not None:
            confidence = depth.confidence.reshape(-1)
            confidence[kept[~np.isfinite(z_m[kept])]] = 0.0

    def _since(self, other: np.ndarray) -> np.ndarray:
        """Count for how many maps in a row, this one included, pixels have been other than what was returned."""
        since = np.ones(len(other), np.int32)
        if len(self._waiting) and len(other):
            at = np.minimum(np.searchsorted(self._waiting, other), len(self._waiting) - 1)
            waited = self._waiting[at] == other
            since[waited] += self._age[at[waited]]
        return since


class NoStabilisation:
    """Leaves depth as it is."""

    factor = 1.0

    def steady(self, depth: DepthMap, rgb: np.ndarray) -> DepthMap:
        """Return the depth map."""
        return depth


def make_stabiliser(mode: str) -> Stabiliser | NoStabilisation:
    """Make what one of MODES names."""
    return NoStabilisation() if mode == 'none' else Stabiliser(pixels=mode == 'pixels')


def _kind(z_m: np.ndarray) -> np.ndarray:
    """Return uint8: 0 unknown, 1 a measurement, 2 beyond."""
    kind = (z_m == np.inf).view(np.uint8)
    kind *= 2
    kind += np.isfinite(z_m).view(np.uint8)
    return kind


def _multiply(z_m: np.ndarray, factor: np.ndarray) -> None:
    """Multiply depth (H, W) by a factor per cell (h, w), linear between the cells."""
    z_m *= cv2.resize(factor, z_m.shape[::-1], interpolation=cv2.INTER_LINEAR)
