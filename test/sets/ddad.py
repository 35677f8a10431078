# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDAD: two scenes of two cameras and a LiDAR, which move while the world stands still."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera

CAMERAS = ('CAMERA_01', 'CAMERA_05')
SIZE = (40, 60)  # height, width


def write(root: Path) -> dict[str, list[Truth]]:
    truths, splits = {}, {}
    for number, part in enumerate(('train', 'val')):
        folder = root / f'{150 * number:06}'
        views = scene(folder, number)
        splits[str(number)] = {'filenames': [f'{folder.name}/scene_ab{number}.json']}
        truths[part], truths[f'{part}-all'] = [views[0], views[2]], views
    (root / 'ddad.json').write_text(json.dumps({'metadata': {'name': 'DDAD'}, 'scene_splits': splits}))
    return truths


def scene(folder: Path, seed: int) -> list[Truth]:
    rng, data, samples, truths = np.random.default_rng(seed), [], [], []
    k = [(62.5 + i, 63.0, 30.25, 19.5 + seed) for i in range(len(CAMERAS))]
    for sweep in range(2):
        lidar = Rotation.from_rotvec([0.01, -0.02, 2.5]), np.array([400.0, -259.0 + sweep, 12.5])
        local = rng.uniform(-30, 30, (4000, 4)).astype(np.float32)
        file = f'point_cloud/LIDAR/{sweep}.npz'
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / file, data=local)
        keys = [f'{seed}{sweep}L']
        cloud = {'filename': file, 'pose': pose(*lidar), 'point_format': ['X', 'Y', 'Z', 'INTENSITY']}
        data.append({'key': keys[0], 'id': {'name': 'LIDAR'}, 'datum': {'point_cloud': cloud}})
        world = lidar[0].apply(local[:, :3].astype(float)) + lidar[1]
        for i, camera in enumerate(CAMERAS):
            at = Rotation.from_euler('ZX', [1.1 * i + 0.3, -1.57]), np.array([401.0, -259.5 + sweep, 13.8])
            rgb, file = picture(*SIZE, seed + sweep + 5 * i), f'rgb/{camera}/{sweep}.png'
            write_picture(folder / file, rgb)
            keys.append(f'{seed}{sweep}{i}')
            image = {'filename': file, 'height': SIZE[0], 'width': SIZE[1], 'channels': 3, 'pose': pose(*at)}
            data.append({'key': keys[-1], 'id': {'name': camera}, 'datum': {'image': image}})
            seen = look(at[0].inv().apply(world - at[1]), k[i])
            fx, fy, cx, cy = k[i]
            truths.append(Truth(rgb, seen, camera=Camera(SIZE[1], SIZE[0], fx, fy, cx - 0.5, cy - 0.5)))
        samples.append({'id': {}, 'datum_keys': keys, 'calibration_key': 'c0'})
    (folder / f'scene_ab{seed}.json').write_text(json.dumps({'data': data[::-1], 'samples': samples}))
    named = [dict(zip(('fx', 'fy', 'cx', 'cy', 'skew'), (*each, 0))) for each in [(0, 0, 0, 0), *k]]
    (folder / 'calibration').mkdir()
    (folder / 'calibration/c0.json').write_text(json.dumps({'names': ['LIDAR', *CAMERAS], 'intrinsics': named}))
    return truths


def pose(rotation: Rotation, xyz: np.ndarray) -> dict:
    turned = dict(zip(('qx', 'qy', 'qz', 'qw'), rotation.as_quat()))
    return {'rotation': turned, 'translation': dict(zip('xyz', xyz))}


def look(points: np.ndarray, k: tuple[float, ...]) -> np.ndarray:
    """Draw points one by one, as the format's own reader counts pixels: from the corner."""
    z_m = np.full(SIZE, np.inf)
    for x, y, z in points:
        if z > 0:
            u, v = k[0] * x / z + k[2], k[1] * y / z + k[3]
            if 0 <= u < SIZE[1] and 0 <= v < SIZE[0]:
                z_m[int(v), int(u)] = min(z_m[int(v), int(u)], z)
    return np.where(np.isinf(z_m), np.nan, z_m)
