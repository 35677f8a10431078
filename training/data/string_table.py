# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Store millions of names in little memory, shared by all processes that read."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence


class StringTable(Sequence[str]):
    """Strings, one after another in one block of bytes.

    A list of 13 million strings takes over a gigabyte, and takes it again in each worker: Python counts the references
    to a string in the string itself, which copies the page it is on. This takes a byte per letter and eight per name.
    """

    def __init__(self, names: Iterable[str]) -> None:
        text, ends = bytearray(), array('q')
        for name in names:
            text += os.fsencode(name)
            ends.append(len(text))
        self._text, self._ends = text, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends):
            raise IndexError(index)
        return os.fsdecode(bytes(self._text[self._ends[index - 1] if index else 0 : self._ends[index]]))
