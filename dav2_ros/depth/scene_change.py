# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detect a scene change, after which what was learnt about the scale is worth nothing."""

from __future__ import annotations

import numpy as np

from dav2_ros.frames import DepthMap

BINS = np.linspace(np.log(0.1), np.log(100.0), 25)  # 24, each a third wider than the one before
OVERLAP = 0.5  # two frames of one scene share more of the histogram
GAP_S = 2.0  # without a picture: anything may have happened
EVERY = 4  # pixel of every fourth row


class SceneChangeDetector:
    """Tells a frame that does not go on from the one before.

    That is one whose log-depth histogram (24 bins from 0.1 to 100 m, and unknown) overlaps the last one's by less than
    half, or whose stamp lies more than two seconds after it, or before it. Depth uncorrected, so that a change of the
    scale is no cut.
    """

    def __init__(self) -> None:
        self._share: np.ndarray | None = None
        self._stamp_ns = 0

    def seen(self, depth: DepthMap) -> bool:
        """Compare with the frame before; False for the first."""
        before, self._share = self._share, _histogram(depth.z_m[::EVERY, ::EVERY])
        passed_s, self._stamp_ns = 1e-9 * (depth.stamp_ns - self._stamp_ns), depth.stamp_ns
        if before is None:
            return False
        return not 0.0 <= passed_s <= GAP_S or float(np.minimum(before, self._share).sum()) < OVERLAP


def _histogram(z_m: np.ndarray) -> np.ndarray:
    """Return the share of pixels in each bin, and of those in none."""
    with np.errstate(invalid='ignore', divide='ignore'):
        bins = (np.log(z_m) - BINS[0]) * ((len(BINS) - 1) / (BINS[-1] - BINS[0]))
    inside = np.isfinite(bins)
    counts = np.bincount(np.clip(bins[inside], 0, len(BINS) - 2).astype(np.intp), minlength=len(BINS) - 1)
    return np.append(counts, z_m.size - inside.sum()) / z_m.size
