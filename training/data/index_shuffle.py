# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shuffle any number of indices by computing, not storing: 62 million would be half a gigabyte per process."""

from __future__ import annotations

ROUNDS = 6
MASK = 2**64 - 1


def shuffled(number: int, n: int, seed: int) -> int:
    """Return the index that stands at place `number` of an endless sequence: each n places are a new shuffle of 0..n-1.

    A Feistel network permutes the next power of four; whoever falls beyond n goes through it again (Black and Rogaway
    2002, cycle walking).
    """
    epoch, place = divmod(number, n)
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    key = _mix(_mix(seed) ^ epoch)
    while True:
        left, right = place >> half, place & ((1 << half) - 1)
        for i in range(ROUNDS):
            left, right = right, left ^ (_mix(key ^ (i << 58) ^ right) & ((1 << half) - 1))
        place = left << half | right
        if place < n:
            return place


def _mix(x: int) -> int:
    """Scatter 64 bits (SplitMix64's last step; Steele et al. 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)
