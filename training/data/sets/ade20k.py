# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read ADE20K as in the scene parsing benchmark: 150 classes (Zhou et al. 2017; CSAILVision/sceneparsing)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError
from dav2_training.data.sets.segmentation import IGNORE, LabelledImage, read_labelled

CLASSES = 150
TABLE = np.full(256, IGNORE, np.uint8)
TABLE[1 : CLASSES + 1] = range(CLASSES)  # in the files 0 is "other", wall is 1 and flag is 150
FOLDERS = {'train': 'training', 'val': 'validation'}


class Ade20k:
    """20,210 pictures of train, 2,000 of val, of all sizes."""

    INFO = SetInfo(
        title='ADE20K (ADEChallengeData2016)',
        tree=(
            '├── images/{training,validation}/ADE_train_00000001.jpg\n'
            '└── annotations/{training,validation}/ADE_train_00000001.png'
        ),
        splits=('train', 'val'),
        truth='classes',
        licence='annotations BSD-3-Clause; pictures for non-commercial research and education',
        source='http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip',
    )
    classes = CLASSES

    def __init__(self, root: Path, split: str) -> None:
        if split not in FOLDERS:
            raise DataError(f'ADE20K has no split {split!r}: choose one of {", ".join(FOLDERS)}.')
        self.root, self.folder = root, FOLDERS[split]
        self.pictures = sorted((root / 'images' / self.folder).glob('*.jpg'))
        if not self.pictures:
            raise refuse(Ade20k, root, f'pictures in images/{self.folder}')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> LabelledImage:
        picture = self.pictures[index]
        labels = self.root / 'annotations' / self.folder / f'{picture.stem}.png'
        return read_labelled(picture, labels, TABLE, picture.stem)
