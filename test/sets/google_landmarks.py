# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Google Landmarks: three folders deep."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['train/0/0/a/00a042b4b7d2d0b7.jpg', 'train/f/0/0/f00042b4b7d2d0b7.jpg']
    return {'all': written(root, names, ['train.csv'])}
