# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Values by stamp: what is found is what a search through the whole list finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.frames import StampHistory, is_same_frame

STAMPS = st.lists(st.integers(0, 20), max_size=30)


@given(STAMPS, st.integers(-1, 21))
def test_a_history_finds_what_a_search_finds(stamps: list[int], wanted: int) -> None:
    history: StampHistory[int] = StampHistory()
    for number, stamp in enumerate(stamps):
        history.add(stamp, number)
    in_order = sorted(range(len(stamps)), key=lambda number: (stamps[number], number))
    before = [number for number in in_order if stamps[number] <= wanted]
    assert history.at(wanted) == (before or in_order[:1] or [None])[-1]
    exact = [number for number in in_order if stamps[number] == wanted]
    assert history.of_or_newest(wanted) == (exact or in_order or [None])[-1]
    assert (len(history), history.newest_ns) == (len(stamps), max(stamps, default=None))


@given(STAMPS, st.integers(1, 5))
def test_the_oldest_make_room(stamps: list[int], limit: int) -> None:
    history: StampHistory[int] = StampHistory(limit)
    for stamp in stamps:
        history.add(stamp, stamp)
    assert [history.at(stamp) for stamp in sorted(stamps)[-limit:]] == sorted(stamps)[-limit:]
    assert len(history) == min(limit, len(stamps))


def test_a_leading_slash_is_no_part_of_a_frame_s_name() -> None:
    assert is_same_frame('/cam', 'cam') and not is_same_frame('cam', 'camera')
