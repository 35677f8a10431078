# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read DA-2K: pictures with pairs of points, of which people said which is closer (Yang et al. 2024)."""

from __future__ import annotations

from pathlib import Path

from dav2_ros.evaluation.da2k import AnnotatedPicture, AnnotationError, read_annotations
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample


class Da2k:
    """1,035 pictures of eight kinds of scene, 2,068 pairs; `picture(i)` has the pairs of sample i."""

    INFO = SetInfo(
        title='DA-2K',
        tree='├── annotations.json\n└── images/{indoor,outdoor,non_real,...}/name.jpg',
        splits=('test',),
        truth='none',
        licence='Apache-2.0',
        source='https://huggingface.co/datasets/depth-anything/DA-2K: DA-2K.zip (681 MB)',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        if not (root / 'annotations.json').is_file():
            raise refuse(Da2k, root, 'annotations.json')
        try:
            self.pictures = sorted(read_annotations(root / 'annotations.json').items())
        except AnnotationError as error:
            raise DataError(str(error)) from error

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        name, picture = self.pictures[index]
        path = self.root / name
        rgb = decode.rgb(path)
        height, width = rgb.shape[:2]
        for row, column in (point for pair in picture.pairs for point in pair.points):
            if row >= height or column >= width:
                raise DataError(f'{path} is {width}x{height}, yet a pair has a point at row {row}, column {column}.')
        return Sample(rgb, name)

    def picture(self, index: int) -> AnnotatedPicture:
        """Return the pairs of a sample, and its kind of scene."""
        return self.pictures[index][1]
