# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""KITTI: depth in 1/256 m as PNG16, 0 unknown; the calibration file of a day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture, write_png16

from dav2_ros.camera import Camera

H, W = 24, 80
LEFT, RIGHT = Camera(W, H, 47.25, 47.5, 40.5, 11.25), Camera(W, H, 47.0, 47.125, 40.0, 11.5)
CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 8.000000e+01 2.400000e+01
R_rect_02: 1 0 0 0 1 0 0 0 1
P_rect_02: 4.725000e+01 0.000000e+00 4.050000e+01 4.485728e+01 0.000000e+00 4.750000e+01 1.125000e+01 2.163791e-01 \
0.000000e+00 0.000000e+00 1.000000e+00 2.745884e-03
P_rect_03: 4.700000e+01 0.000000e+00 4.000000e+01 -3.395242e+02 0.000000e+00 4.712500e+01 1.150000e+01 2.199936e+00 \
0.000000e+00 0.000000e+00 1.000000e+00 2.729905e-03
"""
FREE, TESTED, JPEGS = '2011_09_26_drive_0001_sync', '2011_09_26_drive_0002_sync', '2011_09_29_drive_0004_sync'


def write(root: Path) -> dict[str, list[Truth]]:
    free = [one(root, 'train', FREE, 2, frame, LEFT) for frame in (5, 6)]
    tested = [one(root, 'val', TESTED, 2, frame, LEFT) for frame in (5, 21)]
    uncalibrated = [one(root, 'val', JPEGS, 2, 9, None, '.jpg')]
    right = one(root, 'val', TESTED, 3, 21, RIGHT)
    (root / 'raw/2011_09_26/calib_cam_to_cam.txt').write_text(CALIBRATION)
    raw, annotated = f'raw/2011_09_26/{TESTED}', f'data_depth_annotated/val/{TESTED}/proj_depth/groundtruth'
    lists = root / 'lists'
    lists.mkdir()
    (lists / 'method.txt').write_text(
        f'/data/kitti/{raw}/image_02/data/0000000021.png /data/kitti/{annotated}/image_02/0000000021.png\n'
    )
    (lists / 'bts.txt').write_text(
        f'{raw[4:]}/image_02/data/0000000069.png None 721.5377\n'
        f'{raw[4:]}/image_02/data/0000000005.png {annotated[25:]}/image_02/0000000005.png 721.5377\n'
    )
    (lists / 'monodepth2.txt').write_text(f'{raw[4:]} 21 r\n{raw[4:]} 0000000005 l\n{raw[4:]} 0000000069 l\n')
    return {
        'train': free,
        'val': tested + uncalibrated,
        'eigen-train': free + uncalibrated,
        'eigen-test': tested,
        'eigen-25': tested,
        str(lists / 'method.txt'): tested[1:],
        str(lists / 'bts.txt'): tested[:1],
        str(lists / 'monodepth2.txt'): [right, tested[0]],
    }


def one(root: Path, part: str, drive: str, side: int, frame: int, k: Camera | None, suffix: str = '.png') -> Truth:
    rng = np.random.default_rng(frame)
    rgb = picture(H, W, frame + side)
    stored = rng.integers(256, 80 * 256, (H, W))
    stored[rng.random((H, W)) < 0.7] = 0
    day = root / 'raw' / drive[:10] / drive
    write_picture(day / f'image_{side:02d}/data/{frame:010d}{suffix}', rgb)
    annotated = root / 'data_depth_annotated' / part / drive / 'proj_depth/groundtruth'
    write_png16(annotated / f'image_{side:02d}/{frame:010d}.png', stored)
    z_m = np.where(stored == 0, np.nan, stored / 256)
    return Truth(rgb, z_m, camera=k, rgb_atol=6 if suffix == '.jpg' else 0)
