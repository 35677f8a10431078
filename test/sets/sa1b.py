# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SA-1B: pictures beside their masks."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['sa_000020/sa_223750.jpg', 'sa_000021/sa_234750.jpg']
    return {'all': written(root, names, ['sa_000020/sa_223750.json'])}
