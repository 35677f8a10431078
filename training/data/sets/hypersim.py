# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read Hypersim: rendered rooms, with the distance of every pixel.

Two things are easily got wrong. The files hold the distance from the camera's centre, not Z. And 255 of the 457 public
scenes were not taken with the camera of 60 degrees that most loaders assume, but with a tilted image plane, up to 41
degrees (metadata_camera_parameters.csv). A tilted plane still is a pinhole, seen along the plane's own normal: K and
that axis follow from M_cam_from_uv by an RQ decomposition, and Z is measured along it, so that Camera.unproject gives
back the distances of the file. Of the skew (up to 1.9 % of f) Z knows and the Camera does not.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from functools import cache, cached_property

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo, refuse

SPLITS_CSV, CAMERAS_CSV = 'metadata_images_split_scene_v1.csv', 'metadata_camera_parameters.csv'
STANDARD = np.diag([math.tan(math.radians(30)), 0.75 * math.tan(math.radians(30)), -1.0])  # 60 degrees, 4:3


class Hypersim(PairSet):
    """Frames whose distance is on disk; the picture is the preview, or tone-mapped from the colour if there is none."""

    INFO = SetInfo(
        title='Hypersim',
        tree=f"""ROOT
├── {SPLITS_CSV}   what is train, val and test (split all does without)
├── {CAMERAS_CSV}      every scene's own camera (without it: 60 degrees)
└── ai_001_001/images
    ├── scene_cam_00_final_preview/frame.0000.tonemap.jpg      or scene_cam_00_final_hdf5/frame.0000.color.hdf5
    └── scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5""",
        splits=('train', 'val', 'test', 'all'),
        truth='metres',
        licence='CC BY-SA 3.0',
        source='https://github.com/apple/ml-hypersim; tables: evermotion_dataset/analysis, contrib/mikeroberts3000',
        lists=True,
    )

    def find(self, split: str) -> Iterator[PairNames]:
        chosen = None if split == 'all' else self._partition(split)
        has_previews = cache(lambda images: (self.root / f'{images}_final_preview').is_dir())
        for truth in self.files('ai_*/images/scene_cam_*_geometry_hdf5/frame.*.depth_meters.hdf5'):
            scene, _, folder, name = truth.split('/')
            camera, frame = folder[6:12], name[6:10]
            if chosen is None or (scene, camera, int(frame)) in chosen:
                images = f'{scene}/images/scene_{camera}'
                preview, colour = f'_final_preview/frame.{frame}.tonemap.jpg', f'_final_hdf5/frame.{frame}.color.hdf5'
                yield images + (preview if has_previews(images) else colour), truth

    def _table(self, name: str) -> list[dict[str, str]]:
        for path in (self.root / name, self.root / 'analysis' / name):
            if path.is_file():
                with path.open(newline='') as file:
                    return list(csv.DictReader(file))
        return []

    def _partition(self, split: str) -> set[tuple[str, str, int]]:
        if not (rows := self._table(SPLITS_CSV)):
            raise refuse(type(self), self.root, SPLITS_CSV)
        public = (row for row in rows if row['included_in_public_release'] == 'True')
        return {
            (row['scene_name'], row['camera_name'], int(row['frame_id']))
            for row in public
            if row['split_partition_name'] == split
        }

    @cached_property
    def _matrices(self) -> dict[str, np.ndarray]:
        cells = [f'M_cam_from_uv_{i}{j}' for i in range(3) for j in range(3)]
        rows = self._table(CAMERAS_CSV)
        return {row['scene_name']: np.array([float(row[c]) for c in cells]).reshape(3, 3) for row in rows}

    def _k(self, pair: FilePair, height: int, width: int) -> np.ndarray:
        scene = pair.truth.parents[2].name
        return pinhole(self._matrices.get(scene, STANDARD), height, width)

    def rgb(self, pair: FilePair) -> np.ndarray:
        if pair.picture.suffix != '.hdf5':
            return decode.rgb(pair.picture)
        entities = pair.truth.with_name(pair.truth.name.replace('depth_meters', 'render_entity_id'))
        known = decode.hdf5(entities) != -1 if entities.exists() else None
        return tone_mapped(decode.hdf5(pair.picture).astype(np.float32), known)

    def truth(self, pair: FilePair) -> np.ndarray:
        z_m = decode.hdf5(pair.truth).astype(np.float32)  # distance, so far
        z_m /= ray_lengths(self._k(pair, *z_m.shape), *z_m.shape)
        return z_m

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        height, width = rgb.shape[:2]
        k = self._k(pair, height, width)
        return Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])


def pinhole(m_cam_from_uv: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return K (3, 3) of a picture whose rays are M (u, v, 1), u right and v up from -1 to 1, camera looking along -z.

    With pixels p and rays D p, D^-1 = K R: R turns the scene's camera to look along the normal of the image plane.
    """
    uv = np.array([[2 / width, 0, 1 / width - 1], [0, -2 / height, 1 - 1 / height], [0, 0, 1]])
    pixels = np.linalg.inv(np.diag([1.0, -1.0, -1.0]) @ m_cam_from_uv @ uv)
    k = cv2.RQDecomp3x3(pixels)[1]
    k = k * np.sign(np.diag(k))  # columns: focal lengths are positive
    return k / k[2, 2]


def ray_lengths(k: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return (H, W) float32 |K^-1 (u, v, 1)|: by how much a pixel is farther away than its Z."""
    inverse = np.linalg.inv(k).astype(np.float32)  # upper triangular
    v = np.arange(height, dtype=np.float32)[:, None]
    x = inverse[0, 0] * np.arange(width, dtype=np.float32) + inverse[0, 2]
    y = inverse[1, 1] * v + inverse[1, 2]
    if inverse[0, 1]:
        x = x + inverse[0, 1] * v  # a row becomes a picture: only for the cameras that have skew
    squares = x * x + (y * y + 1)
    return np.sqrt(squares, out=squares)


def tone_mapped(colour: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Turn linear colour (H, W, 3) to uint8 as the data set's previews were: the 90th percentile of brightness at 0.8.

    `known` (H, W) is where something was rendered; only that counts.
    """
    brightness = colour @ np.array([0.3, 0.59, 0.11], np.float32)
    brightness = brightness if known is None else brightness[known]
    bright = np.percentile(brightness, 90) if brightness.size else 0.8**2.2
    gain = 0.8**2.2 / bright if bright >= 1e-4 else 0.0
    return np.rint(255 * np.clip(gain * colour, 0, 1) ** (1 / 2.2)).astype(np.uint8)
