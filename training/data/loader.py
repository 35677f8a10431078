# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Load the parts of each step's batch, made ahead by processes, with pictures from an endless shuffle.

Which picture stands at which place of which step's batch is a pure function of (seed, step, place): a resumed run sees
what it would have seen, and so do two processes together and one alone.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset

from dav2_training.data.index_shuffle import shuffled
from dav2_training.data.sample import DataError

MAX_UNREADABLE_IN_A_ROW = 16  # pictures; after so many it is not the pictures that are broken

MakeBatch = Callable[[int, Sequence[int]], Any]  # a step, and places of its batch, to these pictures


def iterate_parts(
    make: MakeBatch, start: int, slots: list[range], workers: int = 0, pin: bool = False
) -> Iterator[Any]:
    """Yield the parts of each step's batch from step `start` on, made ahead by `workers` processes.

    Args:
        slots: the places of each part, as `batch_share.Share.slots` deals them.
        pin: keep what was made in pinned memory, for a GPU.
    """
    loader = DataLoader(
        _BatchParts(make, slots),
        batch_size=None,
        sampler=itertools.count(start * len(slots)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,
    )
    for made in loader:
        if isinstance(made, DataError):  # raised in a worker it would come with a page of its history
            raise made
        yield made


def draw_sample(source: Any, number: int, seed: int) -> Any:
    """Read the `number`-th picture of an endless shuffle; one that cannot be read is told of and replaced."""
    for attempt in range(MAX_UNREADABLE_IN_A_ROW):
        index = (shuffled(number, len(source), seed) + attempt) % len(source)
        try:
            return source[index]
        except DataError as error:
            last = error
            warnings.warn(f'left out: {error}', stacklevel=2)
    raise DataError(f'{MAX_UNREADABLE_IN_A_ROW} pictures in a row cannot be read; the last: {last}') from last


class _BatchParts(Dataset):
    """Part `i` of a process counts through its steps, and through the parts of each."""

    def __init__(self, make: MakeBatch, slots: list[range]) -> None:
        self.make, self.slots = make, slots

    def __getitem__(self, i: int) -> Any:
        step, part = divmod(i, len(self.slots))
        try:
            return self.make(step, self.slots[part])
        except DataError as error:
            return error
