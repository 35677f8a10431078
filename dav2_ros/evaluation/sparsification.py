# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure how well a confidence predicts error: sparsification curves and their area (Ilg et al. 2018, AUSE).

Take the least sure pixels away, share by share, and look at the error of the rest. A perfect confidence falls as if
it knew the error (the oracle); one that knows nothing stays level. AUSE is the mean height above the oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARES = np.linspace(0.0, 0.99, 100)  # of the pixels that are taken away


@dataclass(frozen=True, eq=False)
class Sparsification:
    """Mean AbsRel of what is left after each of SHARES is taken away."""

    by_confidence: np.ndarray  # (100,)
    by_error: np.ndarray  # (100,) the oracle

    @property
    def ause(self) -> float:
        """The mean height of the curve above the oracle's: 0 is perfect."""
        return float(np.mean(self.by_confidence - self.by_error))

    @property
    def ause_of_chance(self) -> float:
        """What a confidence without knowledge has, on average."""
        return float(np.mean(self.by_confidence[0] - self.by_error))


def sparsify(
    z_m: np.ndarray, true_m: np.ndarray, confidence: np.ndarray, *, max_m: float = 80.0
) -> Sparsification | None:
    """Compare confidence (H, W) with the relative error of depth (H, W); None if nothing can be compared."""
    valid = np.isfinite(z_m) & np.isfinite(true_m) & (true_m <= max_m)
    if not valid.any():
        return None
    error = np.abs(z_m[valid] - true_m[valid]) / true_m[valid]
    return Sparsification(
        _remaining(error, np.argsort(confidence[valid], kind='stable')),
        _remaining(error, np.argsort(-error, kind='stable')),
    )


def _remaining(error: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the mean error (100,) of what is left when the first of `order` are taken away."""
    last_first = np.cumsum(error[order][::-1], dtype=np.float64)
    left = np.maximum(1, np.ceil((1.0 - SHARES) * len(error)).astype(int))
    return last_first[left - 1] / left


def mean(curves: Sequence[Sparsification]) -> Sparsification:
    """Average over frames, each frame counting once."""
    return Sparsification(
        np.mean([c.by_confidence for c in curves], axis=0), np.mean([c.by_error for c in curves], axis=0)
    )
