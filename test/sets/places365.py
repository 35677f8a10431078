# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places365: a folder for each letter, some kinds of scene in two."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['data_large/a/airfield/00000001.jpg', 'data_large/a/apartment_building/outdoor/00000002.jpg']
    return {'all': written(root, names, ['filelist.txt'])}
