# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture and what lies on it, in the sizes of real pieces.

What stands at a wall has its back at x = 0, its front towards +x and its width along y; the rest stands around (0, 0).
"""

from __future__ import annotations

import math

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.table import SceneBuilder


def small_things(b: SceneBuilder, a: float, c: float, z: float, number: int, tall: float = 0.3) -> None:
    """Strew things over a surface of half sizes a, c at height z: cups, bottles, books, boxes, bowls, fruit."""
    rng = b.rng
    for _ in range(number):
        x, y, yaw = rng.uniform(-a, a), rng.uniform(-c, c), rng.uniform(-3, 3)
        kind = rng.integers(6)
        if kind == 0:
            b.post(x, y, rng.uniform(0.03, 0.05), rng.uniform(0.08, 0.13), m.plastic(rng), z)
        elif kind == 1:
            high, r = rng.uniform(0.15, tall + 0.02), rng.uniform(0.025, 0.05)
            b.post(x, y, r, high, m.plastic(rng), z)
            b.post(x, y, 0.4 * r, high * 1.3, m.plastic(rng), z)
        elif kind == 2:
            b.stand(
                x, y, rng.uniform(0.07, 0.15), rng.uniform(0.05, 0.11), rng.uniform(0.01, 0.08), m.clutter(rng), yaw, z
            )
        elif kind == 3:
            b.stand(x, y, *rng.uniform(0.03, 0.15, 2), rng.uniform(0.04, tall), m.clutter(rng), yaw, z)
        elif kind == 4:
            r = rng.uniform(0.03, 0.09)
            b.ball(x, y, z + 0.8 * r, r, m.thing(rng))
        else:
            r = rng.uniform(0.06, 0.13)
            b.ball(x, y, z + 0.2 * r, r, m.thing(rng), r, 0.45 * r)


def legs(b: SceneBuilder, a: float, c: float, high: float, material, thick: float = 0.022, splay: float = 0.0) -> None:
    """Stand four legs, round or square, upright or splayed."""
    round_ = b.rng.random() < 0.5
    for i in (-1, 1):
        for j in (-1, 1):
            foot = (i * (a + splay), j * (c + splay), 0.0)
            if splay or round_:
                b.rod(foot, (i * a, j * c, high), thick, material)
            else:
                b.stand(i * a, j * c, thick, thick, high, material)


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
