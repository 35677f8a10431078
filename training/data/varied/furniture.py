# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture and what lies on it, in the sizes of real pieces.

What stands at a wall has its back at x = 0, its front towards +x and its width along y; the rest stands around (0, 0).
"""

from __future__ import annotations

import math

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.cupboards import (
    bookcase,
    chair,
    desk,
    drawers,
    kitchen,
    television,
    wardrobe,
)
from dav2_training.data.varied.small_things import legs, small_things
from dav2_training.data.varied.table import SceneBuilder


def table(b: SceneBuilder, high: float = 0.0, things: int = -1) -> None:
    """Stand a table of one of four builds."""
    rng = b.rng
    high = high or rng.uniform(0.70, 0.78)
    a, c, wood = rng.uniform(0.35, 1.0), rng.uniform(0.35, 0.6), m.wood(rng)
    build = rng.integers(4)
    thick = rng.uniform(0.012, 0.03)
    if build == 1 and a < 0.7:  # round, on one leg
        b.post(0, 0, a, 2 * thick, wood, high - 2 * thick)
        b.post(0, 0, rng.uniform(0.03, 0.07), high, m.metal(rng))
        b.post(0, 0, 0.5 * a, 0.03, m.metal(rng))
        c = a * 0.7
    elif build == 2:  # on two boards
        b.box(0, 0, high - thick, a, c, thick, wood)
        for i in (-1, 1):
            b.stand(i * (a - 0.1), 0, 0.02, c - 0.05, high, wood)
    else:
        b.box(0, 0, high - thick, a, c, thick, wood)
        legs(b, a - 0.06, c - 0.06, high - thick, wood if build == 0 else m.metal(rng), rng.uniform(0.012, 0.035),
             rng.choice([0.0, 0.08]))  # fmt: skip
        if rng.random() < 0.4:
            b.box(0, 0, high - 0.07, a - 0.07, c - 0.07, 0.04, wood)
    small_things(b, 0.85 * a, 0.8 * c, high, rng.integers(0, 7) if things < 0 else things)


def coffee_table(b: SceneBuilder) -> None:
    """Stand a low table."""
    table(b, b.rng.uniform(0.35, 0.5))


def dining(b: SceneBuilder) -> None:
    """Stand a table with chairs around it."""
    rng = b.rng
    table(b)
    for k in range(rng.integers(1, 5)):
        angle = k * math.pi / 2 + rng.normal(0, 0.25)
        away = rng.uniform(0.65, 1.0)
        with b.at(away * math.cos(angle), away * math.sin(angle), angle + math.pi + rng.normal(0, 0.3)):
            chair(b)


def sofa(b: SceneBuilder, width: float = 0.0) -> None:
    """Stand a sofa or an armchair."""
    rng = b.rng
    w, deep, cover = width or rng.uniform(0.75, 1.15), rng.uniform(0.4, 0.5), m.cloth(rng)
    seat = rng.uniform(0.36, 0.46)
    b.stand(deep, 0, deep, w, seat - 0.12, cover, z=0.05)
    parts = 1 if w < 0.6 else int(rng.integers(2, 4))
    for k in range(parts):
        y = (2 * k + 1 - parts) * w / parts
        b.box(deep + 0.06, y, seat, deep - 0.1, w / parts - 0.015, 0.08, cover)
        b.box(0.18, y, seat + 0.27, 0.09, w / parts - 0.02, 0.22, cover, pitch=-0.15)
    b.stand(0.1, 0, 0.1, w, rng.uniform(0.7, 0.9), cover)
    for j in (-1, 1):
        b.stand(deep, j * (w + 0.06), deep, 0.08, rng.uniform(0.52, 0.66), cover)
    for _ in range(rng.integers(0, 4)):
        b.ball(deep, rng.uniform(-w, w) * 0.8, seat + 0.2, 0.1, m.cloth(rng), 0.22, 0.2, pitch=-0.5)


def armchair(b: SceneBuilder) -> None:
    """Stand an armchair."""
    sofa(b, b.rng.uniform(0.32, 0.4))


def bed(b: SceneBuilder) -> None:
    """Stand a bed, its head at the wall."""
    rng = b.rng
    w, long, high, cover = rng.uniform(0.45, 0.95), rng.uniform(0.98, 1.05), rng.uniform(0.4, 0.6), m.cloth(rng)
    b.stand(long, 0, long, w, 0.3, m.wood(rng))
    b.stand(long, 0, long - 0.02, w - 0.02, high - 0.28, m.cloth(rng), z=0.28)
    b.box(long + 0.35, 0, high, long - 0.35, w + 0.03, 0.06, cover)
    b.stand(0.03, 0, 0.03, w + 0.03, rng.uniform(0.7, 1.1), m.wood(rng))
    for y in (-0.5, 0.5) if w > 0.65 else (0.0,):
        b.ball(0.35, y * w, high + 0.08, 0.22, m.cloth(rng), 0.33, 0.1)
    with b.at(0, w + rng.uniform(0.3, 0.4)):
        drawers(b, rng.uniform(0.4, 0.6))


def radiator(b: SceneBuilder) -> None:
    """Hang a radiator."""
    c = m.paint(b.rng, 0.1, 0.6, 0.85)
    b.box(0.07, 0, 0.4, 0.05, b.rng.uniform(0.3, 0.7), 0.27, m.make('corrugated', m.darker(c, 0.6), c, b.rng, size=0.5))


def plant(b: SceneBuilder) -> None:
    """Stand a plant in a pot."""
    rng = b.rng
    high, r = rng.uniform(0.25, 1.4), rng.uniform(0.1, 0.2)
    b.post(0, 0, r, 1.6 * r, m.plastic(rng))
    b.rod((0, 0, 0), (rng.normal(0, 0.05), rng.normal(0, 0.05), high), 0.012, m.wood(rng))
    leaf = m.foliage(rng)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.normal(0, 0.12, 2)
        size = rng.uniform(0.12, 0.32)
        b.leaves(x, y, 1.6 * r + rng.uniform(0.5, 1.0) * high, size, size, size * rng.uniform(0.6, 1.5), leaf, 0.09)


def standing_lamp(b: SceneBuilder) -> None:
    """Stand a lamp with a shade."""
    rng = b.rng
    high = rng.uniform(1.2, 1.8)
    b.post(0, 0, 0.13, 0.02, m.metal(rng))
    b.post(0, 0, 0.012, high, m.metal(rng))
    b.post(0, 0, rng.uniform(0.1, 0.22), rng.uniform(0.15, 0.3), m.lamp(rng, rng.uniform(0.2, 1.2)), high - 0.05)


def box_pile(b: SceneBuilder) -> None:
    """Pile up boxes or bags on the floor."""
    rng, z = b.rng, 0.0
    for _ in range(rng.integers(1, 4)):
        a, c, high = rng.uniform(0.1, 0.32, 3)
        card = (
            m.make('smooth', m.hsv(0.08, 0.45, 0.4), m.hsv(0.08, 0.45, 0.3), rng)
            if rng.random() < 0.5
            else m.thing(rng)
        )
        b.stand(rng.normal(0, 0.04), rng.normal(0, 0.04), a, c, high * 1.5, card, rng.uniform(-3, 3), z)
        z += 1.5 * high


def floor_things(b: SceneBuilder) -> None:
    """Let things lie around on the floor: a bag, shoes, toys, a bin, a cable."""
    rng = b.rng
    kind = rng.integers(4)
    if kind == 0:
        b.post(0, 0, rng.uniform(0.1, 0.16), rng.uniform(0.25, 0.45), m.plastic(rng))
    elif kind == 1:
        b.ball(0, 0, 0.15, 0.2, m.cloth(rng), 0.14, 0.2)
    elif kind == 2:
        at = [(0.0, 0.0, 0.006)]
        for _ in range(rng.integers(2, 5)):
            at.append((at[-1][0] + rng.normal(0, 0.4), at[-1][1] + rng.normal(0, 0.4), 0.006))
            b.rod(at[-2], at[-1], 0.005, m.dark(rng))
    small_things(b, 0.4, 0.4, 0.0, rng.integers(1, 4))


AT_WALLS = (
    sofa,
    armchair,
    bed,
    drawers,
    drawers,
    wardrobe,
    bookcase,
    bookcase,
    desk,
    desk,
    television,
    kitchen,
    radiator,
)
FREE = (
    table,
    dining,
    dining,
    coffee_table,
    chair,
    chair,
    plant,
    standing_lamp,
    box_pile,
    box_pile,
    floor_things,
    floor_things,
)
