# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2 in the folders of BTS: JPEG, and millimetres as PNG16 with 0 for unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture, write_png16

from dav2_ros.camera import Camera

H, W = 48, 64
CAMERA = Camera(640, 480, 518.8579, 519.4696, 325.5824, 253.7362).resized(W, H)


def write(root: Path) -> dict[str, list[Truth]]:
    test = [one(root / 'official_splits/test/bathroom', 45), one(root / 'official_splits/test/kitchen', 46)]
    video = [one(root / 'sync/kitchen_0028b', 0)]
    lines = [
        '/kitchen_0028b/rgb_00000.jpg /kitchen_0028b/sync_depth_00000.png 518.8579',
        '/kitchen_0028b/rgb_00001.jpg None 518.8579',
    ]
    listed = root / 'sync/train.txt'
    listed.write_text('\n'.join(line.replace('/k', 'elsewhere/sync/k') for line in lines) + '\n')
    return {
        'test': test,
        'train': [one(root / 'official_splits/train/cafe', 3)],
        'sync': video,
        str(listed): video,
    }


def one(folder: Path, number: int) -> Truth:
    rgb = picture(H, W, number)
    write_picture(folder / f'rgb_{number:05d}.jpg', rgb)
    stored_mm = np.random.default_rng(number).integers(700, 9999, (H, W))
    stored_mm[:3] = 0
    write_png16(folder / f'sync_depth_{number:05d}.png', stored_mm)
    return Truth(rgb, np.where(stored_mm == 0, np.nan, stored_mm / 1000), camera=CAMERA, rgb_atol=6)
