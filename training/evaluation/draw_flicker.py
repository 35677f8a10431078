# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw a still scene whose depth flickers as the network gives it, and does not once it is stabilised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dav2_ros.frames import Frame
from dav2_ros.media.contact_sheet import FAINT, INK, _matplotlib

MAX_LOG_CHANGE = 0.02  # of log depth per frame, where the colours end
NAMES = {'none': 'as it comes', 'scale': 'steady: scale', 'pixels': 'steady: pixels'}
COLOURS = {'none': '#5b6475', 'scale': '#c2410c', 'pixels': '#1d4ed8'}


def draw_flicker(frames: Sequence[Frame], depths: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Draw the mean change per pixel and the scale over time, for each mode; write a PNG. Needs matplotlib.

    Args:
        frames: of a still scene, in order.
        depths: by mode, the depth (H, W) of each frame in metres, as the mode makes it.
        path: PNG to write.
    """
    matplotlib, Figure = _matplotlib()
    figure = Figure(figsize=(10.4, 4.5), dpi=90, facecolor='white', layout='constrained')
    grid = figure.add_gridspec(2, 4, height_ratios=(1.0, 0.85))
    axes = figure.add_subplot(grid[0, 0])
    axes.imshow(frames[0].rgb[::2, ::2])
    _title(axes, 'one of the frames')
    curve = figure.add_subplot(grid[1, :])
    seconds = 1e-9 * np.array([frame.stamp_ns - frames[0].stamp_ns for frame in frames])
    for column, (mode, each_m) in enumerate(depths.items(), 1):
        maps = np.stack(each_m)[:, ::2, ::2]
        with np.errstate(invalid='ignore', divide='ignore'):
            logs = np.log(maps)
            change = np.abs(np.diff(logs, axis=0))
            scale = logs - logs[0]
        blinks = (np.isfinite(maps[1:]) != np.isfinite(maps[:-1])).sum(axis=0) > 1  # there and back
        told = np.isfinite(change).any(axis=0)
        shown = np.full(told.shape, np.nan)
        shown[told] = np.nanmean(np.where(np.isfinite(change), change, np.nan)[:, told], axis=0)
        axes = figure.add_subplot(grid[0, column])
        drawn = axes.imshow(shown, cmap='magma', vmin=0, vmax=MAX_LOG_CHANGE, interpolation='nearest')
        rgba = np.zeros((*blinks.shape, 4))
        rgba[blinks] = matplotlib.colors.to_rgba('#39d353')
        axes.imshow(rgba, interpolation='nearest')
        _title(axes, NAMES[mode])
        middle = [np.median(each[np.isfinite(each)]) for each in scale]
        curve.plot(seconds, 100 * np.array(middle), color=COLOURS[mode], label=NAMES[mode])
    bar = figure.colorbar(drawn, ax=figure.axes, location='right', shrink=0.6, aspect=30)
    bar.set_ticks([0, 0.01, MAX_LOG_CHANGE], labels=['0', '1 %', f'{100 * MAX_LOG_CHANGE:.0f} %'])
    bar.set_label('mean change per frame; green: blinks', color=FAINT, fontsize=9)
    curve.set_xlabel('s', color=INK)
    curve.set_ylabel('scale, % of the first', color=INK, fontsize=9)
    curve.legend(frameon=False, fontsize=9, ncols=3, loc='upper right')
    curve.spines[['top', 'right']].set_visible(False)
    figure.savefig(path)


def _title(axes, text: str) -> None:
    axes.set_title(text, fontsize=10, color=INK)
    axes.set_axis_off()
