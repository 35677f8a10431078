# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure error by distance: a robot that stops at one metre does not care for the mean over eighty.

    table = by_range(z_m, true_m) + by_range(next_z_m, next_true_m)
    table.rows()[0].bias  # -0.04: what is nearest is seen 4 % too near

Sums over pixels, not means over frames: a bin that one frame barely fills weighs as little as it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGES_M = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
SUMS = ('pixels', 'abs_rel', 'rel', 'sq', 'log10', 'd1')  # the columns of RangeTable.sums


@dataclass(frozen=True)
class RangeRow:
    """What is true of the pixels whose true distance is in [low_m, high_m); NaN without any."""

    low_m: float
    high_m: float
    pixels: int
    abs_rel: float
    bias: float  # mean of (predicted - true) / true: negative is seen too near
    rmse: float  # metres
    log10: float
    d1: float


@dataclass(frozen=True, eq=False)
class RangeTable:
    """Sums over pixels for each bin of true distance, over any number of frames."""

    edges_m: tuple[float, ...]  # (N + 1,)
    sums: np.ndarray  # (N, len(SUMS)) float64

    def __add__(self, other: RangeTable) -> RangeTable:
        if self.edges_m != other.edges_m:
            raise ValueError(f'Tables over {self.edges_m} m and {other.edges_m} m cannot be added: use the same edges.')
        return RangeTable(self.edges_m, self.sums + other.sums)

    def rows(self) -> tuple[RangeRow, ...]:
        """Return the bins from near to far."""
        return tuple(map(_row, self.edges_m, self.edges_m[1:], self.sums))

    def total(self) -> RangeRow:
        """Return all bins as one."""
        return _row(self.edges_m[0], self.edges_m[-1], self.sums.sum(axis=0))

    def filled(self) -> tuple[RangeRow, ...]:
        """Return the bins that hold pixels."""
        return tuple(row for row in self.rows() if row.pixels)


def _row(low_m: float, high_m: float, sums: np.ndarray) -> RangeRow:
    pixels = int(sums[0])
    abs_rel, rel, sq, log10, d1 = (sums[1:] / pixels).tolist() if pixels else [float('nan')] * (len(SUMS) - 1)
    return RangeRow(low_m, high_m, pixels, abs_rel, rel, sq**0.5, log10, d1)


def by_range(
    predicted_m: np.ndarray, true_m: np.ndarray, edges_m: tuple[float, ...] = EDGES_M, valid: np.ndarray | None = None
) -> RangeTable:
    """Sort the error of depth (H, W) by its true distance: pixels where both are finite, and `valid` if given."""
    use = np.isfinite(predicted_m) & np.isfinite(true_m) & (true_m > 0)
    use = use if valid is None else use & valid
    p, t = np.maximum(predicted_m[use].astype(np.float64), 1e-6), true_m[use].astype(np.float64)
    at = np.searchsorted(edges_m, t, side='right') - 1
    ratio = np.maximum(p / t, t / p)
    columns = (np.ones_like(t), np.abs(p - t) / t, (p - t) / t, (p - t) ** 2, np.abs(np.log10(p / t)), ratio < 1.25)
    inside = (at >= 0) & (at < len(edges_m) - 1)
    sums = [np.bincount(at[inside], c[inside], len(edges_m) - 1) for c in columns]
    return RangeTable(tuple(edges_m), np.stack(sums, axis=1))
