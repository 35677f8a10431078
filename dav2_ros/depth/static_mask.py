# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find what of a picture stands still: colours as they were, seen by a camera that does not move.

A blank wall looks the same while one drives towards it, so equal colours alone prove nothing. The camera stands if
what has texture keeps its colours: such a cell changes when the picture moves by a fraction of a cell. Exposure and
white balance may change meanwhile, and noise is measured where there is no texture.
"""

from __future__ import annotations

import cv2
import numpy as np

# The grid that pictures are compared on.
GRID_COLUMNS = 160
NEIGHBOURS = np.ones((3, 3), np.uint8)
# Levels are of 255, the mean of a cell.
BRIGHTEST_LEVEL, DARKEST_LEVEL = 250.0, 4.0  # beyond these a camera tells nothing of changes
MIN_CHANGE_LEVELS, MIN_CHANGE_NOISES = 2.0, 4.0  # a change is more than so much, plus so many times the noise
MAX_NOISE_LEVELS = 4.0  # a camera that is worse sees changes everywhere
MIN_CONTRAST_CHANGES = 4.0  # contrast with its neighbours, in changes that count, that makes a cell textured
MIN_CHANGED_NEIGHBOURS = 3  # of a cell and its eight neighbours: fewer changes are noise
MARGIN_CELLS = 2  # beside a change that are not trusted either
# Whether the camera stands is voted by blocks: a camera that moves changes all of them, whoever walks by a few.
BLOCK_COLUMNS, BLOCK_ROWS = 8, 6
MIN_TEXTURED_SHARE = 0.02  # of a block's cells: one with less has no vote
MIN_VOTES = 5  # blocks that have one: with no more nothing is sure
MOVING_SHARE = 0.1  # of a block's textured cells: if so many changed lately, something moves there
MOVING_BLOCKS_SHARE = 0.45  # of the votes beyond MIN_VOTES: if more blocks move, it is the camera
LATELY_FRAMES = 10  # slow motion needs some of them to become a change
REFERENCE_FRAMES = 8  # in the mean that later ones are compared with


class StaticMask:
    """Compares pictures with the ones before, on a grid of cells; each picture has the size of the first."""

    def __init__(self) -> None:
        self._around = np.ones((2 * MARGIN_CELLS + 1,) * 2, np.uint8)
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next picture is the first."""
        self._reference: np.ndarray | None = None  # (h, w, 3) float32, in the exposure of the first
        self._seen = 0

    def look(self, rgb: np.ndarray, shape: tuple[int, int]) -> np.ndarray | None:
        """Tell which cells (h, w) of a picture (H, W, 3) uint8 stand still; None where the camera moves, or may."""
        now = cv2.resize(rgb, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._reference is None or self._reference.shape != now.shape:
            self._reference, self._seen, self._heat = now, 0, np.zeros(shape, np.float32)
            return None
        known = self._reference
        now *= 1.0 / _exposure(now, known)
        off = cv2.absdiff(now, known)
        off[cv2.max(known, now) > BRIGHTEST_LEVEL] = 0.0
        off = np.maximum(np.maximum(off[..., 0], off[..., 1]), off[..., 2])
        contrast = cv2.dilate(known[..., 1], NEIGHBOURS) - cv2.erode(known[..., 1], NEIGHBOURS)
        most = MIN_CHANGE_LEVELS + MIN_CHANGE_NOISES * _noise(off, contrast)
        changed = (off > most).view(np.uint8)
        changed &= cv2.boxFilter(changed, -1, (3, 3), normalize=False) >= MIN_CHANGED_NEIGHBOURS
        stands = self._stands(changed.view(bool), contrast > MIN_CONTRAST_CHANGES * most)
        self._seen += 1
        if self._seen < REFERENCE_FRAMES:
            known += (now - known) * np.float32(1.0 / (self._seen + 1))
        np.copyto(known, now, where=changed.view(bool)[..., None])
        return cv2.dilate(changed, self._around) == 0 if stands else None

    def _stands(self, changed: np.ndarray, textured: np.ndarray) -> bool:
        """Take in what changed (h, w) bool, and judge by the blocks that have texture."""
        self._heat -= 1.0 / LATELY_FRAMES
        self._heat[changed] = 1.0
        blocks, moved = (BLOCK_COLUMNS, BLOCK_ROWS), textured & (self._heat > 0.0)
        telling = cv2.resize(textured.astype(np.float32), blocks, interpolation=cv2.INTER_AREA)
        hot = cv2.resize(moved.astype(np.float32), blocks, interpolation=cv2.INTER_AREA)
        told = telling > MIN_TEXTURED_SHARE
        sure = int(np.count_nonzero(told)) - MIN_VOTES
        return sure > 0 and int(np.count_nonzero(told & (hot > MOVING_SHARE * telling))) <= MOVING_BLOCKS_SHARE * sure


def _exposure(now: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return (3,) float32: by how much each colour is brighter than it was, where it can be told."""
    one, other = (each[2::4, 2::4].reshape(-1, 3) for each in (now, known))
    told = ((other > DARKEST_LEVEL) & (other < BRIGHTEST_LEVEL) & (one > DARKEST_LEVEL) & (one < BRIGHTEST_LEVEL)).all(
        axis=1
    )
    if told.sum() < len(one) // 10:
        return np.ones(3, np.float32)
    return np.median(one[told] / other[told], axis=0)


def _noise(off: np.ndarray, contrast: np.ndarray) -> float:
    """Return the median change (h, w) of the smoother half of the cells: nothing but noise changes there."""
    off, contrast = off[::2, ::2].ravel(), contrast[::2, ::2].ravel()
    smooth = off[contrast <= np.median(contrast)]
    return min(float(np.median(smooth)), MAX_NOISE_LEVELS)
