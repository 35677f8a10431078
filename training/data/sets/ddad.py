# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read DDAD: driving, six cameras, LiDAR to 250 m (Guizilini et al. 2020; github.com/TRI-ML/DDAD), in DGP format.

Of that format what DDAD uses: scenes as JSON, points as .npz, calibrations without distortion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.projection import splat
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample

FRONT = 'CAMERA_01'  # papers judge on it alone: 3,950 pictures of val
LIDAR = 'lidar'  # in any case of letters
SPLITS = {'train': '0', 'val': '1'}  # the numbers of DGP


@dataclass(frozen=True, eq=False)
class DdadFrame:
    """One picture, the sweep of its moment, and where both were."""

    scene: Path
    camera: str
    picture: str
    camera_pose: Pose  # to the scene's world
    points: str
    lidar_pose: Pose
    calibration: str


class Ddad:
    """Sparse depth: each LiDAR point of the same moment on its pixel, the nearest where there are several."""

    INFO = SetInfo(
        title='DDAD (ddad_train_val)',
        tree=(
            '├── ddad.json\n'
            '└── 000000/ (and 199 more)\n'
            '    ├── scene_<sha1>.json\n'
            '    ├── calibration/<sha1>.json\n'
            '    ├── rgb/CAMERA_01/15621787638931470.png\n'
            '    └── point_cloud/LIDAR/15621787638931470.npz'
        ),
        splits=('val', 'train', 'val-all', 'train-all'),  # all six cameras
        truth='metres',
        licence='CC BY-NC-SA 4.0',
        source='https://github.com/TRI-ML/DDAD: DDAD.tar (257 GB)',
    )

    def __init__(self, root: Path, split: str) -> None:
        if not (root / 'ddad.json').is_file():
            raise refuse(Ddad, root, 'ddad.json')
        part, _, every = split.partition('-')
        scenes = _json(root / 'ddad.json').get('scene_splits', {}).get(SPLITS[part], {}).get('filenames', [])
        self.frames = [frame for scene in scenes for frame in _frames(root / scene, front_only=not every)]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames[index]
        rgb = decode.rgb(frame.scene / frame.picture)
        camera = _camera(frame.scene / f'calibration/{frame.calibration}.json', frame.camera, *rgb.shape[:2])
        world_m = frame.lidar_pose.apply(_points(frame.scene / frame.points))
        xyz_m = frame.camera_pose.inverse().apply(world_m)
        pixels = camera.project(xyz_m)  # NaN behind the camera, and false below
        inside = (pixels > -0.5).all(axis=1) & (pixels < (camera.width - 0.5, camera.height - 0.5)).all(axis=1)
        name = f'{frame.scene.name}/{frame.camera}/{Path(frame.picture).stem}'
        return Sample(rgb, name, splat(pixels[inside], xyz_m[inside, 2], rgb.shape[:2]), camera=camera)


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise decode.unreadable(path, error) from error


def _frames(path: Path, *, front_only: bool) -> list[DdadFrame]:
    """List the pictures of a scene that have points; raises DataError."""
    scene = _json(path)
    try:
        data = {each['key']: each for each in scene['data']}
        frames = []
        for sample in scene['samples']:
            named = {data[key]['id']['name']: data[key]['datum'] for key in sample['datum_keys']}
            clouds = [datum['point_cloud'] for name, datum in named.items() if name.lower() == LIDAR]
            for name, datum in named.items():
                if clouds and 'image' in datum and (name == FRONT or not front_only):
                    picture, cloud = datum['image'], clouds[0]
                    taken, swept = _pose(picture['pose']), _pose(cloud['pose'])
                    files = name, picture['filename'], taken, cloud['filename'], swept, sample['calibration_key']
                    frames.append(DdadFrame(path.parent, *files))
        return frames
    except (KeyError, TypeError, AttributeError) as error:
        raise decode.unreadable(path, f'a scene of DGP has {error} here') from error


def _pose(pose: dict[str, dict[str, float]]) -> Pose:
    at, turned = pose['translation'], pose['rotation']
    return Pose.from_quaternion(tuple(at[k] for k in 'xyz'), tuple(turned[k] for k in ('qx', 'qy', 'qz', 'qw')))


def _points(path: Path) -> np.ndarray:
    """Read the points (N, 3) float64 of a sweep, in the LiDAR's frame; raises DataError."""
    try:
        with np.load(path) as file:
            return np.ascontiguousarray(file['data'][:, :3], np.float64)
    except Exception as error:  # a damaged archive raises what zipfile, zlib and NumPy raise
        raise decode.unreadable(path, error) from error


@lru_cache(maxsize=512)
def _camera(path: Path, name: str, height: int, width: int) -> Camera:
    calibration = _json(path)
    try:
        found = calibration['intrinsics'][calibration['names'].index(name)]
        # DGP takes a projection's whole part for its pixel: it counts from the corner of the first
        return Camera(width, height, found['fx'], found['fy'], found['cx'] - 0.5, found['cy'] - 0.5)
    except (KeyError, ValueError) as error:
        raise decode.unreadable(path, error) from error
