# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read LSUN: the eighth of the unlabelled sets, in LMDB instead of files (Yu et al. 2015; github.com/fyu/lsun)."""

from __future__ import annotations

import itertools
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.string_table import StringTable


class Lsun:
    """9.8 million of ten kinds of scene: pictures as WebP, 256 pixels on the short side, in LMDB."""

    INFO = SetInfo(
        title='LSUN (scenes)',
        tree='└── bedroom_train_lmdb/ (and those of nine more)\n    ├── data.mdb\n    └── lock.mdb',
        splits=('all',),
        truth='none',
        licence='for research; see the site',
        source='https://github.com/fyu/lsun: download.py',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.folders = sorted(path.parent for path in root.glob('*_lmdb/data.mdb'))
        self.keys = [_keys(folder) for folder in self.folders]
        self.ends = list(itertools.accumulate(map(len, self.keys)))
        if not len(self):
            raise refuse(Lsun, root, '*_lmdb/data.mdb')

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> Sample:
        folder, key = self._place(index)
        return Sample(decode.picture(self.encoded(index), folder / 'data.mdb'), f'{folder.name}/{key}')

    def encoded(self, index: int) -> bytes:
        """Read a picture as it is stored; raises DataError."""
        folder, key = self._place(index)
        with _reading(folder) as transaction:
            return bytes(transaction.get(key.encode(), b''))

    def _place(self, index: int) -> tuple[Path, str]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        kind = bisect_right(self.ends, index)
        return self.folders[kind], self.keys[kind][index - (self.ends[kind - 1] if kind else 0)]


def _keys(folder: Path) -> StringTable:
    with _reading(folder) as transaction:
        return StringTable(bytes(key).decode() for key in transaction.cursor().iternext(values=False))


@contextmanager
def _reading(folder: Path) -> Iterator[Any]:
    """Open a transaction; raises DataError."""
    try:
        import lmdb
    except ImportError as error:
        raise DataError('Reading LSUN needs lmdb: pip install "dav2_ros[train]".') from error
    try:
        with _database(folder).begin() as transaction:
            yield transaction
    except lmdb.Error as error:
        raise decode.unreadable(folder / 'data.mdb', error) from error


@lru_cache(maxsize=64)
def _database(folder: Path) -> Any:
    """Open a database once in each process."""
    import lmdb

    database, path = lmdb.open(str(folder), readonly=True, lock=False, readahead=False), folder / 'data.mdb'
    bytes_used = (database.info()['last_pgno'] + 1) * database.stat()['psize']
    if bytes_used > path.stat().st_size:  # reading what is mapped but not there would end the process
        raise decode.unreadable(path, f'it ends early: {bytes_used} bytes are in use')
    return database


# One opened before a fork can be neither used nor opened again after it: all are closed, and opened when needed.
os.register_at_fork(before=_database.cache_clear)
