# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read Cityscapes: streets in 19 evaluated classes (Cordts et al. 2016; cityscapesscripts helpers/labels.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError
from dav2_training.data.sets.segmentation import IGNORE, LabelledImage, read_labelled

# road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, rider,
# car, truck, bus, train, motorcycle, bicycle: the ids of the classes that are evaluated, in the order of their trainIds
IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
TABLE = np.full(256, IGNORE, np.uint8)
TABLE[list(IDS)] = range(len(IDS))


class Cityscapes:
    """The finely labelled pictures: 2,975 of train, 500 of val, 1024x2048."""

    INFO = SetInfo(
        title='Cityscapes (leftImg8bit and gtFine)',
        tree=(
            '├── leftImg8bit/{train,val}/CITY/CITY_000000_000019_leftImg8bit.png\n'
            '└── gtFine/{train,val}/CITY/CITY_000000_000019_gtFine_labelIds.png'
        ),
        splits=('train', 'val'),
        truth='classes',
        licence='research and other non-commercial use (https://www.cityscapes-dataset.com/license)',
        source='https://www.cityscapes-dataset.com/downloads: leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip',
    )
    classes = len(IDS)

    def __init__(self, root: Path, split: str) -> None:
        if split not in self.INFO.splits:
            raise DataError(f'Cityscapes has no split {split!r}: choose one of {", ".join(self.INFO.splits)}.')
        self.root, self.split = root, split
        self.pictures = sorted((root / 'leftImg8bit' / split).glob('*/*_leftImg8bit.png'))
        if not self.pictures:
            raise refuse(Cityscapes, root, f'pictures in leftImg8bit/{split}')

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> LabelledImage:
        picture = self.pictures[index]
        name = picture.name.removesuffix('_leftImg8bit.png')
        labels = self.root / 'gtFine' / self.split / picture.parent.name / f'{name}_gtFine_labelIds.png'
        return read_labelled(picture, labels, TABLE, name)
