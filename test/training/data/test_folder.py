# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders and lists of pictures, beyond what every set is held to."""

from __future__ import annotations

import pytest
from sets.truth import picture, write_picture

from dav2_training.data import registry
from dav2_training.data.sample import DataError


@pytest.fixture
def root(tmp_path):
    for i, name in enumerate(['in/b/2.jpg', 'in/a/1.jpg', 'in/a/c/0.jpg', 'elsewhere/9.jpg', 'in/.trash/8.jpg']):
        write_picture(tmp_path / name, picture(20, 30, i))
    return tmp_path / 'in'


def names(opened) -> list[str]:
    return [opened[i].name for i in range(len(opened))]


def test_a_list_names_pictures_and_folders_in_its_own_order(root, tmp_path):
    (tmp_path / 'list.txt').write_text(f'b/2.jpg\n\na\n{tmp_path}/elsewhere\n')
    opened = registry.open_set('folder', root, str(tmp_path / 'list.txt'))
    elsewhere = str(tmp_path / 'elsewhere/9.jpg').lstrip('/')
    assert names(opened) == ['b/2.jpg', 'a/1.jpg', 'a/c/0.jpg', elsewhere]


def test_names_are_paths_below_the_root_so_labels_can_be_kept_under_them(root):
    assert names(registry.open_set('folder', root)) == ['a/1.jpg', 'a/c/0.jpg', 'b/2.jpg']


def test_the_order_does_not_depend_on_that_of_the_disk(root):
    before = names(registry.open_set('folder', root))
    write_picture(root / 'a/0.jpg', picture(20, 30))
    assert names(registry.open_set('folder', root)) == sorted([*before, 'a/0.jpg'])


def test_a_list_of_what_is_not_there_is_refused(root, tmp_path):
    (tmp_path / 'list.txt').write_text('nothing/here\n')
    with pytest.raises(DataError, match='no such pictures'):
        registry.open_set('folder', root, str(tmp_path / 'list.txt'))


def test_a_binary_file_is_no_list(root):
    with pytest.raises(DataError, match='cannot be read as a list'):
        registry.open_set('folder', root, str(root / 'a/1.jpg'))


def test_a_picture_that_has_gone_is_a_sentence(root):
    opened = registry.open_set('folder', root)
    (root / 'a/1.jpg').unlink()
    with pytest.raises(DataError, match=r'a/1\.jpg is not there'):
        opened[0]
