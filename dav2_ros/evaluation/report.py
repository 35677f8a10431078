# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write an evaluation as one HTML file that needs nothing else: numbers, curves, the worst frames.

    write(Report('My bag', 'vitt on 300 frames', tables=(...), plots=(...), frames=(...)), Path('report.html'))
    read_data(Path('report.html').read_text())['models']  # the numbers come out again

Everything is inside: curves as SVG, pictures as base64, the numbers as JSON. It opens without a network, is readable in
light and in dark, and runs no script.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.evaluation.page import FramePictures, Report
from dav2_ros.evaluation.tables import write_csv
from dav2_ros.files.atomic import plain, write_json, write_whole

TEMPLATE = Path(__file__).with_name('report.html.j2')
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


class ReportError(RuntimeError):
    """A report cannot be made or read; the message says what to install or to choose."""


@dataclass(frozen=True)
class ReportFiles:
    """Where an evaluation is written to; None: nowhere."""

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None

    def write(self, page: Report, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a page's numbers, a line of `rows` for each picture, and the page, each if it was asked for."""
        if self.json:
            write_json(self.json, page.data)
        if self.csv:
            write_csv(self.csv, header, rows)
        if self.html:
            write(page, self.html)


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
