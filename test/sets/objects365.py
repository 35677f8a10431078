# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Objects365: patches."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['train/patch0/objects365_v1_00000001.jpg', 'train/patch16/objects365_v2_00908726.jpg']
    return {'all': written(root, names, ['train/zhiyuan_objv2_train.json'])}
