# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read data sets that are a list of pictures, and for each a file that holds its depth, as most are."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.string_table import StringTable


class FilePair(NamedTuple):
    """Where a picture is, and where its truth."""

    picture: Path
    truth: Path


PairNames = tuple[str, str]  # the same below the root


class PairSet:
    """A DepthSet over pairs of files; a set says where they are (`find`) and what is in them (the other three).

    It keeps their names as string_table.StringTable, for there are half a million pairs in the method's sets.
    """

    INFO: ClassVar[SetInfo]
    COLUMNS: ClassVar[tuple[int, int]] = (0, 1)  # of picture and truth in a line of a list file

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        found = self.find(split) if split in self.INFO.splits else self.listed(Path(split))
        self._names = StringTable(name for pair in found for name in pair)

    def __len__(self) -> int:
        return len(self._names) // 2

    def pair(self, index: int) -> FilePair:
        """Return where a sample is on disk."""
        return FilePair(self.root / self._names[2 * index], self.root / self._names[2 * index + 1])

    def __getitem__(self, index: int) -> Sample:
        pair = self.pair(index)
        rgb, truth = self.rgb(pair), self.truth(pair)
        if rgb.shape[:2] != truth.shape:
            h, w = truth.shape
            raise decode.unreadable(pair.truth, f'it has {w}x{h} pixels and its picture {rgb.shape[1]}x{rgb.shape[0]}')
        name = pair.picture.relative_to(self.root) if pair.picture.is_relative_to(self.root) else pair.picture
        kind = 'disparity' if self.INFO.truth == 'disparity' else 'z_m'
        return Sample(rgb, name.with_suffix('').as_posix(), camera=self.camera(pair, rgb), **{kind: truth})

    def find(self, split: str) -> Iterable[PairNames]:
        """List the pairs of a split in a fixed order; raises refuse(...) where root is not this set."""
        raise NotImplementedError

    def truth(self, pair: FilePair) -> np.ndarray:
        """Read (H, W) float32 as Sample has it: metres or disparity, NaN unknown, +inf metres or 0 disparity sky."""
        raise NotImplementedError

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera | None:
        """Return the camera of a picture that has been read."""
        raise NotImplementedError

    def rgb(self, pair: FilePair) -> np.ndarray:
        """Read (H, W, 3) uint8."""
        return decode.rgb(pair.picture)

    def files(self, pattern: str, at: str = '') -> list[str]:
        """List what matches a pattern below the root (or its folder `at`), by name; raises refuse(...) for nothing."""
        found = sorted(glob.glob(pattern, root_dir=self.root / at))
        if not found:
            raise refuse(type(self), self.root, os.path.join(at, pattern))
        return found

    def listed(self, file: Path) -> list[PairNames]:
        """List the pairs that a file names: the method's lines 'picture depth', and BTS's, where None is no depth."""
        lines = [line.split() for line in file.read_text().splitlines() if line.strip()]
        if any(len(line) <= max(self.COLUMNS) for line in lines):
            raise DataError(f'{file} has lines without a picture and a depth: it should hold "picture depth" in each.')
        named = [[line[i] for i in self.COLUMNS] for line in lines]
        named = [line for line in named if 'None' not in line]
        if not named:
            return []
        return list(zip(*(self.anchored(file, column) for column in zip(*named))))

    def anchored(self, file: Path, paths: tuple[str, ...]) -> list[str]:
        """Find files that another machine listed: leave away its leading folders, as many as the first one needs."""
        first = paths[0].split('/')
        for away in range(len(first)):
            if self.root.joinpath(*first[away:]).is_file():
                return ['/'.join(path.split('/')[away:]) for path in paths]
        raise DataError(f'{file} names {paths[0]}, which is not under {self.root}: unpack it there, or give its root.')
