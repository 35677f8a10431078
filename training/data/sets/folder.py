# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read pictures in folders, at any depth, without any truth: what pseudo labels are made for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.string_table import StringTable

PICTURE = re.compile(r'\.(jpe?g|png|webp|bmp|tiff?|ppm)$', re.IGNORECASE)


class ImageFolder:
    """All pictures under a folder, in the order of their names; hidden files and folders are left out.

    A file in place of a split lists pictures and folders, one a line, relative to the root or absolute.
    """

    INFO: ClassVar[SetInfo] = SetInfo(
        title='A folder of pictures',
        tree='└── any/folders/name.jpg  (or png, webp, bmp, tiff, ppm)',
        splits=('all',),
        truth='none',
        licence='that of the pictures',
        source='your own',
        lists=True,
    )
    NAMED: ClassVar[dict[str, re.Pattern[str]]] = {'all': PICTURE}  # of a split: the paths below the root that count

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        pattern = self.NAMED.get(split, PICTURE)
        listed = ['.'] if split in self.NAMED else _lines(Path(split))
        self.paths = StringTable(path for each in listed for path in self._under(each) if pattern.search(path))
        if not self.paths:
            raise refuse(type(self), root, 'such pictures')

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        data, path = self.encoded(index), self.paths[index]
        return Sample(decode.picture(data, self.root / path, upright=True), path.lstrip('/'))

    def encoded(self, index: int) -> bytes:
        """Read a picture as it is stored; raises DataError."""
        path = self.root / self.paths[index]
        try:
            return path.read_bytes()
        except OSError as error:
            raise decode.unreadable(path, error.strerror) from error

    def _under(self, listed: str) -> Iterator[str]:
        """Yield what a line of a list names, one file or all under a folder."""
        start = os.path.normpath(self.root / listed)
        if os.path.isfile(start):
            yield self._below(start)
        for folder, folders, files in os.walk(start):
            folders[:] = sorted(each for each in folders if each[0] != '.')
            yield from (self._below(os.path.join(folder, each)) for each in sorted(files) if each[0] != '.')

    def _below(self, path: str) -> str:
        """Name a file by its path below the root; by all of it where it is elsewhere."""
        below = os.path.relpath(path, self.root)
        return path if below.startswith('..') else below


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f'{file} cannot be read as a list of pictures and folders, one a line ({error}).') from error
