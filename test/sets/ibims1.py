# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""iBims-1: a MATLAB struct per picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat
from sets.truth import Truth, picture

from dav2_ros.camera import Camera


def write(root: Path) -> dict[str, list[Truth]]:
    folder = root / 'ibims1_core_mat'
    folder.mkdir(parents=True)
    names, truths = ['corridor_01', 'kitchen_05'], []
    (folder / 'imagelist.txt').write_text('\n'.join(names) + '\n')
    for i, name in enumerate(names):
        rng, rgb = np.random.default_rng(i), picture(48, 64, i)
        z_m = rng.uniform(0.5, 20.0, (48, 64))
        z_m[:3] = 0.0
        masks = [(rng.random(z_m.shape) > 0.1).astype(np.uint8) for _ in range(2)]
        calib = np.array([[550.5, 0, 0], [0, 551.25, 0], [32.5 + i, 24.75, 1]])
        data = {'rgb': rgb, 'depth': z_m, 'calib': calib, 'mask_invalid': masks[0], 'mask_transp': masks[1]}
        savemat(folder / f'{name}.mat', {'data': data | {'edges': masks[0]}}, do_compression=True)
        known = (z_m > 0) & (masks[0] == 1) & (masks[1] == 1)
        camera = Camera(64, 48, 550.5, 551.25, 31.5 + i, 23.75)
        truths.append(Truth(rgb, np.where(known, z_m, np.nan).astype(np.float32), camera=camera))
    return {'test': truths}
