# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hypersim: float16 distances in gzipped HDF5, previews or linear colour, and the two tables of the devkit."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np
from sets.truth import Truth, picture, write_picture

from dav2_ros.camera import Camera

H, W = 48, 64
F_PX = W / 2 / math.tan(math.radians(30))
STANDARD = Camera(W, H, F_PX, F_PX, W / 2 - 0.5, H / 2 - 0.5)
SHIFTED = Camera(W, H, 60.0, 61.0, 20.0, 40.0)  # with its image plane tilted by 12 and -7 degrees
SPLITS = 'scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name'


def write(root: Path) -> dict[str, list[Truth]]:
    train = [one(root, 'ai_001_001', 'cam_00', 0, STANDARD), one(root, 'ai_001_001', 'cam_01', 7, STANDARD)]
    val = [from_colour(root, 'ai_003_010', 'cam_00', 12)]
    hidden = [one(root, 'ai_004_001', 'cam_00', 3, STANDARD)]  # on this disk, but not in the public release
    rows = [
        'ai_001_001,cam_00,0,True,,train',
        'ai_001_001,cam_01,7,True,,train',
        'ai_001_001,cam_01,8,True,,train',  # not on this disk
        'ai_003_010,cam_00,12,True,,val',
        'ai_004_001,cam_00,3,False,CONTENT FLAGGED FOR REMOVAL,',
    ]
    (root / 'metadata_images_split_scene_v1.csv').write_text('\n'.join([SPLITS, *rows]) + '\n')
    cells = [f'M_cam_from_uv_{i}{j}' for i in range(3) for j in range(3)]
    matrix = cam_from_uv(SHIFTED, tilt()).ravel().tolist()
    table = [','.join(['scene_name', 'use_camera_physical', *cells]), ','.join(map(str, ['ai_003_010', True, *matrix]))]
    (root / 'metadata_camera_parameters.csv').write_text('\n'.join(table) + '\n')
    return {'train': train, 'val': val, 'all': train + val + hidden}


def tilt() -> np.ndarray:
    """Turn about x, then about y."""
    (ca, sa), (cb, sb) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (12, -7))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    return np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]]) @ about_x


def cam_from_uv(camera: Camera, turn: np.ndarray) -> np.ndarray:
    """Make the devkit's matrix: (u, v, 1) from -1 to 1, v up, to a ray of the scene's camera, which looks along -z."""
    rays = []
    corners = ((-1, -1), (1, -1), (-1, 1))
    for u, v in corners:
        x, y = (u + 1) / 2 * W - 0.5, (1 - v) / 2 * H - 0.5
        ray = turn.T @ np.linalg.solve(camera.k, [x, y, 1.0])
        rays.append(ray * [1, -1, -1])
    return np.array(rays).T @ np.linalg.inv(np.array([[*c, 1] for c in corners]).T)


def distances(images: Path, cam: str, frame: int, camera: Camera) -> np.ndarray:
    """Write distances in float16 as the set does, and return the Z of what was written."""
    rng = np.random.default_rng(frame)
    points = camera.unproject(rng.uniform(0.4, 30.0, (H, W)).astype(np.float32)).astype(np.float64)
    away_m = np.linalg.norm(points, axis=-1)
    stored_m = away_m.astype(np.float16)
    stored_m[:5, :9] = np.nan  # seen through a window: nothing was there
    save(images / f'scene_{cam}_geometry_hdf5/frame.{frame:04d}.depth_meters.hdf5', stored_m)
    return points[..., 2] * stored_m.astype(np.float64) / away_m


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        file.create_dataset('dataset', data=values, compression='gzip', compression_opts=9)


def one(root: Path, scene: str, cam: str, frame: int, camera: Camera) -> Truth:
    images = root / scene / 'images'
    rgb = picture(H, W, frame)
    write_picture(images / f'scene_{cam}_final_preview/frame.{frame:04d}.tonemap.jpg', rgb)
    return Truth(rgb, distances(images, cam, frame, camera), camera=camera, rgb_atol=6)


def from_colour(root: Path, scene: str, cam: str, frame: int) -> Truth:
    """Write linear colour that was rendered everywhere but in the top rows, which are glaring."""
    images = root / scene / 'images'
    colour = (1e-3 + picture(H, W, frame) / 40.0).astype(np.float16)
    colour[:4] = 500.0
    entity = np.where(np.arange(H)[:, None] < 4, -1, 17) * np.ones((1, W))
    save(images / f'scene_{cam}_final_hdf5/frame.{frame:04d}.color.hdf5', colour)
    save(images / f'scene_{cam}_geometry_hdf5/frame.{frame:04d}.render_entity_id.hdf5', entity.astype(np.int16))
    linear = colour.astype(np.float64)
    ninth = np.percentile((linear[4:] * [0.3, 0.59, 0.11]).sum(-1), 90)
    shown = np.minimum(linear * (0.8**2.2 / ninth), 1) ** (1 / 2.2)
    return Truth(shown * 255, distances(images, cam, frame, SHIFTED), camera=SHIFTED, rgb_atol=1)
