# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes indoors: rooms with a view through doors, corners full of things seen from near, corridors, halls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dav2_training.data.varied import furniture, people
from dav2_training.data.varied import materials as m
from dav2_training.data.varied.openings import door, on_wall, opening_wall, window
from dav2_training.data.varied.table import LIMIT, SceneBuilder


@dataclass(frozen=True, eq=False)
class Setting:
    """What surrounds the solids, and where cameras may stand."""

    low_m: np.ndarray  # (3,)
    high_m: np.ndarray
    surroundings: list  # six materials
    stand_low: tuple[float, float]  # x, y
    stand_high: tuple[float, float]
    look_at: tuple[float, float]  # roughly where cameras look


def lights(b: SceneBuilder, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Return two lamps (2, 7) and the air (14,) indoors."""
    rng, (low, high) = b.rng, (setting.low_m, setting.high_m)
    lamps = np.zeros((2, 7))
    for lamp in lamps:
        at = rng.uniform(low[:2] + 0.4, np.minimum(high[:2] - 0.4, low[:2] + 12))
        tint = (
            m.hsv(rng.uniform(0.06, 0.16), rng.uniform(0, 0.45), 1.0) if rng.random() < 0.7 else m.hsv(0.58, 0.15, 1.0)
        )
        lamp[:3] = *at, high[2] - rng.uniform(0.12, 0.6)
        lamp[3:6], lamp[6] = rng.uniform(0.25, 1.3) * np.array(tint), rng.uniform(1.5, 4.0)
    if rng.random() < 0.35:  # daylight from a side
        lamps[1, :3] = low[0] + 0.3, rng.uniform(low[1], high[1]), rng.uniform(1.2, 2.2)
        lamps[1, 3:6], lamps[1, 6] = rng.uniform(0.5, 1.3) * np.array((0.9, 0.95, 1.0)), 3.0
    ambient = rng.uniform(0.15, 0.6) * np.array(m.hsv(rng.uniform(0.05, 0.65), 0.15 * rng.random(), 1.0))
    below = ambient * rng.uniform(0.5, 0.9) * np.array((1.0, 0.96, 0.9))
    return lamps, np.array([0.0, *ambient, *below, 1e6, *0.5 * ambient, *ambient])


def furnish(b: SceneBuilder, x0, x1, y0, y1, number: int) -> None:
    """Stand and hang things along the walls of a room, then in its middle, for as long as there are places."""
    rng, taken = b.rng, []
    for _ in range(number):
        side = rng.integers(4)
        along = rng.uniform(0.12, 0.88)
        x, y, yaw = (
            (x0, y0 + along * (y1 - y0), 0.0), (x1, y0 + along * (y1 - y0), math.pi),
            (x0 + along * (x1 - x0), y0, math.pi / 2), (x0 + along * (x1 - x0), y1, -math.pi / 2),
        )[side]  # fmt: skip
        if len(b) > LIMIT - 34 or any(math.hypot(x - u, y - v) < 1.1 for u, v in taken):
            continue
        taken.append((x, y))
        with b.at(x, y, yaw):
            draw = rng.random()
            if draw < 0.62:
                furniture.AT_WALLS[rng.integers(len(furniture.AT_WALLS))](b)
                if rng.random() < 0.4:
                    on_wall(b)
            elif draw < 0.78:
                on_wall(b)
            elif draw < 0.9:
                window(b, rng.uniform(0.6, 2.5))
                if rng.random() < 0.4:
                    furniture.radiator(b)
            else:
                door(b)


def scatter(b: SceneBuilder, things: tuple, x0, x1, y0, y1, number: int, room: int = 34) -> None:
    """Stand things anywhere in a rectangle."""
    for _ in range(number):
        if len(b) < LIMIT - room and x1 > x0 and y1 > y0:
            with b.at(b.rng.uniform(x0, x1), b.rng.uniform(y0, y1), b.rng.uniform(-math.pi, math.pi)):
                things[b.rng.integers(len(things))](b)


def room(b: SceneBuilder) -> Setting:
    """Furnish a room of 2.5 to 7.5 m; behind an open door there may be another one."""
    rng = b.rng
    long, wide, high = rng.uniform(2.6, 7.5), rng.uniform(2.4, 5.5), rng.uniform(2.3, 3.1)
    walls = m.wall(rng)
    accent = walls if rng.random() < 0.6 else m.wall(rng)
    beyond = rng.uniform(2.0, 5.0) if rng.random() < 0.4 else 0.0
    low, top = np.array([0.0, 0.0, 0.0]), np.array([long, wide + beyond, high])
    if beyond:
        opening_wall(b, wide, 0.0, long, high, accent)
    furnish(b, 0.0, long, 0.0, wide - 0.07 * (beyond > 0), rng.integers(5, 17))
    free = (*furniture.FREE, people.person)
    scatter(b, free, 0.5, long - 0.5, 0.5, wide - 0.5, rng.integers(1, 8))
    if beyond:
        scatter(b, (*furniture.FREE, furniture.wardrobe), 0.5, long - 0.5, wide + 0.6, wide + beyond - 0.3, 3, 20)
    if rng.random() < 0.4:
        rug = m.make(m.choose(rng, 'rug', 'carpet', 'plaid'), m.paint(rng, 0.8, 0.1), m.paint(rng, 0.7, 0.1), rng)
        b.box(0.5 * long, 0.5 * wide, 0.004, 0.25 * long, 0.25 * wide, 0.006, rug, rng.normal(0, 0.1))
    if rng.random() < 0.6:
        b.shadow = 0.0
        x, y = rng.uniform(0.3, 0.7, 2) * (long, wide)
        hang = rng.uniform(0.05, 0.7)
        b.post(x, y, 0.006, hang, m.dark(rng), high - hang)
        b.ball(x, y, high - hang, rng.uniform(0.08, 0.25), m.lamp(rng), c=rng.uniform(0.06, 0.15))
        b.shadow = 1.0
    for side in (0.0, wide - 0.06 * (beyond > 0)):
        b.box(0.5 * long, side, 0.04, 0.5 * long, 0.015, 0.04, m.wood(rng))
    surroundings = [walls, walls, accent, accent, m.floor(rng), m.ceiling(rng)]
    return Setting(low, top, surroundings, (0.3, 0.3), (long - 0.3, wide - 0.3), (0.5 * long, 0.5 * wide))


def corner(b: SceneBuilder) -> Setting:
    """Set a table, a desk or shelves in a corner, full of things: what a hand-held camera looks at from near."""
    rng = b.rng
    walls = m.wall(rng)
    near = (furniture.desk, furniture.kitchen, furniture.bookcase, furniture.drawers, furniture.television)
    with b.at(0.0, 0.0):
        near[rng.integers(len(near))](b)
        on_wall(b)
    with b.at(0.0, rng.choice([-1, 1]) * rng.uniform(1.3, 1.9)):
        (*near, furniture.wardrobe)[rng.integers(6)](b)
    if rng.random() < 0.6:
        with b.at(rng.uniform(0.9, 1.6), rng.uniform(-0.5, 0.5), rng.uniform(-3, 3)):
            furniture.table(b, things=int(rng.integers(3, 14)))
    scatter(b, (furniture.chair, furniture.box_pile, furniture.floor_things, furniture.plant, people.person), 0.6, 2.4,
            -1.5, 1.5, rng.integers(1, 4))  # fmt: skip
    side, deep = rng.uniform(1.6, 3.0, 2)
    low, top = np.array([0.0, -side, 0.0]), np.array([2.2 + deep, side, rng.uniform(2.3, 2.9)])
    surroundings = [walls, walls, walls, m.wall(rng), m.floor(rng), m.ceiling(rng)]
    return Setting(low, top, surroundings, (0.9, -1.3), (2.8, 1.3), (0.25, rng.uniform(-0.5, 0.5)))


def corridor(b: SceneBuilder) -> Setting:
    """Build a corridor with doors, lamps, notices, and what stands in corridors."""
    rng = b.rng
    long, wide, high = rng.uniform(7, 32), rng.uniform(1.3, 3.2), rng.uniform(2.3, 3.2)
    walls, step = m.wall(rng), rng.uniform(1.6, 4.0)
    for side, yaw in ((0.0, math.pi / 2), (wide, -math.pi / 2)):
        for x in np.arange(rng.uniform(0.8, step), long - 0.6, step):
            with b.at(x + rng.normal(0, 0.1), side, yaw):
                if len(b) < LIMIT - 60:
                    (door, door, on_wall, furniture.radiator)[rng.integers(4)](b)
    b.shadow = 0.0
    glow = m.lamp(rng, rng.uniform(0.8, 1.6))
    for x in np.arange(1.0, long, rng.uniform(2.0, 4.0)):
        b.box(x, 0.5 * wide, high, rng.uniform(0.3, 0.6), 0.12, 0.03, glow)
    b.shadow = 1.0
    with b.at(long, 0.5 * wide, math.pi):
        (door, on_wall)[rng.integers(2)](b)
    things = (
        people.person,
        people.person,
        furniture.box_pile,
        furniture.plant,
        furniture.chair,
        furniture.floor_things,
    )
    scatter(b, things, 1.0, min(long, 14), 0.3, wide - 0.3, rng.integers(0, 6), 20)
    surroundings = [walls, walls, walls, walls, m.floor(rng), m.ceiling(rng)]
    return Setting(np.zeros(3), np.array([long, wide, high]), surroundings, (0.3, 0.35), (0.5 * long, wide - 0.35),
                   (long + 3, 0.5 * wide))  # fmt: skip


def rack(b: SceneBuilder) -> None:
    """Stand a pallet rack along y with goods on it, its front at x = 0."""
    rng, steel = b.rng, m.metal(b.rng)
    w, rows = rng.uniform(1.2, 2.0), rng.integers(2, 4)
    for j in (-1, 1):
        for x in (0.05, 1.0):
            b.stand(x, j * w, 0.04, 0.04, 1.6 * rows + 0.4, steel)
    for k in range(1, rows + 1):
        for x in (0.05, 1.0):
            b.box(x, 0, 1.6 * k - 0.3, 0.03, w, 0.06, steel)
    for k in range(rows):
        for y in (-0.5, 0.5):
            if rng.random() < 0.8:
                b.stand(
                    0.52, y * w, 0.45, 0.42 * w, rng.uniform(0.4, 1.15), m.thing(rng), z=1.6 * k - 0.24 if k else 0.05
                )


def hall(b: SceneBuilder) -> Setting:
    """Fill a hall: a warehouse, a workshop, a garage, an office of many desks."""
    rng = b.rng
    long, wide, high = rng.uniform(9, 34), rng.uniform(7, 18), rng.uniform(3.0, 7.5)
    walls = m.make(
        m.choose(rng, 'concrete', 'bricks', 'corrugated', 'plaster'), m.paint(rng, 0.2), m.paint(rng, 0.2), rng
    )
    things = {
        0: (rack, rack, furniture.box_pile, people.person), 1: (furniture.desk, furniture.desk, furniture.plant,
        people.person, furniture.wardrobe), 2: (furniture.dining, furniture.dining, people.person, furniture.plant),
        3: (furniture.box_pile, furniture.table, people.person, rack, furniture.floor_things),
    }[int(rng.integers(4))]  # fmt: skip
    for x in np.arange(rng.uniform(2, 5), long - 1, rng.uniform(3.5, 6)):
        for y in np.arange(1.2, wide - 1, rng.uniform(2.5, 5)):
            if rng.random() < 0.75 and len(b) < LIMIT - 40:
                with b.at(x, y, rng.choice([0, math.pi / 2, math.pi, -math.pi / 2]) + rng.normal(0, 0.03)):
                    things[rng.integers(len(things))](b)
    if rng.random() < 0.5:
        for x in np.arange(4, long, 6.0):
            for y in (0.33 * wide, 0.67 * wide):
                b.stand(x, y, 0.18, 0.18, high, walls)
    scatter(b, (people.person, furniture.box_pile, furniture.floor_things), 2.5, min(long, 10), 1, wide - 1, 4, 20)
    floor = m.make(m.choose(rng, 'concrete', 'speckle', 'tiles'), m.paint(rng, 0.1, 0.2), m.paint(rng, 0.1, 0.2), rng,
                   gloss=rng.uniform(0, 0.6))  # fmt: skip
    surroundings = [walls, walls, walls, walls, floor, m.ceiling(rng)]
    return Setting(np.zeros(3), np.array([long, wide, high]), surroundings, (0.4, 0.2 * wide), (0.3 * long, 0.8 * wide),
                   (0.7 * long, 0.5 * wide))  # fmt: skip
