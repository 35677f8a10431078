# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw sheets to look at: rows of picture, depth, truth and error, and clouds beside their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dav2_ros.depth.colour import colourise, palette

ERROR_MAX = 0.5  # of the truth: where the colours of errors end
INK, FAINT = '#1d2330', '#5b6475'


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One frame of a contact sheet."""

    caption: str
    rgb: np.ndarray  # (H, W, 3) uint8
    z_m: np.ndarray  # (H, W) float32, estimated
    true_z_m: np.ndarray  # (H, W) float32


@dataclass(frozen=True, eq=False)
class CloudView:
    """One picture and the drawing of its cloud."""

    caption: str
    rgb: np.ndarray  # (H, W, 3) uint8
    drawing: np.ndarray  # (h, w, 3) uint8


def _matplotlib():
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError('Drawing sheets needs matplotlib: pip install "dav2_ros[plot]".') from error
    from matplotlib.figure import Figure

    return matplotlib, Figure


def relative_error(z_m: np.ndarray, true_z_m: np.ndarray) -> np.ndarray:
    """Return (H, W) float32 |z - truth| / truth; NaN where either is unknown or infinite."""
    with np.errstate(invalid='ignore', divide='ignore'):
        error = np.abs(z_m - true_z_m) / true_z_m
    return np.where(np.isfinite(z_m) & np.isfinite(true_z_m), error, np.nan)


def contact_sheet(rows: Sequence[SheetRow], path: Path, *, title: str, near_m: float, far_m: float) -> None:
    """Draw rows of image, depth, truth and error, with the colours' metres below; write a PNG."""
    matplotlib, Figure = _matplotlib()
    height, width = rows[0].rgb.shape[:2]
    cell = (3.0, 3.0 * height / width)
    head, gap, foot = 0.95, 0.30, 0.75
    size = (4 * cell[0] + 0.5, head + len(rows) * (cell[1] + gap) + foot)
    figure = Figure(figsize=size, dpi=110, facecolor='white')

    def box(x: float, y: float, w: float, h: float) -> list[float]:  # inches from the top left
        return [x / size[0], 1 - (y + h) / size[1], w / size[0], h / size[1]]

    figure.text(0.2 / size[0], 1 - 0.35 / size[1], title, fontsize=14, weight='bold', color=INK, va='center')
    errors = matplotlib.colormaps['magma'].with_extremes(bad='black')
    for i, row in enumerate(rows):
        y = head + i * (cell[1] + gap)
        panels = {
            'image': row.rgb,
            'depth': colourise(row.z_m, near_m, far_m),
            'truth': colourise(row.true_z_m, near_m, far_m),
            'relative error': relative_error(row.z_m, row.true_z_m),
        }
        for k, (name, panel) in enumerate(panels.items()):
            axes = figure.add_axes(box(0.2 + k * (cell[0] + 0.035), y, *cell))
            axes.imshow(panel, cmap=errors, vmin=0, vmax=ERROR_MAX, interpolation='nearest')
            axes.set_axis_off()
            if i == 0:
                axes.set_title(name, fontsize=11, color=INK, pad=5)
        figure.text(
            0.2 / size[0], 1 - (y + cell[1] + 0.13) / size[1], row.caption, fontsize=9, color=FAINT, va='center'
        )
    y = size[1] - foot + 0.12
    colours = matplotlib.colors.ListedColormap(palette()[1:255] / 255.0)
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(matplotlib.colors.LogNorm(near_m, far_m), colours),
        cax=figure.add_axes(box(0.3 + cell[0], y, 2 * cell[0] - 0.2, 0.16)),
        orientation='horizontal',
    )
    ticks = [t for t in (0.2, 0.5, 1, 2, 5, 10, 20, 40, 80) if near_m <= t <= far_m]
    bar.set_ticks(ticks, labels=[f'{t:g} m' for t in ticks], fontsize=9, color=INK)
    bar.ax.minorticks_off()
    note = 'black: unknown\ngrey: beyond range'
    figure.text(0.2 / size[0], 1 - (y + 0.2) / size[1], note, fontsize=9, color=FAINT, va='center')
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, ERROR_MAX), errors),
        cax=figure.add_axes(box(0.55 + 3 * cell[0], y, cell[0] - 0.55, 0.16)),
        orientation='horizontal',
    )
    ticks = [0, 0.1, 0.25, ERROR_MAX]
    bar.set_ticks(ticks, labels=[f'{100 * t:g} %' for t in ticks], fontsize=9, color=INK)
    figure.savefig(path)


def cloud_sheet(views: Sequence[CloudView], path: Path, *, title: str) -> None:
    """Draw each picture beside its cloud; write a PNG."""
    _, Figure = _matplotlib()
    drawn_h, drawn_w = views[0].drawing.shape[:2]
    cloud = (7.6, 7.6 * drawn_h / drawn_w)
    h, w = views[0].rgb.shape[:2]
    picture = (3.8, 3.8 * h / w)
    head, gap = 0.7, 0.2
    size = (picture[0] + cloud[0] + 0.6, head + len(views) * (cloud[1] + gap))
    figure = Figure(figsize=size, dpi=110, facecolor='white')
    figure.text(0.2 / size[0], 1 - 0.35 / size[1], title, fontsize=14, weight='bold', color=INK, va='center')
    for i, view in enumerate(views):
        y = head + i * (cloud[1] + gap)
        for x, width, height, panel in ((0.2, *picture, view.rgb), (0.4 + picture[0], *cloud, view.drawing)):
            axes = figure.add_axes([x / size[0], 1 - (y + height) / size[1], width / size[0], height / size[1]])
            axes.imshow(panel, interpolation='nearest')
            axes.set_axis_off()
        at = 1 - (y + picture[1] + 0.12) / size[1]
        figure.text(0.2 / size[0], at, view.caption, fontsize=10, color=FAINT, va='top', linespacing=1.5)
    figure.savefig(path)
