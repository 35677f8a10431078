# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compose random scenes: rooms, corridors, streets, open ground, and the objects that stand in them.

Sizes are those of real things (a door is 2 m high, a table 0.75 m), because a single camera can only know metres from
things whose size it knows.
"""

from __future__ import annotations

import math

import numpy as np

from dav2_training.data.procedural.objects import (
    ball,
    barrel,
    car,
    crate,
    cupboard,
    fence,
    material,
    person,
    pole,
    table,
    tree,
)
from dav2_training.data.procedural.scene import PLACES, Material, Scene

KINDS = ('room', 'corridor', 'street', 'open')
SUN_M = 400.0  # far enough for parallel shadows, near enough for float32
FAR_M = 1000.0  # outdoors: where the ground ends and the sky begins

INDOOR_THINGS = (table, crate, crate, barrel, ball, person, pole, cupboard, cupboard)
OUTDOOR_THINGS = (crate, barrel, person, person, tree, tree, car, car, pole, fence, ball)


def place_things(s: Scene, things: tuple, number: int, near_m: float, far_m: float, rng: np.random.Generator) -> None:
    """Stand things around the camera, at x, y = 0: more of them near than far, none on it, most in front (+x)."""
    for _ in range(number):
        distance = near_m * (far_m / near_m) ** rng.random()
        bearing = rng.normal(0, 0.6)
        x, y = distance * math.cos(bearing), distance * math.sin(bearing)
        if np.all([x, y] > s.low_m[:2] + 0.3) and np.all([x, y] < s.high_m[:2] - 0.3):
            thing = things[rng.integers(len(things))]
            if thing is car and distance < 4.5:
                continue
            thing(s, x, y, rng.uniform(-math.pi, math.pi), rng)


def indoors(kind: str, reach: float, rng: np.random.Generator) -> Scene:
    """Compose a room or a corridor, 2.3 to 3 m high, with doors, furniture and one lamp."""
    high = rng.uniform(2.3, 3.0)
    if kind == 'room':
        x0, x1, y0, y1 = -rng.uniform(0.8, 3.0), rng.uniform(3.5, 8.0), -rng.uniform(1.5, 3.5), rng.uniform(1.5, 3.5)
    else:
        x0, x1, y0, y1 = -rng.uniform(1.0, 5.0), rng.uniform(6.0, 18.0), -rng.uniform(0.8, 1.4), rng.uniform(0.8, 1.4)
    x1 *= reach
    wall = material(rng, ('plain', 'plain', 'speckle', 'bricks', 'stripes'), saturation=0.35, low=0.45)
    accent = wall if rng.random() < 0.6 else material(rng, ('plain', 'bricks', 'planks'), low=0.3)
    floor = material(rng, ('tiles', 'planks', 'checker', 'speckle', 'noise'), saturation=0.5, high=0.7)
    ceiling = material(rng, ('plain', 'plain', 'tiles'), saturation=0.1, low=0.7)
    s = Scene(kind, np.array([x0, y0, 0.0]), np.array([x1, y1, high]), [wall, accent, wall, accent, floor, ceiling])
    s.light = np.array([rng.uniform(0.2 * x0, 0.7 * x1), rng.uniform(0.6 * y0, 0.6 * y1), high - 0.15])
    s.ambient = rng.uniform(0.35, 0.6)
    paint = material(rng, ('plain', 'planks'), low=0.2)
    for _ in range(rng.integers(1, 4)):  # doors lie on the walls, 2 m high and 0.9 m wide
        along = rng.uniform(x0 + 0.6, x1 - 0.6)
        side = y1 if rng.random() < 0.5 else y0
        s.add('box', (along, side, 1.0), (0.45, 0.03, 1.0), paint)
    s.add('box', (x1, rng.uniform(y0 + 0.5, y1 - 0.5), 1.0), (0.03, 0.45, 1.0), paint)
    for side in (y0, y1):  # skirting boards
        s.add('box', ((x0 + x1) / 2, side, 0.05), ((x1 - x0) / 2, 0.015, 0.05), paint)
    place_things(s, INDOOR_THINGS, rng.integers(2, 6), 1.6 * reach, x1, rng)
    return s


def outdoors(kind: str, reach: float, rng: np.random.Generator) -> Scene:
    """Compose a street between houses, or open ground, under a sun, sometimes in haze."""
    asphalt = material(rng, ('noise', 'speckle'), saturation=0.15, low=0.2, high=0.5)
    green = np.array([0.2, 0.33, 0.1]) * rng.uniform(0.6, 1.5)
    lawn = Material('grass', tuple(green), tuple(0.5 * green + 0.05), 1.6 * rng.uniform(0.9, 1.1))
    paved = material(rng, ('tiles', 'bricks'), saturation=0.2, low=0.3, high=0.7)
    floor = asphalt if kind == 'street' else (lawn, asphalt, paved)[rng.integers(3)]
    s = Scene(kind, np.array([-FAR_M, -FAR_M, 0.0]), np.array([FAR_M, FAR_M, FAR_M]), [floor] * 6)
    elevation, azimuth = rng.uniform(0.35, 1.3), rng.uniform(-math.pi, math.pi)
    towards = (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
    s.light = SUN_M * np.array(towards)
    s.ambient = rng.uniform(0.3, 0.6)
    s.haze_m = rng.uniform(40, 200) if rng.random() < 0.3 else math.inf
    grey = rng.uniform(0, 1)
    s.sky = tuple(
        tuple((1 - grey) * np.array(blue) + grey * np.array(cloud))
        for blue, cloud in (((0.75, 0.83, 0.92), (0.8, 0.8, 0.8)), ((0.25, 0.47, 0.85), (0.62, 0.64, 0.68)))
    )
    if kind == 'street':
        for side in (-1, 1):
            kerb = rng.uniform(2.5, 5.0)
            s.add('box', (0.0, side * (kerb + 4.0), 0.06), (300.0, 4.0, 0.06), paved)
            x = rng.uniform(-15, -3)
            while x < 70 and len(s.boxes) < PLACES[0] - 12:
                front, long, high = kerb + rng.uniform(1.5, 5.0), rng.uniform(3, 9), rng.uniform(1.5, 6) * 1.5
                wall = material(rng, ('windows', 'windows', 'bricks', 'plain'), saturation=0.4, low=0.3)
                s.add('box', (x + long, side * (front + 4), high), (long, 4.0, high), wall)
                x += 2 * long + rng.choice([0.0, rng.uniform(1, 8)])
        paint = Material('stripes', (0.85, 0.85, 0.8), (0.9, 0.9, 0.85), 2.0)
        for k in range(3):
            s.add('box', (4.0 + 6.0 * k, 0.0, 0.004), (1.5, 0.06, 0.004), paint)
    elif rng.random() < 0.7:
        for _ in range(rng.integers(1, 5)):
            x, y = rng.uniform(12, 60), rng.uniform(-30, 30)
            half = rng.uniform(2, 8, 3) * (1, 1, 0.7)
            walls = material(rng, ('windows', 'bricks', 'planks', 'plain'))
            s.add('box', (x, y, half[2]), tuple(half), walls, rng.uniform(-math.pi, math.pi))
    place_things(s, OUTDOOR_THINGS, rng.integers(3, 8), 2.5 * reach, 35.0 * reach, rng)
    return s


def compose(seed: int, index: int, kind: str | None = None, reach: float = 1.0) -> Scene:
    """Compose scene `index` of the endless data set `seed`; the same numbers always give the same scene.

    `reach` stretches what lies ahead: who looks through a long lens stands further back.
    """
    rng = np.random.default_rng([seed, index])
    kind = kind or KINDS[rng.choice(4, p=(0.35, 0.15, 0.25, 0.25))]
    return (indoors if kind in ('room', 'corridor') else outdoors)(kind, reach, rng)
