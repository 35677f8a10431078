# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2, labelled: one MATLAB 7.3 file (HDF5, axes turned around), raw and filled depth, and the split."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import scipy.io
from sets.truth import Truth, picture

from dav2_ros.camera import Camera

CAMERA = Camera(640, 480, 518.8579, 519.4696, 325.5824, 253.7362)
TRAIN, TEST = (1, 3), (2,)  # as MATLAB counts


def write(root: Path) -> dict[str, list[Truth]]:
    root.mkdir()
    rgb = np.stack([picture(480, 640, i) for i in range(3)])
    filled_m = np.random.default_rng(0).uniform(0.7, 9.9, rgb.shape[:3]).astype(np.float32)
    raw_m = filled_m.copy()
    raw_m[:, :20] = 0
    with h5py.File(root / 'nyu_depth_v2_labeled.mat', 'w', userblock_size=512) as file:
        file['images'] = rgb.transpose(0, 3, 2, 1)  # (N, 3, 640, 480)
        file['depths'] = filled_m.transpose(0, 2, 1)  # (N, 640, 480)
        file['rawDepths'] = raw_m.transpose(0, 2, 1)
    ndxs = {f'{k}Ndxs': np.array(v, np.uint16)[:, None] for k, v in {'train': TRAIN, 'test': TEST}.items()}
    scipy.io.savemat(root / 'splits.mat', ndxs)
    seen_m = np.where(raw_m == 0, np.nan, raw_m)

    def truths(z_m: np.ndarray, numbers: tuple[int, ...]) -> list[Truth]:
        return [Truth(rgb[i - 1], z_m[i - 1], camera=CAMERA) for i in numbers]

    return {
        'train': truths(seen_m, TRAIN),
        'test': truths(seen_m, TEST),
        'all': truths(seen_m, (1, 2, 3)),
        'test-filled': truths(filled_m, TEST),
        'train-filled': truths(filled_m, TRAIN),
        'all-filled': truths(filled_m, (1, 2, 3)),
    }
