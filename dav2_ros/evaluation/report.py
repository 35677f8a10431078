# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation as one HTML file that needs nothing else: numbers, curves, the worst frames, and how it was made.

    write(Report('My bag', 'vitt on 300 frames', tables=(...), plots=(...), frames=(...)), Path('report.html'))
    read_data(Path('report.html').read_text())['models']  # the numbers come out again

Everything is inside: curves as SVG, pictures as base64, the numbers as JSON. It opens without a network, is readable in
light and in dark, and runs no script.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dav2_ros.evaluation.results import plain, write_whole

TEMPLATE = Path(__file__).with_name('report.html.j2')
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


class ReportError(RuntimeError):
    """A report cannot be made or read; the message says what to install or to choose."""


@dataclass(frozen=True)
class Figure:
    """One number that matters, in large type."""

    label: str
    value: str
    note: str = ''


@dataclass(frozen=True)
class Table:
    """Rows of words; the first column is left-aligned, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ''


@dataclass(frozen=True, eq=False)
class Line:
    """One curve; NaN leaves a gap."""

    label: str
    x: np.ndarray  # (N,)
    y: np.ndarray  # (N,)


@dataclass(frozen=True, eq=False)
class Plot:
    """Curves over one axis."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    percent: bool = False  # y is a share
    from_zero: bool = False  # y is an error: its axis begins where there is none
    level: float | None = None  # where y is right: a thin line
    markers: bool = False  # few points, each a measurement
    note: str = ''


@dataclass(frozen=True, eq=False)
class FramePictures:
    """One frame to look at: picture, truth, prediction and the error between them."""

    caption: str
    rgb: np.ndarray  # (H, W, 3) uint8
    true_m: np.ndarray  # (H, W); NaN unknown, sparse is fine
    z_m: np.ndarray  # (H, W)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Any pictures side by side, at most four, of one shape."""

    caption: str
    panels: tuple[tuple[str, np.ndarray], ...]  # name and (H, W, 3) uint8


@dataclass(frozen=True, eq=False)
class Report:
    """Everything on the page, from top to bottom."""

    title: str
    summary: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    frames: tuple[FramePictures | Pictures, ...] = ()
    frames_title: str = 'Worst frames'
    protocol: tuple[str, ...] = ()  # sentences: what was compared with what
    options: tuple[tuple[str, str], ...] = ()  # name and value of everything that was chosen
    range_m: tuple[float, float] = (0.5, 40.0)  # of the colours of depth
    data: Mapping[str, object] = field(default_factory=dict)  # the numbers, for machines


def render(report: Report) -> str:
    """Return the page. Raises ReportError without Jinja or matplotlib."""
    try:
        import jinja2
        import matplotlib  # noqa: F401  charts draws with it

        from dav2_ros.evaluation import charts
    except ImportError as error:
        raise ReportError("A report needs Jinja and matplotlib: `pip install 'dav2_ros[report]'`.") from error
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)  # fmt: skip
    text = json.dumps(plain(report.data), allow_nan=False, sort_keys=False)
    return environment.from_string(TEMPLATE.read_text()).render(
        report=report,
        plots=[(plot, charts.draw(plot, f'p{i}')) for i, plot in enumerate(report.plots)],
        frames=[(frame.caption, charts.panels(frame, report.range_m)) for frame in report.frames],
        scales=charts.scales(report.range_m) if any(isinstance(f, FramePictures) for f in report.frames) else (),
        series=charts.SERIES,
        data=text.replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026'),
    )


def write(report: Report, path: Path) -> None:
    """Write the page beside `path`, then rename it there."""
    write_whole(path, render(report))


def read_data(page: str) -> dict[str, object]:
    """Return the numbers of a page that `render` made. Raises ReportError for another page."""
    found = DATA.search(page)
    if not found:
        raise ReportError('This page holds no numbers of an evaluation: name a report that `dav2` wrote.')
    return json.loads(html.unescape(found[1]))
