# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What walls have: doors, windows, pictures, small shelves. A wall is at x = 0 and its room towards +x."""

from __future__ import annotations

import math

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.small_things import small_things
from dav2_training.data.varied.table import SceneBuilder


def opening_wall(b: SceneBuilder, y: float, x0: float, x1: float, high: float, material) -> None:
    """Build a wall along x with a door that is open in it."""
    rng = b.rng
    door = rng.uniform(x0 + 0.7, x1 - 0.7) if x1 - x0 > 1.6 else 0.5 * (x0 + x1)
    left, right, top = door - 0.45, door + 0.45, rng.uniform(1.98, 2.15)
    for a, c in ((x0, left), (right, x1)):
        if c > a:
            b.box(0.5 * (a + c), y, 0.5 * high, 0.5 * (c - a), 0.06, 0.5 * high, material)
    b.box(door, y, 0.5 * (top + high), 0.45, 0.06, 0.5 * (high - top), material)
    frame = m.wood(rng)
    for x in (left, right):
        b.box(x, y, 0.5 * top, 0.03, 0.09, 0.5 * top, frame)
    b.box(door, y, top, 0.48, 0.09, 0.04, frame)
    if rng.random() < 0.5:  # the leaf stands open
        angle = rng.uniform(0.3, 1.7)
        b.box(
            left + 0.43 * math.cos(angle), y + 0.43 * math.sin(angle), 0.5 * top, 0.43, 0.02, 0.49 * top, frame, angle
        )


def door(b: SceneBuilder) -> None:
    """Hang a closed door at x = 0."""
    rng, leaf = b.rng, m.wood(b.rng)
    b.box(0.0, 0, 1.0, 0.03, 0.43, 1.0, leaf)
    for j in (-1, 1):
        b.box(0.0, 0.46 * j, 1.03, 0.05, 0.04, 1.03, leaf)
    b.box(0.0, 0, 2.05, 0.05, 0.5, 0.04, leaf)
    b.box(0.06, 0.36 * rng.choice([-1, 1]), 1.0, 0.02, 0.06, 0.012, m.metal(rng))


def window(b: SceneBuilder, bright: float) -> None:
    """Put a window into the wall at x = 0, with a frame, a sill, sometimes curtains."""
    rng, frame = b.rng, m.wood(b.rng)
    w, h, z = rng.uniform(0.4, 1.1), rng.uniform(0.4, 0.75), rng.uniform(1.4, 1.7)
    b.box(0.0, 0, z, 0.012, w, h, m.picture(rng, 'view1', 'view2', 'blinds', light=bright))
    for j in (-1, 0, 1):
        b.box(0.02, j * w, z, 0.03, 0.03, h, frame)
    for k in (-1, 1):
        b.box(0.02, 0, z + k * h, 0.03, w, 0.03, frame)
    b.box(0.1, 0, z - h, 0.1, w + 0.1, 0.015, frame)
    if rng.random() < 0.6:
        cover = m.cloth(rng)
        for j in (-1, 1):
            b.box(0.1, j * (w + 0.05), z - 0.1, 0.04, rng.uniform(0.12, 0.35), h + 0.3, cover)


def on_wall(b: SceneBuilder) -> None:
    """Hang something on the wall at x = 0."""
    rng = b.rng
    kind, z = rng.integers(5), rng.uniform(1.3, 1.7)
    if kind < 3:
        w, h = rng.uniform(0.12, 0.6, 2)
        b.box(0, 0, z, 0.02, w + 0.02, h + 0.02, m.wood(rng))
        b.box(0.006, 0, z, 0.017, w, h, m.picture(rng, 'poster1', 'poster2', 'poster3', 'poster4', 'view1', 'labels'))
    elif kind == 3:
        w = rng.uniform(0.25, 0.6)
        b.box(0.12, 0, z, 0.12, w, 0.012, m.wood(rng))
        with b.at(0.12, 0):
            small_things(b, 0.07, 0.8 * w, z + 0.012, rng.integers(1, 5), 0.25)
    else:
        b.rod((0.0, 0, z), (0.03, 0, z), rng.uniform(0.1, 0.2), m.plastic(rng))
