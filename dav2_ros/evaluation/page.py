# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define what a report shows: numbers, tables, curves, frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One number that matters, in large type."""

    label: str
    value: str
    note: str = ''


@dataclass(frozen=True)
class ReportTable:
    """Rows of words; the first column is left-aligned, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ''


@dataclass(frozen=True, eq=False)
class Curve:
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
    lines: tuple[Curve, ...]
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
class PictureRow:
    """Any pictures side by side, at most four, of one shape."""

    caption: str
    panels: tuple[tuple[str, np.ndarray], ...]  # name and (H, W, 3) uint8


@dataclass(frozen=True, eq=False)
class Report:
    """Everything on the page, from top to bottom."""

    title: str
    summary: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    plots: tuple[Plot, ...] = ()
    frames: tuple[FramePictures | PictureRow, ...] = ()
    frames_title: str = 'Worst frames'
    protocol: tuple[str, ...] = ()  # sentences: what was compared with what
    options: tuple[tuple[str, str], ...] = ()  # name and value of everything that was chosen
    range_m: tuple[float, float] = (0.5, 40.0)  # of the colours of depth
    data: Mapping[str, object] = field(default_factory=dict)  # the numbers, for machines
