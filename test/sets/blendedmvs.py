# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""BlendedMVS: PFM, bottom row first, 0 where the scan has no surface, in a unit of each scene's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera

H, W = 36, 48
CAMERA = Camera(W, H, 36.0, 36.5, 24.0, 18.0)
FIRST, SECOND = '5a3ca9cb270f0e3f14d0eddb', '5b7a3890fc8fcf6781e2593a'


def write(root: Path) -> dict[str, list[Truth]]:
    statue, castle = [one(root, FIRST, i, 0.4) for i in range(2)], [one(root, SECOND, 7, 160.0)]
    (root / 'BlendedMVG_training.txt').write_text(f'{FIRST}\n57f8d9bbe73f6760f10e916a\n')
    (root / 'validation_list.txt').write_text(f'{SECOND}\n')
    return {'all': statue + castle, 'train': statue, 'val': castle}


def one(root: Path, scene: str, number: int, scale: float) -> Truth:
    rgb = picture(H, W, number)
    write_picture(root / scene / f'blended_images/{number:08d}.jpg', rgb)
    z = np.random.default_rng(number).uniform(scale, 3 * scale, (H, W)).astype('<f4')
    z[:7, :11] = 0
    maps, cams = root / scene / 'rendered_depth_maps', root / scene / 'cams'
    maps.mkdir(exist_ok=True)
    (maps / f'{number:08d}.pfm').write_bytes(f'Pf\n{W} {H}\n-1.000000\n'.encode() + z[::-1].tobytes())
    cams.mkdir(exist_ok=True)
    extrinsic = '\n'.join(' '.join(map(str, row)) + ' ' for row in np.eye(4))
    intrinsic = '\n'.join(' '.join(map(str, row)) + ' ' for row in CAMERA.k)
    text = f'extrinsic\n{extrinsic}\n\nintrinsic\n{intrinsic}\n\n{scale} 0.01 128.0 {3 * scale}\n'
    (cams / f'{number:08d}_cam.txt').write_text(text)
    disparity = np.full((H, W), np.nan)
    disparity[z > 0] = 1 / z[z > 0]
    return Truth(rgb, disparity=disparity, camera=CAMERA, rgb_atol=6)
