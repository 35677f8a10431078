# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D: millimetres with their bits turned, folders at different depths, a cell array of the authors' paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat
from sets.truth import Truth, picture, write_picture, write_png16

from dav2_ros.camera import Camera

FOLDERS = ('kv1/NYUdata/NYU0001', 'realsense/lg/2014_10_21-18_16_30', 'xtion/sun3ddata/brown_bm_1/brown_bm_1/frame_0')


def write(root: Path) -> dict[str, list[Truth]]:
    truths = [one(root / 'SUNRGBD' / folder, i) for i, folder in enumerate(FOLDERS)]
    there = [f'/n/fs/sun3d/data/SUNRGBD/{folder}' for folder in FOLDERS]
    mat = root / 'SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat'
    mat.parent.mkdir(parents=True)
    lists = {'alltrain': there[:2], 'alltest': [there[2] + '/']}
    savemat(mat, {key: np.array(value, dtype=object)[None] for key, value in lists.items()})
    return {'train': truths[:2], 'test': truths[2:], 'all': truths}


def one(folder: Path, seed: int) -> Truth:
    rng, rgb, name = np.random.default_rng(seed), picture(36, 48, seed), folder.name
    write_picture(folder / f'image/{name}.jpg', rgb)
    mm = rng.integers(1, 12000, (36, 48))
    mm[:3] = 0
    turned = [int(f'{value:016b}'[3:] + f'{value:016b}'[:3], 2) for value in mm.ravel()]
    write_png16(folder / f'depth/{name}.png', np.reshape(turned, mm.shape))
    k = f'529.5 0 365\n0 529.{seed} 265\n0 0 1' if seed else '518.857901 0 284.582449 0 519.469611 208.736166 0 0 1 '
    (folder / 'intrinsics.txt').write_text(k)
    (folder / 'fullres').mkdir()
    (folder / 'fullres/intrinsics.txt').write_text('1 0 0 0 1 0 0 0 1')
    values = (529.5, 529 + seed / 10, 364, 264) if seed else (518.857901, 519.469611, 283.582449, 207.736166)
    z_m = np.where((mm > 0) & (mm <= 8000), mm / 1000, np.nan)
    return Truth(rgb, z_m, camera=Camera(48, 36, *values), rgb_atol=6)
