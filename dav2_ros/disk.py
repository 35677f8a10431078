# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are whole under their own name, or not there."""

from __future__ import annotations

import os
from pathlib import Path


def inside(folder: Path, name: str) -> Path:
    """Return `folder / name`; raises ValueError, one sentence, where that leads out of the folder.

    For every name that came from data: metadata, a manifest, an archive. Links are not followed.
    """
    path = Path(os.path.normpath(folder / name))
    if '\0' in name or Path(os.path.normpath(folder)) not in path.parents:
        raise ValueError(f'{name!r} leads out of {folder}: it cannot be the name of a file there.')
    return path


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write beside `path`, in its folder, then rename; raises OSError and leaves nothing where that fails."""
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
