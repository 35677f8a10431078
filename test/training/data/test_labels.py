# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes and ADE20K in their true formats, written here: each pixel's class, and what belongs to none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sets.label_maps import ade20k, cityscapes, write

from dav2_training.data.sample import DataError
from dav2_training.data.sets import segmentation
from dav2_training.data.sets.segmentation import IGNORE

# trainIds of cityscapesscripts' labels.py, as (name, id, trainId); void classes have 255 or -1
CITYSCAPES = [
    ('unlabeled', 0, 255), ('ego vehicle', 1, 255), ('dynamic', 5, 255), ('ground', 6, 255), ('road', 7, 0),
    ('sidewalk', 8, 1), ('parking', 9, 255), ('rail track', 10, 255), ('building', 11, 2), ('wall', 12, 3),
    ('fence', 13, 4), ('guard rail', 14, 255), ('bridge', 15, 255), ('tunnel', 16, 255), ('pole', 17, 5),
    ('polegroup', 18, 255), ('traffic light', 19, 6), ('traffic sign', 20, 7), ('vegetation', 21, 8),
    ('terrain', 22, 9), ('sky', 23, 10), ('person', 24, 11), ('rider', 25, 12), ('car', 26, 13), ('truck', 27, 14),
    ('bus', 28, 15), ('caravan', 29, 255), ('trailer', 30, 255), ('train', 31, 16), ('motorcycle', 32, 17),
    ('bicycle', 33, 18),
]  # fmt: skip


def test_cityscapes_ids_become_the_nineteen_classes_that_are_evaluated(tmp_path: Path) -> None:
    coded = np.array([[row[1] for row in CITYSCAPES]], np.uint8).repeat(3, 0)
    rgb = cityscapes(tmp_path, coded)
    found = segmentation.open_set('cityscapes', tmp_path, 'train')
    assert (len(found), found.classes, found[0].name) == (1, 19, 'aachen_000000_000019')
    np.testing.assert_array_equal(found[0].labels[1], [row[2] for row in CITYSCAPES])
    np.testing.assert_array_equal(found[0].rgb, rgb)


def test_ade20k_classes_begin_at_one_in_the_file_and_other_is_ignored(tmp_path: Path) -> None:
    coded = np.arange(0, 151, dtype=np.uint8)[None].repeat(4, 0)
    ade20k(tmp_path, coded, 'validation')
    found = segmentation.open_set('ade20k', tmp_path, 'val')
    assert (len(found), found.classes) == (1, 150)
    np.testing.assert_array_equal(found[0].labels[2], [IGNORE, *range(150)])


@pytest.mark.parametrize(('name', 'shown'), [('cityscapes', 'gtFine'), ('ade20k', 'annotations')])
def test_a_wrong_directory_is_refused_with_the_tree_that_is_expected(name: str, shown: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / 'nowhere'):
        with pytest.raises(DataError, match=shown):
            segmentation.open_set(name, root, 'train')
    with pytest.raises(DataError, match='train, val'):
        segmentation.open_set(name, tmp_path, 'test')


def test_a_damaged_or_missing_label_map_is_named(tmp_path: Path) -> None:
    cityscapes(tmp_path, np.zeros((4, 6), np.uint8))
    path = next((tmp_path / 'gtFine').rglob('*.png'))
    write(path, np.zeros((4, 6), np.uint16))
    with pytest.raises(DataError, match='one byte per pixel'):
        segmentation.open_set('cityscapes', tmp_path, 'train')[0]
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match='_gtFine_labelIds'):
        segmentation.open_set('cityscapes', tmp_path, 'train')[0]
    with pytest.raises(DataError, match='ade20k, cityscapes'):
        segmentation.open_set('coco', tmp_path, 'train')
