# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Format numbers for others: CSV, and cells of a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dav2_ros.files.atomic import write_whole


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; an unknown number is an empty cell."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator='\n')
    out.writerow(header)
    out.writerows([_cell(value) for value in row] for row in rows)
    write_whole(path, text.getvalue())


def number(value: float, digits: int = 4) -> str:
    """Write a number for a table; an en dash for one that there is not."""
    return '–' if value is None or not math.isfinite(value) else f'{value:.{digits}f}'  # noqa: RUF001


def percent(value: float, digits: int = 1) -> str:
    """Write a share in per cent."""
    return '–' if value is None or not math.isfinite(value) else f'{100 * value:.{digits}f} %'  # noqa: RUF001


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        return f'{value:.7g}' if math.isfinite(value) else ''
    return value
