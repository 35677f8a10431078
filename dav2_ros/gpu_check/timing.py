# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time calls: whole ones by the host's clock, in turns where they are compared, kernels by the device's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

LEAST_CALLS = 5


def call_ms(call: Callable[[], object], runs: int, seconds: float) -> list[float]:
    """Return the milliseconds of each of `runs` calls, fewer where `seconds` are over; the first two do not count."""
    call()
    call()
    times_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while len(times_ms) < LEAST_CALLS or (len(times_ms) < runs and time.perf_counter() < end_s):
        started_s = time.perf_counter()
        call()
        times_ms.append(1e3 * (time.perf_counter() - started_s))
    return times_ms


def in_turns_ms(
    calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float, calls_per_turn: int = 5
) -> dict[str, list[float]]:
    """Let every call have turns of several calls, so that all meet the same clocks and noise of the machine."""
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end_s = time.perf_counter() + seconds
    for turn in range(rounds):
        if turn and time.perf_counter() > end_s:
            break
        for name, call in calls.items():
            call()
            for _ in range(calls_per_turn):
                started_s = time.perf_counter()
                call()
                times_ms[name].append(1e3 * (time.perf_counter() - started_s))
    return times_ms


def summary(times_ms: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and count."""
    p50, p95 = np.percentile(times_ms, (50, 95))
    return {'p50_ms': round(float(p50), 4), 'p95_ms': round(float(p95), 4), 'calls': len(times_ms)}


def device_ms(call: Callable[[], object], count: int, device: str) -> float:
    """Return the mean milliseconds of `count` calls, queued one behind the other, by the device's clock."""
    import torch

    call()
    call()
    if not device.startswith('cuda'):
        started_s = time.perf_counter()
        for _ in range(count):
            call()
        return 1e3 * (time.perf_counter() - started_s) / count
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(count):
        call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / count
