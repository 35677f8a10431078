# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compose scenes outdoors: streets as a car, a walker and a small robot see them, roads, parks, yards."""

from __future__ import annotations

import math

import numpy as np

from dav2_training.data.varied import materials as m
from dav2_training.data.varied import people
from dav2_training.data.varied import street_furniture as f
from dav2_training.data.varied.rooms import Setting
from dav2_training.data.varied.table import LIMIT, SceneBuilder

FAR_M = 1000.0
SUN_M = 400.0


def lights(b: SceneBuilder, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Return the sun, a second lamp without light, and the air (14,) outdoors."""
    rng = b.rng
    overcast = rng.random() ** 1.5
    height, bearing = rng.uniform(0.15, 1.3), rng.uniform(-math.pi, math.pi)
    lamps = np.zeros((2, 7))
    lamps[:, :3] = SUN_M * np.array(
        (math.cos(height) * math.cos(bearing), math.cos(height) * math.sin(bearing), math.sin(height))
    )
    warm = np.array((1.0, 0.96 - 0.2 * math.exp(-3 * height), 0.9 - 0.45 * math.exp(-3 * height)))
    lamps[0, 3:6] = warm * max(0.0, rng.uniform(0.9, 1.6) * (1 - 1.4 * overcast))
    blue, grey = np.array((0.25, 0.45, 0.85)), rng.uniform(0.45, 0.95) * np.array((1.0, 1.0, 1.02))
    zenith = (1 - overcast) * blue + overcast * grey
    horizon = (1 - overcast) * np.array((0.72, 0.82, 0.93)) + overcast * grey * rng.uniform(0.95, 1.1)
    ambient = rng.uniform(0.3, 0.65) * (0.5 * np.minimum(zenith + 0.25, 1) + 0.5)
    haze_m = rng.uniform(50, 400) if rng.random() < 0.25 else 3000.0
    return lamps, np.array([1.0, *ambient, *0.55 * ambient, haze_m, *horizon, *zenith])


def row_of_houses(b: SceneBuilder, side: int, front: float, x: float, end: float, room: int) -> None:
    """Build houses, gaps and gardens along x at y = side * front."""
    rng = b.rng
    town = rng.uniform(4, 9) if rng.random() < 0.5 else rng.uniform(9, 20)
    while x < end and len(b) < LIMIT - room:
        half = rng.uniform(4, 11)
        with b.at(x + half, side * (front + rng.uniform(0, 1.0)), 0.0 if side > 0 else math.pi):
            draw = rng.random()
            if draw < 0.78:
                f.house(b, half, rng.uniform(4, 7), town * rng.uniform(0.75, 1.3))
            elif draw < 0.9:
                f.fence(b, half)
                for _ in range(2):
                    with b.at(rng.uniform(-half, half), rng.uniform(2, 8)):
                        f.tree(b)
            else:
                f.hedge(b, half)
        x += 2 * half + rng.choice([0.0, 0.0, rng.uniform(1, 9)])


def road(b: SceneBuilder, half: float, pavement: float) -> None:
    """Lay pavements beside a road along x, and paint lines on it."""
    rng = b.rng
    paved = m.ground(rng, 'paving', 'asphalt', 'concrete', 'tiles')
    if pavement:
        for side in (-1, 1):
            b.box(0, side * (half + 0.5 * pavement), 0.05, 500, 0.5 * pavement, 0.07, paved)
    white = m.make('concrete', (0.75, 0.75, 0.7), (0.5, 0.5, 0.5), rng)
    if rng.random() < 0.8:
        for x in np.arange(-2, 46, 6.0):
            b.box(x, 0, 0.002, 1.5, 0.07, 0.004, white)
    if rng.random() < 0.4:
        for side in (-1, 1):
            b.box(0, side * (half - 0.3), 0.002, 500, 0.06, 0.004, white)
    if rng.random() < 0.2:
        at = rng.uniform(6, 25)
        for y in np.arange(-half + 0.5, half - 0.3, 1.0):
            b.box(at, y, 0.002, 1.5, 0.25, 0.005, white)


def street(b: SceneBuilder, kind: str) -> Setting:
    """Build a street; `kind` says where the camera is: in a car on the road, or on the pavement."""
    rng = b.rng
    half, pavement = rng.uniform(2.8, 7.0), rng.uniform(1.5, 4.0)
    road(b, half, pavement)
    parked = half - 1.05
    for side in (-1, 1):
        row_of_houses(
            b,
            side,
            half + pavement + rng.choice([0.1, rng.uniform(0.5, 6)]),
            rng.uniform(-14, -4),
            90,
            250 if side < 0 else 210,
        )
    for side in (-1, 1):
        x = rng.uniform(-4, 6)
        crowded = rng.uniform(0.0, 0.9) if half > 3.5 else 0.0
        while x < 40 and len(b) < LIMIT - 120:
            if rng.random() < crowded:
                with b.at(x, side * parked, (0 if side < 0 else math.pi) + rng.normal(0, 0.03)):
                    f.car(b)
            x += rng.uniform(5.2, 8)
    for _ in range(rng.integers(0, 4)):
        x, lane = math.exp(rng.uniform(math.log(7), math.log(60))), rng.choice([-1, 1])
        if len(b) < LIMIT - 90:
            with b.at(x, lane * 0.4 * half, (0 if lane < 0 else math.pi) + rng.normal(0, 0.05)):
                (f.lorry if rng.random() < 0.2 else f.car)(b)
    for side in (-1, 1):
        for _ in range(rng.integers(1, 5)):
            x = math.exp(rng.uniform(math.log(3), math.log(40)))
            if len(b) < LIMIT - 70:
                with b.at(x, side * (half + rng.uniform(0.4, pavement)), rng.uniform(-3, 3)):
                    (people.person, people.person, f.clutter_outdoors, people.cyclist, f.clutter_outdoors, people.dog)[
                        rng.integers(6)
                    ](b)
        step = rng.uniform(5, 16)
        for x in np.arange(rng.uniform(2, step), 60, step):
            if len(b) < LIMIT - 50:
                with b.at(x, side * (half + 0.5), 0.0 if side < 0 else math.pi):
                    (f.tree if rng.random() < 0.6 else f.pole)(b)
    if rng.random() < 0.5:
        across = rng.uniform(45, 110)
        with b.at(across, 0, -math.pi / 2):
            f.house(b, rng.uniform(15, 40), 6, rng.uniform(6, 18))
    if rng.random() < 0.25:
        for y in rng.uniform(-8, 8, 2):
            b.rod((-10, y, rng.uniform(5, 7)), (80, y + 2, rng.uniform(5, 7)), 0.012, m.dark(rng))
    low = (-1.0, -0.55 * half) if kind == 'drive' else (-1.0, half + 0.2)
    high = (1.0, 0.1 * half) if kind == 'drive' else (1.0, half + pavement - 0.2)
    return outdoors(m.ground(rng, 'asphalt', 'asphalt', 'concrete', 'paving'), low, high, (30.0, 0.0))


def outdoors(ground, low: tuple, high: tuple, look_at: tuple) -> Setting:
    """Return a setting under the sky."""
    return Setting(np.array((-FAR_M, -FAR_M, 0.0)), np.full(3, FAR_M), [ground] * 6, low, high, look_at)


def country(b: SceneBuilder) -> Setting:
    """Lay a road through the country: verges, trees, hedges, fences, a barn, hills."""
    rng = b.rng
    half = rng.uniform(2.5, 6)
    verge = m.ground(rng, 'grass', 'grass', 'soil')
    for side in (-1, 1):
        b.box(0, side * (half + 200), 0.02, 600, 200, 0.03, verge)
    road(b, half, 0.0)
    for side in (-1, 1):
        line = rng.integers(4)
        y = half + rng.uniform(0.8, 5)
        if line == 0:
            with b.at(25, side * y):
                f.hedge(b, 30)
        elif line == 1:
            b.box(25, side * y, 0.75, 40, 0.04, 0.16, m.metal(rng))
            for x in np.arange(1, 45, 3.0):
                b.post(x, side * y, 0.05, 0.8, m.metal(rng))
        for x in np.exp(rng.uniform(math.log(5), math.log(90), rng.integers(2, 9))):
            if len(b) < LIMIT - 40:
                with b.at(x, side * (y + rng.uniform(0.5, 15)), rng.uniform(-3, 3)):
                    (f.tree, f.tree, f.tree, f.bush, f.pole)[rng.integers(5)](b)
    far_things(b)
    for _ in range(rng.integers(0, 3)):
        lane = rng.choice([-1, 1])
        with b.at(math.exp(rng.uniform(math.log(8), math.log(70))), 0.45 * lane * half, 0 if lane < 0 else math.pi):
            (f.lorry if rng.random() < 0.25 else f.car)(b)
    return outdoors(m.ground(rng, 'asphalt', 'asphalt', 'gravel'), (-1, -0.5 * half), (1, 0.2 * half), (40, 0))


def far_things(b: SceneBuilder) -> None:
    """Close the view with hills, a wood, or houses far away."""
    rng = b.rng
    kind = rng.integers(3)
    for _ in range(rng.integers(1, 6)):
        bearing, away = rng.uniform(-0.9, 0.9), rng.uniform(60, 250)
        x, y = away * math.cos(bearing), away * math.sin(bearing)
        if kind == 0:
            b.ball(x, y, -5, rng.uniform(40, 120), m.foliage(rng), rng.uniform(40, 120), rng.uniform(10, 40))
        elif kind == 1:
            b.leaves(x, y, 3, rng.uniform(5, 12), rng.uniform(15, 40), rng.uniform(7, 14), m.foliage(rng), 1.0)
        else:
            with b.at(x, y, bearing - math.pi / 2):
                f.house(b, rng.uniform(5, 25), 6, rng.uniform(4, 25))


def park(b: SceneBuilder) -> Setting:
    """Lay out a park, a garden or a square: trees, benches, bushes, people, a path, walls around it."""
    rng = b.rng
    if rng.random() < 0.7:
        path, y = m.ground(rng, 'gravel', 'asphalt', 'paving', 'soil'), rng.uniform(-2, 2)
        b.box(20, y, 0.003, 40, rng.uniform(0.6, 2.0), 0.006, path, rng.normal(0, 0.12))
    things = (f.tree, f.tree, f.tree, f.bush, f.bush, f.bench, people.person, people.person, f.bin_, f.fence,
              people.dog, people.cyclist, f.pole, f.hedge)  # fmt: skip
    for away in np.exp(rng.uniform(math.log(1.8), math.log(60), rng.integers(8, 24))):
        bearing = rng.normal(0, 0.55)
        if len(b) < LIMIT - 55:
            with b.at(away * math.cos(bearing), away * math.sin(bearing), rng.uniform(-3, 3)):
                things[rng.integers(len(things))](b)
    if rng.random() < 0.5:
        for side in (-1, 1):
            row_of_houses(b, side, rng.uniform(8, 40), rng.uniform(-10, 5), 70, 30)
    far_things(b)
    return outdoors(m.ground(rng, 'grass', 'grass', 'grass', 'paving', 'soil', 'gravel'), (-1, -1), (1, 1), (20, 0))


def yard(b: SceneBuilder) -> Setting:
    """Fill a yard or a car park: cars, boxes, fences and walls near by, people, a house in front."""
    rng = b.rng
    for side in (-1, 1):
        with b.at(rng.uniform(0, 8), side * rng.uniform(3, 12)):
            (f.fence, f.hedge)[rng.integers(2)](b, rng.uniform(4, 14))
    with b.at(rng.uniform(8, 28), rng.uniform(-6, 6), -math.pi / 2 + rng.normal(0, 0.2)):
        f.house(b, rng.uniform(5, 16), 6, rng.uniform(3, 12))
    things = (
        f.car,
        f.car,
        people.person,
        f.clutter_outdoors,
        f.clutter_outdoors,
        f.bin_,
        people.cyclist,
        f.tree,
        f.lorry,
    )
    for away in np.exp(rng.uniform(math.log(1.6), math.log(25), rng.integers(4, 12))):
        bearing, thing = rng.normal(0, 0.5), things[rng.integers(len(things))]
        away = max(away, 4.5) if thing in (f.car, f.lorry) else away
        if len(b) < LIMIT - 50:
            with b.at(away * math.cos(bearing), away * math.sin(bearing), rng.uniform(-3, 3)):
                thing(b)
    return outdoors(m.ground(rng, 'paving', 'asphalt', 'concrete', 'gravel', 'grass'), (-1, -1), (1, 1), (12, 0))
