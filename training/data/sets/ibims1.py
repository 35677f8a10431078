# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read iBims-1: 100 rooms, scanned, with their edges and planes (Koch et al. 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample

FIELDS = ('rgb', 'depth', 'calib', 'mask_invalid', 'mask_transp')
FOLDER = 'ibims1_core_mat'


class Ibims1:
    """What is transparent, or marked as wrongly scanned, is unknown, as in the authors' evaluation."""

    INFO = SetInfo(
        title='iBims-1 (core, .mat)',
        tree=f'└── {FOLDER}/\n    ├── imagelist.txt\n    └── corridor_01.mat (and 99 more)',
        splits=('test',),
        truth='metres',
        licence='CC BY-NC-SA 4.0',
        source='https://www.asg.ed.tum.de/lmf/ibims1: ibims1_core_mat.zip (1.2 GB)',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.root = root / FOLDER
        if not (self.root / 'imagelist.txt').is_file():
            raise refuse(Ibims1, root, f'{FOLDER}/imagelist.txt')
        self.names = (self.root / 'imagelist.txt').read_text().split()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        path = self.root / f'{self.names[index]}.mat'
        data = decode.mat(path).get('data')
        missing = [name for name in FIELDS if not hasattr(data, name)]
        if missing:
            raise decode.unreadable(path, f'it has no data.{missing[0]}')
        known = (data.mask_invalid != 0) & (data.mask_transp != 0) & (data.depth > 0)
        z_m = np.where(known, data.depth, np.nan).astype(np.float32)
        k = np.asarray(data.calib, np.float64).T  # stored as MATLAB multiplies, for pixels counted from 1
        height, width = z_m.shape
        camera = Camera(width, height, k[0, 0], k[1, 1], k[0, 2] - 1.0, k[1, 2] - 1.0)
        return Sample(np.ascontiguousarray(data.rgb), self.names[index], z_m, camera=camera)
