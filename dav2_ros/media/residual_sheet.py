# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw a calibration: how far off each known distance was, and is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.media.contact_sheet import FAINT, INK, _matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 6000  # points of each panel; more only blacken it
LIMIT = 1.0  # of the relative error that is drawn
TICKS_M = (0.25, 0.5, 1, 2, 5, 10, 20, 40, 80)


def residual_sheet(known_m: np.ndarray, before_m: np.ndarray, after_m: np.ndarray, path: Path, *, title: str) -> None:
    """Draw the relative error of depth over the known distance (N,), before | after; write a PNG."""
    _, Figure = _matplotlib()
    figure = Figure(figsize=(11, 4.6), dpi=110, facecolor='white', layout='constrained')
    figure.suptitle(title, fontsize=13, weight='bold', color=INK, x=0.01, ha='left')
    some = np.random.default_rng(0).permutation(len(known_m))[:DRAWN]
    for axes, z_m, name in zip(figure.subplots(1, 2, sharey=True), (before_m, after_m), ('before', 'after')):
        error = z_m / known_m - 1.0
        finite = np.isfinite(error)
        size = 4 if len(some) > 100 else 28
        axes.scatter(known_m[some], np.clip(error[some], -LIMIT, LIMIT), s=size, alpha=0.25 if size == 4 else 0.9,
                     color='#2f6fb0', linewidths=0)  # fmt: skip
        axes.axhline(0.0, color=INK, linewidth=1)
        _medians(axes, known_m[finite], error[finite])
        middle, size = 100 * np.median(error[finite]), 100 * np.median(np.abs(error[finite]))
        axes.set_title(f'{name}: median {middle:+.1f} %, magnitude {size:.1f} %', fontsize=11, color=INK)
        axes.set_xscale('log')
        low, high = known_m.min() / 1.15, known_m.max() * 1.15
        ticks = [t for t in TICKS_M if low <= t <= high]
        axes.set_xticks(ticks, [f'{t:g}' for t in ticks])
        axes.minorticks_off()
        axes.set_xlim(low, high)
        axes.set_ylim(-LIMIT, LIMIT)
        axes.yaxis.set_major_formatter(lambda value, _: f'{100 * value:+.0f} %')
        axes.set_xlabel('known distance (m)', color=FAINT)
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel('error of depth', color=FAINT)
    figure.savefig(path)


def _medians(axes: Axes, known_m: np.ndarray, error: np.ndarray) -> None:
    """Draw the median and the middle two thirds over bins of distance with at least 20 points."""
    edges = np.geomspace(known_m.min(), known_m.max() * 1.001, 15)
    bins = np.digitize(known_m, edges)
    rows = [(np.median(known_m[bins == b]), *np.percentile(error[bins == b], (16.7, 50, 83.3)))
            for b in np.unique(bins) if (bins == b).sum() >= 20]  # fmt: skip
    if len(rows) > 1:
        at_m, low, middle, high = np.array(rows).T
        axes.fill_between(at_m, low, high, color='#d9862b', alpha=0.25, linewidth=0, label='middle two thirds')
        axes.plot(at_m, middle, color='#c4570c', linewidth=2, label='median')
        axes.legend(loc='upper right', fontsize=9, frameon=False)
