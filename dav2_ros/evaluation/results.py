# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers as others read them: JSON without NaN, CSV, cells of a table; files that are whole or not there."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dav2_ros.disk import write_file


def plain(value: object) -> object:
    """Turn frozen dataclasses, arrays and NumPy numbers into what JSON knows; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Iterable):
        return [plain(each) for each in value]
    return str(value)


def write_whole(path: Path, text: str) -> None:
    """Write a text file beside `path`, then rename it there: nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write anything that `plain` knows."""
    write_whole(path, json.dumps(plain(value), indent=1, allow_nan=False) + '\n')


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
