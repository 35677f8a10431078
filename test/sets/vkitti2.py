# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Virtual KITTI 2: centimetres in PNG16, 65535 for sky, and the intrinsics of textgt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture, write_png16

from dav2_ros.camera import Camera

H, W = 30, 99
TOLD = Camera(W, H, 58.0, 58.5, 49.0, 15.0)  # by intrinsic.txt
ASSUMED = Camera(1242, 375, 725.0087, 725.0087, 620.5, 187.0).resized(W, H)


def write(root: Path) -> dict[str, list[Truth]]:
    drive = [one(root, 'Scene01/clone', 0, frame, TOLD) for frame in range(2)]
    (root / 'Scene01/clone/intrinsic.txt').write_text(
        'frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n'
        + ''.join(f'{frame} {camera} 58.0 58.5 49.0 15.0\n' for frame in range(2) for camera in (0, 1))
    )
    right = one(root, 'Scene01/clone', 1, 0, TOLD)
    aside = one(root, 'Scene02/15-deg-left', 0, 0, ASSUMED)
    rain = one(root, 'Scene20/rain', 0, 5, ASSUMED)
    return {
        'all': [*drive, aside, rain],
        'marigold-val': [*drive, right],
        'marigold-train': [rain],
    }


def one(root: Path, drive: str, camera: int, frame: int, k: Camera) -> Truth:
    rng = np.random.default_rng(frame + 10 * camera)
    rgb = picture(H, W, frame + camera)
    stored_cm = rng.integers(120, 65535, (H, W))
    stored_cm[:6] = 65535
    write_picture(root / drive / f'frames/rgb/Camera_{camera}/rgb_{frame:05d}.jpg', rgb)
    write_png16(root / drive / f'frames/depth/Camera_{camera}/depth_{frame:05d}.png', stored_cm)
    z_m = np.where(stored_cm == 65535, np.inf, stored_cm / 100)
    return Truth(rgb, z_m, camera=k, rgb_atol=6)
