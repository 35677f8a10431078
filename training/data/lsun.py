# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""LSUN: the eighth of the unlabelled sets, in databases instead of files (Yu et al. 2015; github.com/fyu/lsun)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dav2_training.data import decode
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.sets import About, refuse


class Lsun:
    """9.8 million of ten kinds of scene: pictures as WebP, 256 pixels on the short side, in LMDB."""

    ABOUT = About(
        title='LSUN (scenes)',
        tree='└── bedroom_train_lmdb/ (and those of nine more)\n    ├── data.mdb\n    └── lock.mdb',
        splits=('all',),
        truth='none',
        licence='for research; see the site',
        source='https://github.com/fyu/lsun: download.py',
    )

    def __init__(self, root: Path, split: str) -> None:
        self.keys: list[tuple[Path, bytes]] = []
        for folder in sorted(path.parent for path in root.glob('*_lmdb/data.mdb')):
            with _reading(folder) as transaction:
                self.keys += [(folder, bytes(key)) for key in transaction.cursor().iternext(values=False)]
        if not self.keys:
            raise refuse(Lsun, root, '*_lmdb/data.mdb')

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Sample:
        folder, key = self.keys[index]
        return Sample(decode.picture(self.encoded(index), folder / 'data.mdb'), f'{folder.name}/{key.decode()}')

    def encoded(self, index: int) -> bytes:
        """Read a picture as it is stored; raises DataError."""
        folder, key = self.keys[index]
        with _reading(folder) as transaction:
            return bytes(transaction.get(key, b''))


@contextmanager
def _reading(folder: Path) -> Iterator[Any]:
    """Open a transaction; raises DataError."""
    try:
        import lmdb
    except ImportError as error:
        raise DataError('Reading LSUN needs lmdb: pip install "dav2_ros[train]".') from error
    try:
        with _database(folder, os.getpid()).begin() as transaction:
            yield transaction
    except lmdb.Error as error:
        raise decode.unreadable(folder / 'data.mdb', error) from error


@lru_cache(maxsize=64)
def _database(folder: Path, process: int) -> Any:
    """Open a database once in each process: one that was opened before a fork must not be used after it."""
    import lmdb

    return lmdb.open(str(folder), readonly=True, lock=False, readahead=False)
