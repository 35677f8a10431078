# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names in one block are the names that went in, in less memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_training.data.string_table import StringTable


@given(st.lists(st.text(st.characters(blacklist_categories=['Cs']))))
def test_they_come_back(names):
    kept = StringTable(names)
    assert list(kept) == names and len(kept) == len(names)
    assert [kept[i] for i in range(len(names))] == names


def test_names_that_are_no_text_come_back_too():
    """A file system holds bytes; Python reads them as lone surrogates."""
    assert list(StringTable(['a\udcff.jpg'])) == ['a\udcff.jpg']


@pytest.mark.parametrize('index', [-1, 2])
def test_beyond_the_ends_is_nothing(index):
    with pytest.raises(IndexError):
        StringTable(['a', 'b'])[index]


def test_a_name_takes_its_letters_and_eight_bytes():
    tracemalloc.start()
    kept = StringTable(f'{i:040d}' for i in range(20000))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 20000 and used < 20000 * 56
