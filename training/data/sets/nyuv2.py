# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read NYU Depth v2: rooms seen by a Kinect; labelled pictures as one MATLAB file, and folders of PNGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import Sample

STANDARD = Camera(640, 480, 518.8579, 519.4696, 325.5824, 253.7362)  # of the colour camera, by the set's toolbox
LABELLED, SPLITS = 'nyu_depth_v2_labeled.mat', 'splits.mat'
SOURCE = 'https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html'
LICENCE = 'not stated; for research'


class NyuV2:
    """The 1,449 labelled pictures, 795 for training and 654 for tests.

    Depth is what the sensor saw, projected into the picture (rawDepths; 0 is unknown); the '-filled' splits have the
    depth that was painted into the holes (depths). Published numbers come from the first. The crop by Eigen et al.
    belongs to the evaluation, and is not made here.
    """

    INFO = SetInfo(
        title='NYU Depth v2, labelled',
        tree=f"""ROOT
├── {LABELLED}
└── {SPLITS}      what is train and test (split all does without)""",
        splits=('test', 'train', 'all', 'test-filled', 'train-filled', 'all-filled'),
        truth='metres',
        licence=LICENCE,
        source=SOURCE,
    )

    def __init__(self, root: Path, split: str) -> None:
        self.path = root / LABELLED
        if not self.path.is_file():
            raise refuse(NyuV2, root, LABELLED)
        part, _, filled = split.partition('-')
        self.key = 'depths' if filled else 'rawDepths'
        self.numbers = self._numbers(root, part)

    def _numbers(self, root: Path, part: str) -> list[int]:
        """List the pictures of a part, counted from 0; MATLAB counts from 1."""
        if part == 'all':
            return list(range(decode.hdf5_shape(self.path, self.key)[0]))
        if not (root / SPLITS).is_file():
            raise refuse(NyuV2, root, SPLITS)
        key, found = f'{part}Ndxs', decode.mat(root / SPLITS)
        if key not in found:
            raise decode.unreadable(root / SPLITS, f'it has no {key}')
        return [int(number) - 1 for number in np.atleast_1d(found[key])]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Sample:
        number = self.numbers[index]
        picture = decode.hdf5(self.path, 'images', number)  # (3, W, H): MATLAB stores columns
        depth_m = decode.hdf5(self.path, self.key, number)  # (W, H)
        rgb, z_m = np.ascontiguousarray(picture.T), np.ascontiguousarray(depth_m.T, np.float32)
        z_m[~(z_m > 0)] = np.nan
        return Sample(rgb, f'{number:04d}', z_m, camera=STANDARD.resized(z_m.shape[1], z_m.shape[0]))


class NyuV2Png(PairSet):
    """The folders that BTS and its heirs train and test on: JPEG, and millimetres in PNG16 (0 is unknown)."""

    INFO = SetInfo(
        title='NYU Depth v2, folders of PNG',
        tree="""ROOT
├── sync/kitchen_0028b                the frames of the videos that have depth, for training
│   ├── rgb_00045.jpg
│   └── sync_depth_00045.png
└── official_splits/test/bathroom     test and train: the labelled pictures
    ├── rgb_00045.jpg
    └── sync_depth_00045.png""",
        splits=('test', 'train', 'sync'),
        truth='metres',
        licence=LICENCE,
        source=f'{SOURCE}, extracted by the scripts of cleinc/bts',
        lists=True,
    )

    def find(self, split: str) -> Iterator[PairNames]:
        folder = 'sync' if split == 'sync' else f'official_splits/{split}'
        for truth in self.files(f'{folder}/*/sync_depth_*.png'):
            yield truth.replace('/sync_depth_', '/rgb_').replace('.png', '.jpg'), truth

    def truth(self, pair: FilePair) -> np.ndarray:
        return decode.metres(decode.png16(pair.truth), 1000)

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera:
        return STANDARD.resized(rgb.shape[1], rgb.shape[0])
