# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read DIODE: indoor and outdoor scenes of one laser scanner (Vasiljevic et al. 2019; diode-dataset.org)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample

CAMERA = Camera(1024, 768, 886.81, 927.06, 512.0, 384.0)  # intrinsics.txt of the devkit: one camera for all


class Diode:
    """Metres as published, without a cut: papers differ in theirs (0.6 to 350 m, or to 300 m)."""

    INFO = SetInfo(
        title='DIODE',
        tree=(
            '└── {train,val}/{indoors,outdoor}/scene_00019/scan_00183/\n'
            '    ├── 00019_00183_indoors_000_010.png\n'
            '    ├── 00019_00183_indoors_000_010_depth.npy\n'
            '    └── 00019_00183_indoors_000_010_depth_mask.npy'
        ),
        splits=('val', 'val-indoors', 'val-outdoor', 'train', 'train-indoors', 'train-outdoor'),
        truth='metres',
        licence='MIT',
        source='https://diode-dataset.org: val.tar.gz (2.6 GB, 771 pictures: 325 indoors, 446 outdoor), train.tar.gz',
    )

    def __init__(self, root: Path, split: str) -> None:
        part, _, where = split.partition('-')
        self.root = root / part
        self.pictures = sorted(self.root.glob(f'{where or "*"}/scene_*/scan_*/*.png'))
        if not self.pictures:
            raise refuse(Diode, root, f'pictures in {part}/{where or "indoors"}')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        path = self.pictures[index]
        rgb = decode.rgb(path)
        z_m = decode.npy(path.with_name(f'{path.stem}_depth.npy'), 3)[..., 0]  # (H, W, 1) in the files
        seen = decode.npy(path.with_name(f'{path.stem}_depth_mask.npy')) > 0
        z_m = np.where(seen & (z_m > 0), z_m, np.nan).astype(np.float32)
        height, width = z_m.shape
        name = str(path.relative_to(self.root).with_suffix(''))
        return Sample(rgb, name, z_m, camera=CAMERA.resized(width, height))
