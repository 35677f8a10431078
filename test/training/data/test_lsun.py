# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""LSUN, beyond what every set is held to."""

from __future__ import annotations

import os

import lmdb
import pytest
from sets.lsun import write
from torch.utils.data import DataLoader

from dav2_training.data import registry
from dav2_training.data.sample import DataError


def test_half_a_database_is_a_sentence_and_not_the_end_of_the_process(tmp_path):
    (tmp_path / 'bedroom_train_lmdb').mkdir()
    database = lmdb.open(str(tmp_path / 'bedroom_train_lmdb'), map_size=1 << 24)
    with database, database.begin(write=True) as to:
        for k in range(50):
            to.put(f'{k:040x}'.encode(), os.urandom(50000))
    path = tmp_path / 'bedroom_train_lmdb/data.mdb'
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError, match=r'data\.mdb cannot be read \(it ends early'):
        registry.open_set('lsun', tmp_path)


@pytest.mark.timeout(120)
def test_workers_read_what_was_opened_before_they_began(tmp_path):
    """And the process that began them goes on reading."""
    write(tmp_path)
    opened = registry.open_set('lsun', tmp_path)
    names = [opened[i].name for i in range(4)]
    loader = DataLoader(opened, batch_size=None, num_workers=1, multiprocessing_context='fork')
    assert [sample.name for sample in loader] == names == [opened[i].name for i in range(4)]
