# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture that stands at walls and holds things: drawers, wardrobes, shelves, desks, kitchens; and chairs for desks.

The back is at x = 0, the front towards +x, the width along y.
"""

from __future__ import annotations

import math

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.small_things import legs, small_things
from dav2_training.data.varied.table import SceneBuilder


def chair(b: SceneBuilder) -> None:
    """Stand a chair that faces +x: wooden, upholstered, a stool or an office chair."""
    rng = b.rng
    a, seat, wood = rng.uniform(0.19, 0.24), rng.uniform(0.43, 0.48), m.wood(rng)
    cover = m.cloth(rng) if rng.random() < 0.5 else wood
    build = rng.integers(4)
    if build == 3:  # on a star of five feet
        for k in range(5):
            angle = 2 * math.pi * k / 5
            b.rod((0, 0, 0.1), (0.3 * math.cos(angle), 0.3 * math.sin(angle), 0.05), 0.02, m.dark(rng))
        b.post(0, 0, 0.03, seat, m.metal(rng))
        b.box(0, 0, seat, 0.24, 0.24, 0.04, cover)
        b.box(-0.24, 0, seat + 0.4, 0.03, 0.22, 0.28, cover, pitch=-0.1)
        if rng.random() < 0.6:
            for j in (-1, 1):
                b.box(0, 0.27 * j, seat + 0.2, 0.12, 0.025, 0.02, m.dark(rng))
        return
    b.box(0, 0, seat, a, a, rng.uniform(0.01, 0.04), cover)
    legs(b, a - 0.025, a - 0.025, seat, wood, rng.uniform(0.012, 0.022), rng.choice([0.0, 0.04]))
    if build == 0 and rng.random() < 0.4:
        return  # a stool
    high = rng.uniform(0.35, 0.55)
    if build == 1:  # of bars
        for j in (-1, -0.33, 0.33, 1):
            b.box(-a - 0.02, j * (a - 0.02), seat + 0.5 * high, 0.012, 0.012, 0.5 * high, wood, pitch=-0.08)
        b.box(-a - 0.04, 0, seat + high, 0.012, a, 0.04, wood)
    else:
        b.box(-a - 0.01, 0, seat + 0.6 * high, 0.015, a, 0.4 * high, cover, pitch=-0.1)
        for j in (-1, 1):
            b.box(-a, j * (a - 0.03), seat + 0.3 * high, 0.013, 0.013, 0.3 * high, wood)


def drawers(b: SceneBuilder, high: float = 0.0) -> None:
    """Stand a chest of drawers, or a low cabinet, with things on it."""
    rng = b.rng
    high, w, deep, wood = high or rng.uniform(0.6, 1.1), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.27), m.wood(rng)
    b.stand(deep, 0, deep, w, high, wood)
    rows = max(1, round(high / rng.uniform(0.2, 0.35)))
    for k in range(rows):
        z = (k + 0.5) * high / rows
        b.box(2 * deep + 0.006, 0, z, 0.008, w - 0.02, 0.5 * high / rows - 0.012, wood)
        b.box(2 * deep + 0.025, 0, z, 0.01, 0.06, 0.008, m.metal(rng))
    with b.at(deep, 0):
        small_things(b, 0.6 * deep, 0.8 * w, high, rng.integers(0, 5))


def wardrobe(b: SceneBuilder) -> None:
    """Stand a wardrobe."""
    rng = b.rng
    w, high, deep, wood = rng.uniform(0.4, 1.1), rng.uniform(1.7, 2.25), rng.uniform(0.25, 0.32), m.wood(rng)
    b.stand(deep, 0, deep, w, high, wood)
    doors = 2 if w < 0.8 else 3
    for k in range(doors):
        y = (2 * k + 1 - doors) * w / doors
        front = m.glass(rng) if rng.random() < 0.12 else wood
        b.box(2 * deep + 0.008, y, 0.5 * high, 0.01, w / doors - 0.01, 0.5 * high - 0.04, front)
        b.box(2 * deep + 0.035, y + 0.7 * w / doors, 0.5 * high, 0.012, 0.008, 0.08, m.metal(rng))


def bookcase(b: SceneBuilder) -> None:
    """Stand an open shelf: boards, and books or things on them."""
    rng = b.rng
    w, high, deep, wood = rng.uniform(0.3, 0.7), rng.uniform(0.9, 2.1), rng.uniform(0.13, 0.2), m.wood(rng)
    for j in (-1, 1):
        b.stand(deep, j * w, deep, 0.012, high, wood)
    back = wood if rng.random() < 0.6 else None
    if back:
        b.stand(0.008, 0, 0.008, w, high, back)
    rows = max(2, round(high / rng.uniform(0.3, 0.4)))
    for k in range(rows + 1):
        z = 0.03 + k * (high - 0.05) / rows
        b.box(deep, 0, z, deep, w, 0.011, wood)
        if k == rows:
            break
        filled = rng.random()
        if filled < 0.45:
            share = rng.uniform(0.4, 1.0)
            books = m.picture(rng, 'books')
            b.stand(deep - 0.02, (share - 1) * w, 0.8 * deep, share * w - 0.02, rng.uniform(0.18, 0.26), books, z=z)
        elif filled < 0.9:
            with b.at(deep, 0):
                small_things(b, 0.4 * deep, 0.8 * w, z + 0.01, rng.integers(1, 4), 0.2)


def desk(b: SceneBuilder) -> None:
    """Stand a desk with a screen, a keyboard, a chair and what gathers there."""
    rng = b.rng
    w, deep, high, wood = rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.4), rng.uniform(0.7, 0.76), m.wood(rng)
    b.box(deep, 0, high - 0.015, deep, w, 0.015, wood)
    with b.at(deep, 0):
        legs(b, deep - 0.04, w - 0.04, high - 0.03, m.metal(rng), 0.02)
    if rng.random() < 0.5:
        b.stand(deep, 0.65 * w, deep - 0.03, 0.2, high - 0.05, wood)
    for _ in range(rng.integers(0, 3)):
        with b.at(0.2, rng.uniform(-0.6, 0.6) * w, rng.normal(0, 0.3), high):
            screen(b)
    b.stand(1.3 * deep, rng.uniform(-0.2, 0.2), 0.07, 0.21, 0.02, m.dark(rng), z=high)
    with b.at(deep, 0):
        small_things(b, 0.8 * deep, 0.85 * w, high, rng.integers(1, 7))
    if rng.random() < 0.75:
        with b.at(2 * deep + rng.uniform(-0.05, 0.4), rng.uniform(-0.3, 0.3), math.pi + rng.normal(0, 0.5)):
            chair(b)


def screen(b: SceneBuilder, w: float = 0.0) -> None:
    """Stand a monitor or a television."""
    rng = b.rng
    w = w or rng.uniform(0.22, 0.34)
    h = w * rng.uniform(0.55, 0.65)
    z = rng.uniform(0.08, 0.18) + h
    front = m.picture(rng, 'screen', 'poster1', light=0.7) if rng.random() < 0.5 else m.dark(rng)
    b.box(0, 0, z, 0.015, w, h, m.dark(rng))
    b.box(0.016, 0, z, 0.003, w - 0.01, h - 0.01, front)
    b.stand(-0.02, 0, 0.015, 0.04, z, m.dark(rng))
    b.stand(0, 0, 0.09, 0.12, 0.01, m.dark(rng))


def television(b: SceneBuilder) -> None:
    """Stand a low cabinet with a television on it."""
    rng = b.rng
    w, high = rng.uniform(0.5, 0.9), rng.uniform(0.35, 0.6)
    b.stand(0.2, 0, 0.2, w, high, m.wood(rng))
    with b.at(0.2, 0, 0, high):
        screen(b, rng.uniform(0.4, 0.65))


def kitchen(b: SceneBuilder) -> None:
    """Stand a row of kitchen cabinets, a worktop, a hood or cupboards above, and a refrigerator."""
    rng = b.rng
    w, front, top = rng.uniform(0.9, 1.8), m.wood(rng), m.make('speckle', *2 * [m.paint(rng)], rng, gloss=0.4)
    b.stand(0.28, 0, 0.28, w, 0.82, front, z=0.06)
    b.box(0.3, 0, 0.9, 0.3, w + 0.01, 0.02, top)
    parts = round(2 * w / 0.55)
    for k in range(parts):
        y = (2 * k + 1 - parts) * w / parts
        b.box(0.565, y, 0.47, 0.01, w / parts - 0.008, 0.38, m.dark(rng) if rng.random() < 0.15 else front)
        b.box(0.585, y, 0.8, 0.01, 0.08, 0.006, m.metal(rng))
        if rng.random() < 0.75:
            b.box(0.17, y, rng.uniform(1.6, 1.8), 0.17, w / parts - 0.004, 0.33, front)
    with b.at(0.3, 0):
        small_things(b, 0.22, 0.9 * w, 0.92, rng.integers(3, 9), 0.35)
    b.box(0.01, 0, 1.15, 0.01, w, 0.25, m.make('subway', *2 * [m.paint(rng)], rng, gloss=0.4))
    if rng.random() < 0.6:
        b.stand(0.33, w + 0.34, 0.33, 0.3, rng.uniform(1.5, 1.95), m.metal(rng) if rng.random() < 0.5 else front)
