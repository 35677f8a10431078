# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure flicker: what of depth changes from frame to frame that did not change in the scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

EVERY = 2  # pixel of every second row


@dataclass(frozen=True)
class Flicker:
    """Numbers of any number of frames."""

    p50: float  # of |change of log depth|, from one frame to the next, of pixels that are finite in both
    p95: float
    flips: float  # share of the pixels that change between finite, unknown and beyond
    pairs: int = 1  # frames with one before them


def flicker(maps: Iterable[np.ndarray], truths: Iterable[np.ndarray] | None = None) -> Flicker:
    """Measure successive depth maps (H, W) of one camera; without truths (H, W) the scene stands still.

    With truths, the change of log depth is that beyond the truth's own, where the truth is finite, and a flip is one
    that the truth's own pixel does not make. Raises ValueError for fewer than two frames.
    """
    steps: list[np.ndarray] = []
    flips, pairs = 0.0, 0
    before: tuple[np.ndarray, np.ndarray | None] | None = None
    frames: Iterable[tuple[np.ndarray, np.ndarray | None]]
    frames = zip(maps, truths) if truths else ((z_m, None) for z_m in maps)
    for z_m, true_m in frames:
        now = _seen(z_m), None if true_m is None else _seen(true_m)
        if before is not None:
            change, flipped = _change(before[0], now[0])
            if now[1] is not None and before[1] is not None:
                true_change, truly = _change(before[1], now[1])
                change, flipped = change - true_change, flipped & ~truly
            steps.append(np.abs(change[np.isfinite(change)]))
            flips, pairs = flips + float(flipped.mean()), pairs + 1
        before = now
    if not pairs:
        raise ValueError('Flicker is between frames: give at least two.')
    low, high = np.percentile(np.concatenate(steps), (50, 95)) if any(map(len, steps)) else 2 * [np.nan]
    return Flicker(float(low), float(high), flips / pairs, pairs)


def mean(found: Iterable[Flicker]) -> Flicker:
    """Average clips, by their frames."""
    found = list(found)
    weights = [each.pairs for each in found]
    p50, p95, flips = np.average([[each.p50, each.p95, each.flips] for each in found], axis=0, weights=weights)
    return Flicker(float(p50), float(p95), float(flips), sum(weights))


def _seen(z_m: np.ndarray) -> np.ndarray:
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.log(z_m[::EVERY, ::EVERY])  # a copy: maps may share a buffer


def _change(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid='ignore'):
        change = now - before  # NaN unless both are finite, or only one is: then infinite
    change[~np.isfinite(change)] = np.nan
    return change, (np.isnan(before) != np.isnan(now)) | (np.isposinf(before) != np.isposinf(now))
