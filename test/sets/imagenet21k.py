# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ImageNet-21K: a folder for each synset, and JPEG in capitals."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['n00004475/n00004475_15899.JPEG', 'n00005787/n00005787_13.JPEG']
    return {'all': written(root, names, ['wordnet.is_a.txt', 'n00005787/thumb.JPEG'])}
