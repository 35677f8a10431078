# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw a benchmark: a bar for each median, a whisker to the 95th percentile, errors in words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from dav2_ros.benchmark.cases import AGAINST, OUTSIDE
from dav2_ros.benchmark.measure import BenchmarkRow
from dav2_ros.benchmark.report import BenchmarkReport, number, percent, yardstick
from dav2_ros.engines.engine import EngineError
from dav2_ros.files.atomic import write_file

INK, FAINT, OURS, OTHERS, REST = '#1d2330', '#5b6475', '#2f6fb0', '#b9c0cc', '#8fb8a8'
ROW, HEAD, PANEL, FOOT = 0.27, 0.55, 0.72, 0.12  # inches


def draw(found: BenchmarkReport, path: Path) -> None:
    """Write a PNG with one panel per network size. Raises EngineError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EngineError("A picture needs matplotlib: `pip install 'dav2_ros[plot]'`, or leave --png out.") from error
    sizes = sorted({row.case.size for row in found.rows if row.ms})
    panels = [[row for row in found.rows if row.ms and row.case.size == size] for size in sizes]
    height = HEAD + sum(PANEL + ROW * len(rows) for rows in panels) + FOOT
    figure = Figure(figsize=(8.6, height), dpi=100, facecolor='white')
    cores = found.machine['cores']
    title = (
        f'{found.model}: one {found.frame[0]}x{found.frame[1]} frame to metres, {found.machine["cpu"]}, {cores} cores'
    )
    figure.text(0.02, 1 - 0.3 / height, title, fontsize=11, weight='bold', color=INK, va='center')
    y = HEAD
    for size, rows in zip(sizes, panels):
        tall = ROW * len(rows)
        axes = figure.add_axes((0.29, 1 - (y + 0.25 + tall) / height, 0.55, tall / height))
        _panel(axes, rows, yardstick(found.rows, size))
        y += PANEL + tall
    note = f'Bars: median, ms; whiskers: 95th percentile. Errors, p50 and p99, are relative to fp32{_whose(found)}.'
    figure.text(0.02, 0.12 / height, note, fontsize=8, color=FAINT, va='center')
    drawn = io.BytesIO()
    figure.savefig(drawn, format='png')
    write_file(path, drawn.getbuffer())


def _whose(found: BenchmarkReport) -> str:
    return ', of random weights' if found.is_random else ''


def _panel(axes: Any, rows: list[BenchmarkRow], measure: BenchmarkRow | None) -> None:
    """Draw one size, the fastest on top."""
    rows = sorted(rows, key=lambda row: -row.percentile(50))
    medians = [row.percentile(50) for row in rows]
    whiskers = [row.percentile(95) - median for row, median in zip(rows, medians)]
    colours = [OTHERS if row.case.way in AGAINST else REST if row.case.way == OUTSIDE else OURS for row in rows]
    axes.barh(range(len(rows)), medians, 0.62, color=colours)
    axes.errorbar(medians, range(len(rows)), xerr=[[0] * len(rows), whiskers], fmt='none', ecolor=INK, elinewidth=0.8,
                  capsize=2)  # fmt: skip
    right = max(median + whisker for median, whisker in zip(medians, whiskers))
    for k, row in enumerate(rows):
        words = f'  {number(medians[k])} ms'
        if measure and row is not measure and row.case.way != OUTSIDE:
            words += f', {measure.percentile(50) / medians[k]:.1f} times'
        if row.error_p50 is not None:
            words += f'\n  error {percent(row.error_p50)}, {percent(row.error_p99)} %'
        axes.text(medians[k] + whiskers[k] + 0.01 * right, k, words, fontsize=6.5, color=INK, va='center',
                  linespacing=0.95)  # fmt: skip
    axes.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=8, color=INK)
    axes.set_xlim(0, 1.02 * right)
    axes.tick_params(axis='x', labelsize=7, colors=FAINT, length=2)
    axes.tick_params(axis='y', length=0)
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(FAINT)
    plan = rows[0].case.plan
    named = f'network {plan.net_width}x{plan.net_height}' + (
        f'; times: as fast as {measure.case.title}' if measure else ''
    )
    axes.set_title(named, fontsize=9, color=FAINT, loc='left', pad=4)
