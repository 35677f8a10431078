# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sintel: tagged little-endian files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera


def write(root: Path) -> dict[str, list[Truth]]:
    splits: dict[str, list[Truth]] = {'final': [], 'clean': []}
    for i, scene in enumerate(('alley_1', 'alley_1', 'market_2')):
        frame, rng = f'{scene}/frame_{i + 1:04}', np.random.default_rng(i)
        z_m = rng.uniform(0.5, 100.0, (30, 50)).astype(np.float32)
        z_m[:5] = 1e8
        k = np.array([[1120.0 + i, 0, 25.5], [0, 1121.0, 14.5], [0, 0, 1]])
        stored(root / f'training/depth/{frame}.dpt', struct.pack('<fii', 202021.25, 50, 30) + z_m.tobytes())
        pose = rng.normal(size=(3, 4))
        stored(root / f'training/camdata_left/{frame}.cam', struct.pack('<f', 202021.25) + k.tobytes() + pose.tobytes())
        for kind in splits:
            rgb = picture(30, 50, i + 7 * (kind == 'clean'))
            write_picture(root / f'training/{kind}/{frame}.png', rgb)
            far = np.where(z_m > 80.0, np.inf, z_m)
            splits[kind].append(Truth(rgb, far, camera=Camera(50, 30, 1120.0 + i, 1121.0, 25.5, 14.5)))
    return splits


def stored(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
