# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IRS: disparity in EXR, one float channel called G."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera

H, W = 540, 960


def write(root: Path) -> dict[str, list[Truth]]:
    return {'all': [one(root, 'Home/RoyalRoom', 321), one(root, 'Store/Supermarket_Dark', 2)]}


def one(root: Path, room: str, number: int) -> Truth:
    rgb = picture(H, W, number)
    write_picture(root / room / f'l_{number}.png', rgb)
    disparity_px = np.random.default_rng(number).uniform(2.0, 90.0, (H, W)).astype(np.float32)
    disparity_px[10:20] = 0.0
    header = {'compression': OpenEXR.PIZ_COMPRESSION, 'type': OpenEXR.scanlineimage}
    with OpenEXR.File(header, {'G': disparity_px}) as file:
        file.write(str(root / room / f'd_{number}.exr'))
    z_m = np.full((H, W), np.nan)
    z_m[disparity_px > 0] = 48.0 / disparity_px[disparity_px > 0]
    return Truth(rgb, z_m, camera=Camera(W, H, 480, 480, 479.5, 269.5))
