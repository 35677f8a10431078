# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read IRS: rooms for a robot's stereo camera, in many lights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo

STANDARD = Camera(960, 540, 480.0, 480.0, 479.5, 269.5)  # the centre is not published: taken to be the middle
BASELINE_M = 0.1


class Irs(PairSet):
    """The left camera; Z = 480 px * 0.1 m / disparity.

    A split may be one of the set's own lists, lines of left, right, disparity and sometimes normals.
    """

    INFO = SetInfo(
        title='IRS',
        tree="""ROOT
└── Home/RoyalRoom                    Home, Office, Restaurant and Store
    ├── l_0.png
    └── d_0.exr                       disparity, one channel""",
        splits=('all',),
        truth='metres',
        licence='not stated for the pictures (its code: Apache-2.0)',
        source='https://github.com/blackjack2015/IRS (its lists of train and test frames are there, too)',
        lists=True,
    )
    COLUMNS = (0, 2)

    def find(self, split: str) -> Iterator[PairNames]:
        for truth in self.files('*/*/d_*.exr'):
            yield truth.replace('/d_', '/l_').replace('.exr', '.png'), truth

    def truth(self, pair: FilePair) -> np.ndarray:
        disparity_px = decode.exr(pair.truth)
        near = STANDARD.fx_px * disparity_px.shape[1] / STANDARD.width * BASELINE_M
        return np.divide(near, disparity_px, out=np.full_like(disparity_px, np.nan), where=disparity_px > 0)

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        return STANDARD.resized(rgb.shape[1], rgb.shape[0])
