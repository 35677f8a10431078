# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DIODE: (H, W, 1) float32 metres and a float mask beside each PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera


def write(root: Path) -> dict[str, list[Truth]]:
    truths = {'val-indoors': one(root / 'val/indoors/scene_00019/scan_00183', '00019_00183_indoors_000_010', 1)}
    truths['val-outdoor'] = one(root / 'val/outdoor/scene_00022/scan_00193', '00022_00193_outdoor_000_010', 2)
    truths['val'] = truths['val-indoors'] + truths['val-outdoor']
    truths['train-outdoor'] = one(root / 'train/outdoor/scene_00002/scan_00003', '00002_00003_outdoor_120_020', 3)
    truths['train'] = truths['train-outdoor'] + one(
        root / 'train/indoors/scene_00001/scan_00002', '00001_00002_indoors_010_000', 4
    )
    truths['train-indoors'] = truths['train'][1:]
    truths['train'] = truths['train'][::-1]  # indoors comes first
    return truths


def one(folder: Path, name: str, seed: int) -> list[Truth]:
    rng = np.random.default_rng(seed)
    rgb = picture(768, 1024, seed)
    write_picture(folder / f'{name}.png', rgb)
    z_m = rng.uniform(0.5, 300.0, (768, 1024)).astype(np.float32)
    seen = rng.random((768, 1024)) < 0.7
    z_m[:4] = 0.0
    np.save(folder / f'{name}_depth.npy', z_m[..., None])
    np.save(folder / f'{name}_depth_mask.npy', seen.astype(np.float64))
    return [Truth(rgb, np.where(seen & (z_m > 0), z_m, np.nan), camera=Camera(1024, 768, 886.81, 927.06, 512, 384))]
