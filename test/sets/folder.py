# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in folders, among other files; and the same for sets that are nothing else."""

from __future__ import annotations

from pathlib import Path

from sets.truth import Truth, picture, write_picture


def write(root: Path) -> dict[str, list[Truth]]:
    return {'all': written(root, ['B/c/3.PNG', 'a/1.jpg', 'a/1.png', 'a/2.webp'], ['a/.hidden/4.tiff', 'a/notes.txt'])}


def written(root: Path, names: list[str], others: list[str] = ()) -> list[Truth]:
    """Write pictures in the order in which they must be found, and files that must not be."""
    for name in others:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'not a picture')
    for i, name in enumerate(names):
        write_picture(root / name, picture(24, 32, i))
    return [
        Truth(picture(24, 32, i), rgb_atol=6 if name.endswith(('jpg', 'png')) else 12) for i, name in enumerate(names)
    ]
