# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of a report: curves as SVG in the page's own colours, depth and error as JPEG in base64."""

from __future__ import annotations

import base64
import io
import math
import re

import cv2
import numpy as np
from numpy.typing import NDArray

from dav2_ros.depth.colour import colourise, palette
from dav2_ros.evaluation.page import FramePictures, PictureRow, Plot

INK, FAINT, RULE = '#1d2330', '#5b6475', '#d6dae1'  # replaced by variables of the page, which has a dark side too
SERIES = ('#2f6fb0', '#c2410c', '#0f8a6d', '#8a5cc2', '#a16a11', '#5f6b7d')
VARIABLES = {INK: 'ink', FAINT: 'faint', RULE: 'rule', **{c: f's{i}' for i, c in enumerate(SERIES)}}
WIDTH = 360  # pixels of one panel
ERROR_MAX = 0.5  # of the truth: where the colours of errors end
SPARSE = 0.3  # of the pixels: truth that is less dense is drawn in dots
TICKS_M = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)


def draw(plot: Plot, name: str) -> str:
    """Return a plot as SVG to be put into a page; `name` makes its ids its own. Needs matplotlib."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': name, 'font.size': 10}):
        figure = Figure(figsize=(6.2, 3.3), layout='constrained', facecolor='none')
        axes = figure.subplots()
        axes.set_facecolor('none')
        if plot.level is not None:
            axes.axhline(plot.level, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        for i, line in enumerate(plot.lines):
            axes.plot(line.x, line.y, color=SERIES[i % len(SERIES)], linewidth=1.8, label=line.label,
                      marker='o' if plot.markers else None, markersize=4)  # fmt: skip
        if plot.log_x:
            axes.set_xscale('log')
            low, high = axes.get_xlim()
            ticks = [t for t in TICKS_M if low <= t <= high]
            axes.set_xticks(ticks, [f'{t:g}' for t in ticks])
            axes.minorticks_off()
        if plot.from_zero:
            axes.set_ylim(bottom=0)
        if plot.percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.set_xlabel(plot.x_label, color=FAINT)
        axes.set_ylabel(plot.y_label, color=FAINT)
        axes.tick_params(colors=FAINT, length=3)
        axes.grid(color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[['top', 'right', 'left', 'bottom']].set_visible(False)
        if len(plot.lines) > 1:
            axes.legend(frameon=False, labelcolor=INK, fontsize=9)
        drawn = io.StringIO()
        figure.savefig(drawn, format='svg', transparent=True)
    return _embedded(drawn.getvalue(), name, plot.title)


def _embedded(svg: str, name: str, title: str) -> str:
    """Strip an SVG file of what a page does not need (prolog, metadata, name spaces) and make its ids unique."""
    svg = svg[svg.index('<svg') :]
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', '', svg)
    svg = re.sub(r'<!--.*?-->', '', svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace('url(#', f'url(#{name}-').replace('href="#', f'href="#{name}-')
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-label="{_quoted(title)}"', svg, count=1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f'var(--{variable})')
    return re.sub(r"font: ([\d.]+px) '[^;]*?;", r'font-size: \1;', svg)


def _quoted(text: str) -> str:
    return text.replace('&', '&amp;').replace('"', '&quot;').replace('<', '&lt;')


def panels(frame: FramePictures | PictureRow, range_m: tuple[float, float]) -> tuple[tuple[str, str], ...]:
    """Return (name, data URL) of the pictures of a frame."""
    if isinstance(frame, PictureRow):
        return tuple((name, data_url(rgb)) for name, rgb in frame.panels)
    height, width = frame.rgb.shape[:2]
    size = (WIDTH, max(1, round(WIDTH * height / width)))
    true_m, z_m = (drawable(z, size) for z in (frame.true_m, frame.z_m))
    error = signed_error(frame.z_m, frame.true_m)
    return (
        ('picture', data_url(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA))),
        ('truth', data_url(colourise(true_m, *range_m))),
        ('prediction', data_url(colourise(z_m, *range_m))),
        ('error', data_url(paint_error(drawable(error, size)))),
    )


def signed_error(z_m: np.ndarray, true_m: np.ndarray) -> NDArray[np.float32]:
    """Return (H, W) (prediction - truth) / truth: negative is seen too near; NaN where either is not a distance."""
    with np.errstate(invalid='ignore', divide='ignore'):
        error = (z_m - true_m) / true_m
    return np.where(np.isfinite(z_m) & np.isfinite(true_m) & (true_m > 0), error, np.nan).astype(np.float32)


def drawable(values: np.ndarray, size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize (H, W) to (width, height) without mixing values; where few are known, each becomes a dot.

    A dot holds one of the values under it: averages over an edge or a gap would show what nobody measured.
    """
    width, height = size
    values = values.astype(np.float32)
    known = ~np.isnan(values)
    if known.mean() >= SPARSE or not known.any():
        return cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT)
    rows, columns = np.nonzero(known)
    found = np.full((height, width), np.nan, np.float32)
    at_y, at_x = rows * height // values.shape[0], columns * width // values.shape[1]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = np.clip(at_y + dy, 0, height - 1), np.clip(at_x + dx, 0, width - 1)
            found[y, x] = values[rows, columns]
    return found


def paint_error(error: np.ndarray) -> NDArray[np.uint8]:
    """Paint a signed relative error (H, W) as RGB: blue too near, white right, red too far, black unknown."""
    import matplotlib

    colours = matplotlib.colormaps['RdBu_r'](np.clip(0.5 + 0.5 * np.nan_to_num(error) / ERROR_MAX, 0, 1))[..., :3]
    painted = np.rint(255 * colours).astype(np.uint8)
    painted[np.isnan(error)] = 0
    return painted


def data_url(rgb: np.ndarray) -> str:
    """Return RGB (H, W, 3) uint8 as a JPEG inside a URL."""
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return 'data:image/jpeg;base64,' + base64.b64encode(data.tobytes()).decode()


def scales(range_m: tuple[float, float]) -> tuple[tuple[str, str, tuple[tuple[float, str], ...]], ...]:
    """Return (name, data URL of its colours, ((position 0..1, label), ...)) of depth and of error."""
    near, far = range_m
    ticks = [t for t in TICKS_M if near <= t <= far] or [near, far]
    depth = tuple((math.log(t / near) / math.log(far / near), f'{t:g} m') for t in ticks)
    shares = np.linspace(-ERROR_MAX, ERROR_MAX, 254, dtype=np.float32)[None]
    error = ((0.0, f'{-100 * ERROR_MAX:g} % too near'), (0.5, 'right'), (1.0, f'+{100 * ERROR_MAX:g} % too far'))
    return (
        ('Truth and prediction', data_url(np.repeat(palette()[None, 1:255], 8, 0)), depth),
        ('Error', data_url(np.repeat(paint_error(shares), 8, 0)), error),
    )
