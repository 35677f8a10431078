# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""BDD100K: its pictures, and frames of its films."""

from __future__ import annotations

from pathlib import Path

from sets.folder import written
from sets.truth import Truth


def write(root: Path) -> dict[str, list[Truth]]:
    pictures = ['images/100k/train/0000f77c-6257be58.jpg', 'images/100k/val/b1c66a42-6f7d68ca.jpg']
    frames = ['frames/train/0000f77c-6257be58/000001.jpg', 'frames/train/0000f77c-6257be58/000002.jpg']
    return {
        'pictures': written(root, pictures, ['labels/bdd100k_labels_images_val.json']),
        'frames': written(root, frames),
    }
