# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shards of ours with disparity: its inverse is stored as depth is."""

from __future__ import annotations

from pathlib import Path

from sets.shards_metres import write as write_shards
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    return write_shards(root, 'disparity')
