# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read pictures with a class per pixel, to transfer the encoder to segmentation.

segmentation.open_set('cityscapes', '/data/cityscapes', 'train')[0].labels  # (1024, 2048) uint8, 255 unlabelled
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from dav2_training.data import decode
from dav2_training.data.sample import DataError

IGNORE = 255  # the label of a pixel that belongs to none of the classes: not learnt from, not judged
LOADERS = {'cityscapes': 'Cityscapes', 'ade20k': 'Ade20k'}  # name of the set, and of its module -> class


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """A picture and the class of each of its pixels."""

    rgb: np.ndarray  # (H, W, 3) uint8
    labels: np.ndarray  # (H, W) uint8: 0 to classes - 1, or IGNORE
    name: str


class SegmentationSet(Protocol):
    """A labelled data set on disk: opening it lists its files and reads none of them."""

    classes: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledImage:
        """Read one picture. Raises DataError, one sentence with the file, for one that cannot be read."""
        ...


def open_set(name: str, root: str | Path, split: str) -> SegmentationSet:
    """Open a labelled set; raises DataError for a name that there is not, or with the tree expected under `root`."""
    if name not in LOADERS:
        raise DataError(f'There is no labelled data set {name!r}: choose one of {", ".join(sorted(LOADERS))}.')
    return getattr(import_module(f'dav2_training.data.sets.{name}'), LOADERS[name])(Path(root), split)


def read_labelled(picture: Path, labels: Path, table: np.ndarray, name: str) -> LabelledImage:
    """Read a picture and its 8-bit label map, translated by `table` (256,) uint8; raises DataError."""
    rgb = decode.rgb(picture)
    coded = decode.unchanged(labels)
    if coded.dtype != np.uint8 or coded.shape != rgb.shape[:2]:
        height, width = rgb.shape[:2]
        raise decode.unreadable(labels, f'it is no map of one byte per pixel of the {width}x{height} picture')
    return LabelledImage(rgb, cv2.LUT(coded, table), name)
