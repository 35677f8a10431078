# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ETH3D: raw float32 under the picture's own name, and a COLMAP model with a fisheye lens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera

CAMERAS = """# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
# Number of cameras: 2
0 THIN_PRISM_FISHEYE 60 40 34.1142 34.1002 30.4129 20.1407 0.21047 0.21102 -5.36231e-06 0.00051541 -0.158023 0.406856 -8.46499e-05 0.000861313
3 PINHOLE 60 40 35.5 36.25 30.5 20.25
"""  # noqa: E501
IMAGES = """# Image list with two lines of data per image:
#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME
#   POINTS2D[] as (X, Y, POINT3D_ID)
2 0.91 -0.02 0.4 0.01 1.5 -0.2 3.25 3 dslr_images/DSC_0287.JPG

1 0.90 -0.02 0.4 0.01 1.4 -0.2 3.20 0 dslr_images/DSC_0286.JPG
12.5 33.25 17 40.0 8.125 -1
"""


def write(root: Path) -> dict[str, list[Truth]]:
    truths = []
    for i, camera in enumerate([(34.1142, 34.1002, 29.9129, 19.6407), (35.5, 36.25, 30.0, 19.75)]):
        rng, name, rgb = np.random.default_rng(i), f'DSC_028{6 + i}.JPG', picture(40, 60, i)
        write_picture(root / 'courtyard/images/dslr_images' / name, rgb)
        z_m = rng.uniform(1.0, 40.0, (40, 60)).astype('<f4')
        z_m[rng.random(z_m.shape) < 0.3] = np.inf
        path = root / 'courtyard/ground_truth_depth/dslr_images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(z_m.tobytes())
        seen = np.where(np.isinf(z_m), np.nan, z_m)
        truths.append(Truth(rgb, seen, camera=Camera(60, 40, *camera), rgb_atol=6))
    model = root / 'courtyard/dslr_calibration_jpg'
    model.mkdir()
    (model / 'cameras.txt').write_text(CAMERAS)
    (model / 'images.txt').write_text(IMAGES)
    return {'train': truths}
