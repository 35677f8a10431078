# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write files that are whole under their own name, or not there."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def inside(folder: Path, name: str) -> Path:
    """Return `folder / name`; raises ValueError, one sentence, where that leads out of the folder.

    For every name that came from data: metadata, a manifest, an archive. Links are not followed.
    """
    path = Path(os.path.normpath(folder / name))
    if '\0' in name or Path(os.path.normpath(folder)) not in path.parents:
        raise ValueError(f'{name!r} leads out of {folder}: it cannot be the name of a file there.')
    return path


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Give a path beside `path`, with its suffix, to write to; it is renamed once all went well, removed otherwise.

    The folder is made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.stem}.{os.getpid()}.part{path.suffix}')
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write beside `path`, then rename; raises OSError and leaves nothing where that fails."""
    with written_beside(path) as part:
        part.write_bytes(data)


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
