# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read samples from tar files: those of `dav2-train data shard`, and anybody's tar files of pictures.

A disk reads one large file well and a million small ones badly, and a network file system hardly at all.
"""

from __future__ import annotations

import itertools
import json
import tarfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np

from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample
from dav2_training.data.sets.folder import PICTURE
from dav2_training.data.shards.format import PARTS, decode_parts

INDEX = 'shards.json'  # what the writer says of all shards


@dataclass(frozen=True, eq=False)
class TarIndex:
    """Where the samples of one tar file are."""

    spans: np.ndarray  # (N, 3, 2) int64: first byte and length of each of PARTS; 0, 0 for one that there is not
    names: list[str] | None  # of other people's samples; ours know their own


class Shards:
    """Pictures only, whatever else is known of them; any tar files under the root will do.

    Opening ours reads one file; of others all headers are read, some minutes for a million pictures.
    """

    INFO: ClassVar[SetInfo] = SetInfo(
        title='Shards of pictures',
        tree=f'├── {INDEX}  (where `dav2-train data shard` wrote them)\n└── 000000.tar, or any tar files of pictures',
        splits=('all',),
        truth='none',
        licence='that of the set they were made from',
        source='dav2-train data shard SET PATH OUT',
    )

    def __init__(self, root: Path, split: str) -> None:
        if (root / INDEX).is_file():
            self.tars, counts = _ours(root)
        else:
            self.tars = sorted(root.rglob('*.tar'))
            counts = [len(tar_index(tar).spans) for tar in self.tars]
        self.ends = list(itertools.accumulate(counts))
        if not len(self):
            raise refuse(type(self), root, 'tar files of pictures')

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = bisect_right(self.ends, index)
        return self.read(shard, index - (self.ends[shard - 1] if shard else 0))

    def read(self, shard: int, place: int) -> Sample:
        """Read a sample by its place in a tar file; raises DataError."""
        path = self.tars[shard]
        found = tar_index(path)
        with path.open('rb') as file:
            parts = {part: _span(file, path, *span) for part, span in zip(PARTS, found.spans[place]) if span[1]}
        name = found.names[place] if found.names else f'{path.stem}/{place}'
        return decode_parts(parts, path, name, self.INFO.truth)


class MetreShards(Shards):
    """Pictures with their depth, made from a set that has metres."""

    INFO: ClassVar[SetInfo] = SetInfo(
        title='Shards with depth in metres',
        tree=f'├── {INDEX}\n└── 000000.tar and 000000.npy (and so on, by `dav2-train data shard`)',
        splits=('all',),
        truth='metres',
        licence='that of the set they were made from',
        source='dav2-train data shard SET PATH OUT',
    )


class DisparityShards(Shards):
    """Pictures with their disparity, made from a set that has it."""

    INFO: ClassVar[SetInfo] = SetInfo(
        title='Shards with disparity',
        tree=f'├── {INDEX}\n└── 000000.tar and 000000.npy (and so on, by `dav2-train data shard`)',
        splits=('all',),
        truth='disparity',
        licence='that of the set they were made from',
        source='dav2-train data shard SET PATH OUT',
    )


def _ours(root: Path) -> tuple[list[Path], list[int]]:
    try:
        about = json.loads((root / INDEX).read_text())
        whole, samples, per_shard = about['whole'], about['samples'], about['per_shard']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise decode.unreadable(root / INDEX, error) from error
    if not whole:
        raise DataError(f'{root} is not whole yet: run `dav2-train data shard` again, it goes on where it stopped.')
    starts = range(0, samples, per_shard)
    return [root / f'{i:06}.tar' for i in range(len(starts))], [min(per_shard, samples - start) for start in starts]


@lru_cache(maxsize=512)
def tar_index(path: Path) -> TarIndex:
    """Find the samples of a tar file, by the index beside it or by its headers; raises DataError."""
    index = path.with_suffix('.npy')
    if index.is_file():
        return TarIndex(decode.npy(index, 3), None)
    try:
        with tarfile.open(path, 'r:') as archive:
            found = [(m.offset_data, m.size, m.name) for m in archive if m.isfile() and PICTURE.search(m.name)]
            whole = path.stat().st_size >= archive.offset
    except (OSError, tarfile.TarError) as error:
        raise decode.unreadable(path, error) from error
    if not whole:
        raise decode.unreadable(path, 'it ends early')
    spans = np.zeros((len(found), len(PARTS), 2), np.int64)
    spans[:, 0] = [each[:2] for each in found] or np.zeros((0, 2))
    return TarIndex(spans, [_named(path, each[2]) for each in found])


def _named(path: Path, member: str) -> str:
    """Name a sample after its tar file and its place in it, which may not point out of where labels are kept."""
    return '/'.join([path.stem, *(each for each in PurePosixPath(member).parts if each not in ('/', '..'))])


def _span(file: Any, path: Path, start: int, length: int) -> bytes:
    file.seek(start)
    data = file.read(length)
    if len(data) < length:
        raise decode.unreadable(path, 'it ends early')
    return data


def stream(shards: Shards, *, seed: int = 0, part: int = 0, parts: int = 1, buffer: int = 1000) -> Iterator[Sample]:
    """Yield samples without end, each tar file from front to back: for disks and networks that dislike seeking.

    In every round each of `parts` readers (ranks times workers) has tar files of its own, in another order each round,
    and mixes samples in a buffer of so many. Raises DataError when there are fewer tar files than readers.
    """
    if len(shards.tars) < parts:
        raise DataError(f'{len(shards.tars)} tar files are too few for {parts} readers: write smaller shards.')
    counts = np.diff([0, *shards.ends])
    rng = np.random.default_rng([seed, part])
    held: list[Sample] = []
    for turn in itertools.count():
        order = np.random.default_rng([seed, turn]).permutation(len(shards.tars))  # the same for all readers
        for shard in order[part::parts]:
            for place in range(counts[shard]):
                sample = shards.read(int(shard), place)
                if len(held) < buffer:
                    held.append(sample)
                    continue
                chosen = rng.integers(buffer)
                yield held[chosen]
                held[chosen] = sample
