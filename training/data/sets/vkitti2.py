# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read Virtual KITTI 2: five drives of KITTI, rendered in ten variants of light, weather and view."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo

SKY = 65535  # of the 16 bits; all else is centimetres
STANDARD = Camera(1242, 375, 725.0087, 725.0087, 620.5, 187.0)
PICTURE = re.compile(r'(Scene\d+/[^/]+)/frames/rgb/Camera_(\d)/rgb_(\d+)')
LIGHTS = ('clone', 'fog', 'morning', 'overcast', 'rain', 'sunset')  # the variants with KITTI's own view
LEARNT = 0.92  # share of camera 0 that the published metric models were trained on


class VKitti2(PairSet):
    """Camera 0 is what the method calls its 20 K frames.

    'train' and 'val' are 92 % and 8 % of it, chosen by a hash of the frame's name: as many frames as the published
    models had (19,559 of 21,260), but not the same ones, for those were drawn at random: give the method's own list as
    the split to have them. The 'marigold' splits hold out Scene01, and have both cameras and the six variants that
    look ahead.
    """

    INFO = SetInfo(
        title='Virtual KITTI 2',
        tree="""ROOT                  (or ROOT/vkitti_2.0.3_rgb, ROOT/vkitti_2.0.3_depth, ROOT/vkitti_2.0.3_textgt)
└── Scene01/clone     Scene01 02 06 18 20, each in ten variants
    ├── frames/rgb/Camera_0/rgb_00000.jpg
    ├── frames/depth/Camera_0/depth_00000.png
    └── intrinsic.txt     of textgt (without it: the published 725.0087 px)""",
        splits=('train', 'val', 'all', 'marigold-train', 'marigold-val'),
        truth='metres',
        licence='CC BY-NC-SA 3.0',
        source='https://europe.naverlabs.com/research/computer-vision/proxy-virtual-worlds-vkitti-2',
        lists=True,
    )

    def _folder(self, kind: str) -> str:
        """Name the folder of an archive that was unpacked beside the others; all are one where they were merged."""
        return unpacked if (self.root / (unpacked := f'vkitti_2.0.3_{kind}')).is_dir() else ''

    def find(self, split: str) -> Iterator[PairNames]:
        depth, rgb = self._folder('depth'), self._folder('rgb')
        camera = '*' if split.startswith('marigold') else '0'
        truths = self.files(f'Scene*/*/frames/depth/Camera_{camera}/depth_*.png', depth)
        if split.startswith('marigold'):
            held_out = split == 'marigold-val'
            parts = ((t, *t.split('/')[:2]) for t in truths)
            truths = [t for t, scene, variant in parts if variant in LIGHTS and (scene == 'Scene01') == held_out]
        elif split != 'all':
            drawn = sorted(truths, key=lambda t: blake2b(t.encode()).digest())
            count = int(LEARNT * len(drawn))
            truths = sorted(drawn[:count] if split == 'train' else drawn[count:])
        for t in truths:
            picture = t.replace('/depth/', '/rgb/').replace('/depth_', '/rgb_').replace('.png', '.jpg')
            yield os.path.join(rgb, picture), os.path.join(depth, t)

    def truth(self, pair: FilePair) -> np.ndarray:
        stored = decode.png16(pair.truth)
        z_m = decode.metres(stored, 100)
        z_m[stored == SKY] = np.inf
        return z_m

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        height, width = rgb.shape[:2]
        if found := PICTURE.search(pair.picture.as_posix()):
            drive, eye, frame = found.groups()
            told = _intrinsics(self.root / self._folder('textgt') / drive / 'intrinsic.txt')
            if row := told.get((int(frame), int(eye))):
                return Camera(width, height, *row)
        return STANDARD.resized(width, height)


@lru_cache(maxsize=128)
def _intrinsics(path: Path) -> dict[tuple[int, int], tuple[float, ...]]:
    """Read fx, fy, cx, cy by frame and camera; nothing where the file is not there."""
    if not path.is_file():
        return {}
    try:
        rows = [line.split() for line in path.read_text().splitlines()[1:] if line.strip()]
        return {(int(frame), int(camera)): tuple(map(float, k)) for frame, camera, *k in rows}
    except ValueError as error:
        raise decode.unreadable(path, error) from error
