# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is compared gets as many turns, what warms up does not count, and a time limit leaves enough calls."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from dav2_ros.benchmark.timing import call_ms, device_ms, in_turns_ms, median_and_p95, rounds_of


def test_the_warm_up_does_not_count():
    waits_s = iter([0.2, 0.2, *3 * [0.001]])
    times_ms = call_ms(lambda: time.sleep(next(waits_s)), 3)
    assert len(times_ms) == 3 and 1.0 <= min(times_ms) <= np.median(times_ms) < 200.0


@pytest.mark.parametrize(('runs', 'calls'), [(3, 3), (20, 5), (math.inf, 5)])
def test_when_time_is_over_a_few_calls_are_made_all_the_same_but_never_more_than_asked(runs, calls):
    assert len(call_ms(lambda: None, runs, seconds=0.0)) == calls


def test_those_in_turns_get_as_many_turns():
    calls = {'one': lambda: None, 'two': lambda: time.sleep(0.001)}
    times_ms = in_turns_ms(calls, rounds=3, seconds=10.0, calls_per_turn=2)
    assert {name: len(times) for name, times in times_ms.items()} == {'one': 6, 'two': 6}


def test_everybody_begins_as_often_and_one_round_is_always_there():
    assert list(rounds_of('abc', 4)) == [list('abc'), list('bca'), list('cab'), list('abc')]
    assert list(rounds_of('ab', 9, seconds=-1.0)) == [['a', 'b']]
    assert list(rounds_of([], 2)) == [[], []]


def test_percentiles_are_those_of_the_values():
    assert median_and_p95(list(range(101))) == (50.0, 95.0)
    assert all(map(math.isnan, median_and_p95([])))


def test_a_mean_on_the_host_is_that_of_its_calls():
    assert 2.0 <= device_ms(lambda: time.sleep(0.002), 5, 'cpu') < 200.0
