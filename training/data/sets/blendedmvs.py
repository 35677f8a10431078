# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read BlendedMVS and BlendedMVG: scanned places, rendered with the light of their photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo, refuse

LISTS = {
    'train': ('BlendedMVG_training.txt', 'BlendedMVS_training.txt', 'training_list.txt'),
    'val': ('validation_list.txt',),
}


class BlendedMvs(PairSet):
    """Disparity 1/z, each scene with a scale of its own.

    The authors say that a scene is in metres only where its photographs had GPS, and not which did
    (YoYo000/BlendedMVS issue 7): none is trusted. 0 in a file is where the scan has no surface, sky among it: unknown.
    """

    INFO = SetInfo(
        title='BlendedMVS / BlendedMVG',
        tree="""ROOT
├── validation_list.txt, BlendedMVG_training.txt   for the splits val and train
└── 5a3ca9cb270f0e3f14d0eddb
    ├── blended_images/00000000.jpg
    ├── cams/00000000_cam.txt
    └── rendered_depth_maps/00000000.pfm""",
        splits=('all', 'train', 'val'),
        truth='disparity',
        licence='CC BY 4.0',
        source='https://github.com/YoYo000/BlendedMVS',
        lists=True,
    )

    def find(self, split: str) -> Iterator[PairNames]:
        chosen = None if split == 'all' else self._scenes(split)
        for truth in self.files('*/rendered_depth_maps/*.pfm'):
            if chosen is None or truth.split('/')[0] in chosen:
                yield truth.replace('/rendered_depth_maps/', '/blended_images/').replace('.pfm', '.jpg'), truth

    def _scenes(self, split: str) -> set[str]:
        for name in LISTS[split]:
            if (path := self.root / name).is_file():
                return set(path.read_text().split())
        raise refuse(type(self), self.root, LISTS[split][0])

    def truth(self, pair: FilePair) -> np.ndarray:
        z = decode.pfm(pair.truth)
        return np.divide(1, z, out=np.full_like(z, np.nan), where=z > 0)

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        path = pair.truth.parents[1] / 'cams' / f'{pair.truth.stem}_cam.txt'
        try:
            fx, _, cx, _, fy, cy = map(float, _after(path, 'intrinsic')[:6])
            return Camera(rgb.shape[1], rgb.shape[0], fx, fy, cx, cy)
        except (OSError, ValueError) as error:
            raise decode.unreadable(path, error) from error


def _after(path: Path, word: str) -> list[str]:
    """Return the words of a text file after one of them."""
    words = path.read_text().split()
    return words[words.index(word) + 1 :]
