# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time calls: whole ones by the host's clock, in turns where they are compared, kernels by the device's."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar('T')
LEAST_CALLS = 5  # also of a slow call, whose time is over


def one_call_ms(call: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    started_s = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started_s)


def call_ms(
    call: Callable[[], object],
    runs: float = math.inf,
    seconds: float = math.inf,
    warm_up: int = 2,
    least: int = LEAST_CALLS,
) -> list[float]:
    """Return the milliseconds of each of `runs` calls, fewer where `seconds` are over; the warm-up does not count."""
    for _ in range(warm_up):
        call()
    times_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while len(times_ms) < runs and (len(times_ms) < least or time.perf_counter() < end_s):
        times_ms.append(one_call_ms(call))
    return times_ms


def rounds_of(ways: Iterable[T], rounds: int, seconds: float = math.inf) -> Iterator[list[T]]:
    """Yield the order of each round, in which everybody has a turn, so that all meet the same noise of the machine.

    Who begins changes. There is at least one round; none begins once `seconds` are over.
    """
    order, end_s = deque(ways), time.perf_counter() + seconds
    for number in range(rounds):
        if number and time.perf_counter() > end_s:
            return
        yield list(order)
        order.rotate(-1)


def in_turns_ms(
    calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float, calls_per_turn: int = 5
) -> dict[str, list[float]]:
    """Let every call have turns of several calls; the first of each turn does not count."""
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for order in rounds_of(calls, rounds, seconds):
        for name in order:
            times_ms[name] += call_ms(calls[name], calls_per_turn, warm_up=1)
    return times_ms


def median_and_p95(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile; NaN of nothing."""
    p50, p95 = np.percentile(values if len(values) else math.nan, (50, 95))
    return float(p50), float(p95)


def summary(times_ms: Sequence[float]) -> dict[str, float]:
    """Return median, 95th percentile and count."""
    p50, p95 = median_and_p95(times_ms)
    return {'p50_ms': round(p50, 4), 'p95_ms': round(p95, 4), 'calls': len(times_ms)}


def device_ms(call: Callable[[], object], count: int, device: str) -> float:
    """Return the mean milliseconds of `count` calls, queued one behind the other, by the device's clock."""
    if not device.startswith('cuda'):
        return float(np.mean(call_ms(call, count)))
    from dav2_ros.engines.backends.torch_cuda_engine import event_ms

    call()  # the first of two that do not count
    return event_ms(call, count)
