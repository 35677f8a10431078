# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read MPI Sintel: an animated film's own depth (Butler et al. 2012; sintel.is.tue.mpg.de/depth)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample

TAG = np.float32(202021.25)  # with which its files begin: PIEH in ASCII
FAR_M = 80.0  # what lies behind is painted sky, in planes hundreds and thousands of metres away


class Sintel:
    """23 sequences, 1,064 frames of 1024x436, in the film's units, which are metres give or take the modeller."""

    INFO = SetInfo(
        title='MPI Sintel (training, with depth)',
        tree=(
            '└── training/\n'
            '    ├── {clean,final}/alley_1/frame_0001.png\n'
            '    ├── depth/alley_1/frame_0001.dpt\n'
            '    └── camdata_left/alley_1/frame_0001.cam'
        ),
        splits=('final', 'clean'),
        truth='metres',
        licence='for research; see the site',
        source='http://sintel.is.tue.mpg.de: MPI-Sintel-complete.zip, and its depth package',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.root = root / 'training'
        self.pictures = sorted((self.root / split).glob('*/frame_*.png'))
        if not self.pictures:
            raise refuse(Sintel, root, f'training/{split}/*/frame_*.png')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        path = self.pictures[index]
        scene, frame = path.parent.name, path.stem
        rgb = decode.rgb(path)
        z_m = read_dpt(self.root / 'depth' / scene / f'{frame}.dpt')
        z_m = np.where(z_m > FAR_M, np.float32(np.inf), z_m)
        fx_px, fy_px, cx_px, cy_px = read_cam(self.root / 'camdata_left' / scene / f'{frame}.cam')
        camera = Camera(rgb.shape[1], rgb.shape[0], fx_px, fy_px, cx_px, cy_px)
        return Sample(rgb, f'{scene}/{frame}', z_m, camera=camera)


def read_dpt(path: Path) -> np.ndarray:
    """Read a .dpt file: (H, W) float32, as stored; raises DataError."""
    data = _tagged(path)
    width, height = np.frombuffer(data, '<i4', 2, 4) if len(data) >= 12 else (0, 0)
    if len(data) != 12 + 4 * width * height:
        raise decode.unreadable(path, f'{len(data)} bytes are not those of a depth map of {width}x{height}')
    return np.frombuffer(data, '<f4', offset=12).reshape(height, width)


def read_cam(path: Path) -> tuple[float, float, float, float]:
    """Read fx, fy, cx, cy (pixels) of a .cam file: a 3x3 matrix, before the 3x4 pose; raises DataError."""
    data = _tagged(path)
    if len(data) != 4 + 8 * (9 + 12):
        raise decode.unreadable(path, f'{len(data)} bytes are not those of two matrices')
    k = np.frombuffer(data, '<f8', 9, 4).reshape(3, 3)
    return float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])


def _tagged(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise decode.unreadable(path, error.strerror) from error
    if data[:4] != TAG.astype('<f4').tobytes():
        raise decode.unreadable(path, f'it does not begin with {TAG:g}')
    return data
