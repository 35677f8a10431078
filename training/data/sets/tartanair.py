# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read TartanAir: flights through thirty game worlds, in hard motion and weather."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo

STANDARD = Camera(640, 480, 320.0, 320.0, 320.0, 240.0)
SKY_M = 1e4  # what is drawn at infinity has at least this
BAD_SKY = 'amusement'  # a dome that nobody sees ends its sky at a finite depth (castacks/tartanair_tools issue 46)


class TartanAir(PairSet):
    """The left camera; the files hold Z, in metres. All splits but 'all' leave the world 'amusement' out."""

    INFO = SetInfo(
        title='TartanAir',
        tree="""ROOT
└── abandonedfactory/Easy/P000        Easy and Hard
    ├── image_left/000000_left.png
    └── depth_left/000000_left_depth.npy""",
        splits=('train', 'easy', 'hard', 'all'),
        truth='metres',
        licence='CC BY 4.0',
        source='https://theairlab.org/tartanair-dataset',
        lists=True,
    )

    def find(self, split: str) -> Iterator[PairNames]:
        motion = {'easy': 'Easy', 'hard': 'Hard'}.get(split, '*')
        for truth in self.files(f'*/{motion}/P*/depth_left/*_left_depth.npy'):
            if split == 'all' or not truth.startswith(f'{BAD_SKY}/'):
                yield truth.replace('/depth_left/', '/image_left/').replace('_depth.npy', '.png'), truth

    def truth(self, pair: FilePair) -> np.ndarray:
        z_m = decode.npy(pair.truth).astype(np.float32)
        z_m[z_m >= SKY_M] = np.inf
        z_m[z_m <= 0] = np.nan
        return z_m

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        return STANDARD.resized(rgb.shape[1], rgb.shape[0])
