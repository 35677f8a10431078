# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read SUN RGB-D: rooms seen by four depth cameras (Song et al. 2015; rgbd.cs.princeton.edu)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample

FAR_M = 8.0  # the toolbox sets all beyond to 8 m, loaders of others leave it out: none of the sensors measures there
LIST = 'SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat'


class SunRgbd:
    """10,335 pictures: 5,285 of train, 5,050 of test; depth as measured, holes and all (depth/, not depth_bfx/)."""

    INFO = SetInfo(
        title='SUN RGB-D',
        tree=(
            '├── SUNRGBD/{kv1,kv2,realsense,xtion}/.../NYU0001/\n'
            '│   ├── image/NYU0001.jpg\n'
            '│   ├── depth/NYU0001.png\n'
            '│   └── intrinsics.txt\n'
            f'└── {LIST}  (not for the split all)'
        ),
        splits=('test', 'train', 'all'),
        truth='metres',
        licence='for research; see the site',
        source='https://rgbd.cs.princeton.edu: SUNRGBD.zip (6.4 GB) and SUNRGBDtoolbox.zip',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.root = root / 'SUNRGBD'
        if not self.root.is_dir():
            raise refuse(SunRgbd, root, 'SUNRGBD')
        if split == 'all':  # fullres/ has intrinsics too, and no image/
            found = (path.parent for path in self.root.rglob('intrinsics.txt'))
            self.folders = sorted(folder for folder in found if (folder / 'image').is_dir())
        elif not (root / LIST).is_file():
            raise refuse(SunRgbd, root, LIST)
        else:
            self.folders = [self.root / each for each in _listed(root / LIST, f'all{split}')]

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, index: int) -> Sample:
        folder = self.folders[index]
        rgb = decode.rgb(_only(folder / 'image', '*.jpg'))
        z_m = to_metres(decode.png16(_only(folder / 'depth', '*.png')))
        return Sample(rgb, str(folder.relative_to(self.root)), z_m, camera=_camera(folder, *rgb.shape[:2]))


def to_metres(coded: np.ndarray) -> np.ndarray:
    """Turn the files' uint16 into metres: millimetres whose bits are turned left by three; 0 is unknown."""
    z_m = ((coded >> 3) | (coded << 13)) * np.float32(1e-3)
    return np.where((z_m > 0) & (z_m <= FAR_M), z_m, np.float32(np.nan))


def _camera(folder: Path, height: int, width: int) -> Camera:
    path = folder / 'intrinsics.txt'
    try:
        k = np.array([float(word) for word in path.read_text().split()]).reshape(3, 3)
    except (OSError, ValueError) as error:
        raise decode.unreadable(path, error) from error
    # the toolbox lifts pixel (1, 1) first, as MATLAB counts
    return Camera(width, height, k[0, 0], k[1, 1], k[0, 2] - 1.0, k[1, 2] - 1.0)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise DataError(f'{folder} holds {len(found)} files {pattern}, not one: was the archive unpacked completely?')
    return found[0]


def _listed(path: Path, key: str) -> list[str]:
    """Read the folders of a split, below SUNRGBD: the file names them as they were on its authors' disk."""
    names = np.ravel(decode.mat(path).get(key, []))
    return [str(name).partition('SUNRGBD/')[2].rstrip('/') for name in names]
