# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read ETH3D: the training pictures of its high-resolution multi-view benchmark (Schöps et al. 2017; eth3d.net)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample
from dav2_training.data.sets.colmap import cameras_by_picture


class Eth3d:
    """454 pictures of 24 million pixels, as the lens distorted them: the depth is of those, not of the undistorted."""

    INFO = SetInfo(
        title='ETH3D (high-res multi-view, training)',
        tree=(
            '└── courtyard/ (and 12 more)\n'
            '    ├── images/dslr_images/DSC_0286.JPG\n'
            '    ├── ground_truth_depth/dslr_images/DSC_0286.JPG  (float32 in spite of its name)\n'
            '    └── dslr_calibration_jpg/{cameras.txt,images.txt}'
        ),
        splits=('train',),
        truth='metres',
        licence='CC BY-NC-SA 4.0',
        source='https://www.eth3d.net/datasets: multi_view_training_dslr_jpg.7z and *_dslr_depth.7z',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        self.truths = sorted(root.glob('*/ground_truth_depth/dslr_images/*.JPG'))
        if not self.truths:
            raise refuse(Eth3d, root, '*/ground_truth_depth/dslr_images/*.JPG')

    def __len__(self) -> int:
        return len(self.truths)

    def __getitem__(self, index: int) -> Sample:
        path = self.truths[index]
        scene = path.parents[2]
        rgb = decode.rgb(scene / 'images/dslr_images' / path.name)
        camera = _cameras(scene / 'dslr_calibration_jpg').get(f'dslr_images/{path.name}')
        name = f'{scene.name}/{path.stem}'
        return Sample(rgb, name, read_depth(path, *rgb.shape[:2]), camera=camera)


def read_depth(path: Path, height: int, width: int) -> np.ndarray:
    """Read (H, W) float32 metres, row by row without a header; +inf in the file is where the scanner saw nothing."""
    try:
        z_m = np.fromfile(path, '<f4')
    except OSError as error:
        raise decode.unreadable(path, error) from error
    if z_m.size != height * width:
        raise decode.unreadable(path, f'{z_m.size} numbers are not those of a picture of {width}x{height}')
    return np.where(np.isfinite(z_m) & (z_m > 0), z_m, np.float32(np.nan)).reshape(height, width)


_cameras = lru_cache(maxsize=32)(cameras_by_picture)  # of a scene: the file lists thousands of points too
