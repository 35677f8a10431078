# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TartanAir: float32 metres in NPY, 10000 and more for sky."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera


def write(root: Path) -> dict[str, list[Truth]]:
    easy, hard = one(root, 'ocean/Easy/P000', 0), one(root, 'ocean/Hard/P011', 12)
    dome = one(root, 'amusement/Easy/P001', 3)
    return {'train': [easy, hard], 'easy': [easy], 'hard': [hard], 'all': [dome, easy, hard]}


def one(root: Path, flight: str, frame: int) -> Truth:
    rgb = picture(480, 640, frame)
    z_m = np.random.default_rng(frame).uniform(0.3, 900.0, (480, 640)).astype(np.float32)
    z_m[:50] = 1e4
    z_m[50:60] = 13123.5  # the sky need not be round
    write_picture(root / flight / f'image_left/{frame:06d}_left.png', rgb)
    (root / flight / 'depth_left').mkdir()
    np.save(root / flight / f'depth_left/{frame:06d}_left_depth.npy', z_m)
    return Truth(rgb, np.where(z_m > 9999, np.inf, z_m), camera=Camera(640, 480, 320, 320, 320, 240))
