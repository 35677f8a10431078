# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Place what stands outdoors, in the sizes of real things: vehicles, trees, poles, fences, benches, houses."""

from __future__ import annotations

import math

import numpy as np

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.primitives import BOX
from dav2_training.data.varied.table import SceneBuilder


def car(b: SceneBuilder) -> None:
    """Stand a car that faces +x: small, saloon, estate, van or pick-up."""
    rng = b.rng
    kind = rng.choice(5, p=(0.3, 0.25, 0.2, 0.17, 0.08))
    long, wide, high = (
        (1.95, 0.85, 1.48),
        (2.3, 0.91, 1.44),
        (2.25, 0.92, 1.65),
        (2.55, 0.98, 2.05),
        (2.6, 0.95, 1.8),
    )[kind]
    long, wide, high = np.array((long, wide, high)) * rng.uniform(0.94, 1.06, 3)
    c = m.paint(rng, 0.9, 0.02, 0.75) if rng.random() < 0.5 else m.hsv(0.6, 0.1 * rng.random(), rng.uniform(0.02, 0.8))
    paint = m.make('smooth', c, m.darker(c, 0.85), rng, gloss=rng.uniform(0.5, 1.0), dirt=0.2)
    pane, tyre, trim = m.glass(rng), m.dark(rng), m.dark(rng)
    belt = 0.62 * high if kind < 3 else 0.55 * high
    b.box(0, 0, 0.5 * (belt + 0.22), long, wide, 0.5 * (belt - 0.22), paint)
    b.ball(0.55 * long, 0, belt - 0.06, 0.5 * long, paint, 0.95 * wide, 0.1)
    back, front = {0: (-0.9, 0.35), 1: (-0.6, 0.3), 2: (-0.93, 0.35), 3: (-0.97, 0.62), 4: (-0.1, 0.4)}[kind]
    middle, half = 0.5 * (back + front) * long, 0.5 * (front - back) * long
    b.box(middle, 0, 0.5 * (belt + high) - 0.02, 0.86 * half, 0.87 * wide, 0.5 * (high - belt), pane)
    b.box(middle - 0.03, 0, high - 0.03, 0.78 * half, 0.84 * wide, 0.035, paint)
    b.box(middle + half - 0.12, 0, 0.5 * (belt + high) - 0.03, 0.02, 0.8 * wide, 0.62 * (high - belt), pane, pitch=-0.9)
    if kind in (0, 1, 2):
        b.box(middle - half + 0.08, 0, 0.5 * (belt + high) - 0.03, 0.02, 0.8 * wide, 0.6 * (high - belt), pane,
              pitch=0.7 if kind == 1 else 0.3)  # fmt: skip
        b.box(middle, 0, 0.5 * (belt + high), 0.04, 0.88 * wide, 0.48 * (high - belt), paint)
    for i in (-0.62, 0.62):
        for j in (-1, 1):
            y = j * (wide - 0.1)
            b.rod((i * long, y - 0.11, 0.32), (i * long, y + 0.11, 0.32), 0.32, tyre)
            b.rod((i * long, y - 0.12, 0.32), (i * long, y + 0.12, 0.32), 0.19, m.metal(rng))
    red = m.make('smooth', (0.6, 0.03, 0.02), (0.5, 0.02, 0.02), rng, light=rng.choice([0.0, 0.5]), dirt=0)
    white = m.make('smooth', (0.8, 0.8, 0.75), (0.9, 0.9, 0.9), rng, light=rng.choice([0.0, 0.6]), gloss=0.8, dirt=0)
    for j in (-1, 1):
        b.box(-long, j * 0.8 * wide, 0.8 * belt, 0.02, 0.14, 0.09, red)
        b.box(long, j * 0.75 * wide, 0.72 * belt, 0.02, 0.16, 0.07, white)
    for i in (-1, 1):
        b.box(i * long, 0, 0.36, 0.04, 0.95 * wide, 0.1, trim)
        b.box(i * long, 0, 0.5, 0.045, 0.26, 0.055, m.make('labels', (0.1, 0.1, 0.1), (0.9, 0.9, 0.9), rng))


def lorry(b: SceneBuilder) -> None:
    """Stand a lorry or a bus."""
    rng = b.rng
    c = m.paint(rng, 0.8, 0.2, 0.8)
    paint = m.make(m.choose(rng, 'smooth', 'corrugated', 'poster4'), m.darker(c, 0.8), c, rng, gloss=0.4)
    long, high = rng.uniform(2.5, 5.5), rng.uniform(2.7, 3.6)
    b.box(-0.8, 0, 0.5 * (high + 0.8), long, 1.25, 0.5 * (high - 0.8), paint)
    if rng.random() < 0.5:
        b.box(long + 0.6, 0, 1.5, 0.75, 1.2, 1.05, m.plastic(rng))
        b.box(long + 1.36, 0, 1.9, 0.02, 1.05, 0.4, m.glass(rng))
    else:
        for j in (-1, 1):
            b.box(-0.8, 1.255 * j, 0.68 * high, 0.95 * long, 0.01, 0.17 * high, m.glass(rng))
    for x in (-0.7 * long, 0.75 * long):
        for j in (-1, 1):
            b.rod((x, j * 0.95, 0.5), (x, j * 1.24, 0.5), 0.5, m.dark(rng))


def tree(b: SceneBuilder) -> None:
    """Stand a tree: a trunk, a few boughs, masses of leaves; or a conifer, or a bare tree."""
    rng = b.rng
    high = math.exp(rng.uniform(math.log(3.0), math.log(14.0)))
    bark = m.make('bark', m.hsv(0.07, 0.4, 0.12), m.hsv(0.08, 0.3, rng.uniform(0.15, 0.4)), rng)
    radius, lean = 0.018 * high + 0.04, rng.normal(0, 0.04, 2) * high
    fork = rng.uniform(0.22, 0.5) * high
    leaf = m.foliage(rng)
    if rng.random() < 0.2:  # a conifer
        b.rod((0, 0, 0), (0, 0, 0.9 * high), radius, bark)
        for k in range(4):
            z, r = (0.25 + 0.2 * k) * high, (0.24 - 0.05 * k) * high
            b.leaves(0, 0, z, r, r, 0.18 * high, leaf, 0.22)
        return
    b.rod((0, 0, 0), (*lean, fork), radius, bark)
    bare = rng.random() < 0.12
    for _ in range(rng.integers(3, 7)):
        angle, out = rng.uniform(-3.1, 3.1), rng.uniform(0.08, 0.28) * high
        at = lean[0] + out * math.cos(angle), lean[1] + out * math.sin(angle), rng.uniform(0.55, 0.9) * high
        b.rod((*lean, fork * rng.uniform(0.8, 1.0)), at, 0.45 * radius, bark)
        if not bare:
            size = rng.uniform(0.14, 0.26) * high
            b.leaves(
                *at, size, size * rng.uniform(0.8, 1.2), size * rng.uniform(0.6, 0.95), leaf, rng.uniform(0.18, 0.4)
            )


def bush(b: SceneBuilder) -> None:
    """Stand a bush."""
    rng, leaf = b.rng, m.foliage(b.rng)
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.3, 1.0)
        b.leaves(*rng.normal(0, 0.4, 2), 0.6 * size, size, size * rng.uniform(0.7, 1.3), 0.8 * size, leaf, 0.13)


def hedge(b: SceneBuilder, long: float = 0.0) -> None:
    """Stand a hedge along x."""
    rng = b.rng
    high = rng.uniform(0.5, 1.9)
    b.stand(0, 0, long or rng.uniform(1.5, 6), rng.uniform(0.25, 0.5), high, m.foliage(rng))


def fence(b: SceneBuilder, long: float = 0.0) -> None:
    """Stand a fence or a railing along x: bars, boards, or rails on posts."""
    rng = b.rng
    long, high = long or rng.uniform(1.5, 5.0), rng.uniform(0.8, 1.8)
    stuff = m.wood(rng) if rng.random() < 0.4 else m.metal(rng)
    kind = rng.integers(3)
    if kind == 0:  # bars
        for z in (0.12, high - 0.04):
            b.box(0, 0, z, long, 0.02, 0.02, stuff)
        number = min(26, int(2 * long / 0.13))
        for k in range(number):
            b.box((2 * k + 1 - number) * long / number, 0, 0.5 * high, 0.009, 0.009, 0.5 * high, stuff)
    elif kind == 1:  # boards
        b.stand(0, 0, long, 0.02, high, m.make('planks', m.hsv(0.08, 0.4, 0.3), m.hsv(0.08, 0.4, 0.12), rng))
    else:
        for z in np.linspace(0.35, high, rng.integers(2, 4)):
            b.box(0, 0, z, long, 0.018, 0.035, stuff)
        for x in np.linspace(-long, long, 2 + int(long)):
            b.post(x, 0, 0.04, high + 0.05, stuff)


def pole(b: SceneBuilder) -> None:
    """Stand a lamp post, a traffic sign, a traffic light or a bollard; its face looks along -x."""
    rng, stuff = b.rng, m.metal(b.rng)
    kind = rng.integers(5)
    if kind == 0:
        b.post(0, 0, 0.06, rng.uniform(0.7, 1.1), m.plastic(rng))
        return
    high = rng.uniform(2.2, 3.2) if kind < 3 else rng.uniform(4.5, 8.5)
    b.post(0, 0, rng.uniform(0.03, 0.05) if kind < 3 else rng.uniform(0.06, 0.1), high, stuff)
    sign = m.picture(rng, 'poster1', 'poster2', 'labels', 'dots')
    if kind == 1:
        b.rod((-0.05, 0, high - 0.3), (-0.07, 0, high - 0.3), 0.3, sign)
    elif kind == 2:
        b.box(-0.06, 0, high - 0.4, 0.01, rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.35), sign)
    else:
        b.rod((0, 0, high), (0, -1.4, high + 0.15), 0.04, stuff)
        b.box(0, -1.4, high + 0.1, 0.12, 0.3, 0.06, m.metal(rng))
        if kind == 4:
            b.box(-0.1, 0, 3.0, 0.1, 0.15, 0.42, m.dark(rng))


def bench(b: SceneBuilder) -> None:
    """Stand a bench that faces +x."""
    rng, stuff = b.rng, m.wood(b.rng)
    w = rng.uniform(0.6, 1.0)
    for k in range(3):
        b.box(0.15 * k - 0.15, 0, 0.45, 0.06, w, 0.018, stuff)
        b.box(-0.27 - 0.03 * k, 0, 0.55 + 0.14 * k, 0.015, w, 0.05, stuff)
    for j in (-0.8, 0.8):
        b.box(0, j * w, 0.22, 0.2, 0.03, 0.22, m.metal(rng))


def bin_(b: SceneBuilder) -> None:
    """Stand a dustbin, a hydrant, a planter, a kiosk or a crate."""
    rng = b.rng
    kind = rng.integers(4)
    if kind == 0:
        b.stand(0, 0, 0.3, 0.28, 1.0, m.plastic(rng))
        b.box(0, 0, 1.03, 0.33, 0.3, 0.03, m.plastic(rng), pitch=0.1)
    elif kind == 1:
        b.post(0, 0, rng.uniform(0.18, 0.35), rng.uniform(0.5, 1.0), m.metal(rng))
    elif kind == 2:
        b.stand(0, 0, 0.5, 0.5, 0.5, m.make('concrete', (0.4, 0.4, 0.4), (0.25, 0.25, 0.25), rng))
        b.leaves(0, 0, 0.75, 0.5, 0.5, 0.4, m.foliage(rng), 0.12)
    else:
        b.stand(0, 0, *rng.uniform(0.3, 0.8, 2), rng.uniform(0.8, 2.0), m.thing(rng), rng.uniform(-3, 3))


def house(b: SceneBuilder, half_long: float, deep: float, high: float) -> None:
    """Stand a house along x whose front is at y = 0 and looks towards -y: roof, door, ledges, sometimes a shop."""
    rng = b.rng
    wall = m.facade(rng)
    b.box(0, deep, 0.5 * high, half_long, deep, 0.5 * high, wall)
    if rng.random() < 0.5:  # a gable roof of two slabs
        c = m.hsv(rng.uniform(0.0, 0.08), rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.4))
        tiles = m.make('bricks', c, m.darker(c, 0.6), rng, size=1.5)
        slope = rng.uniform(0.45, 0.8)
        rise = deep * math.tan(slope)
        for j in (-1, 1):
            half = half_long + 0.3, 0.5 * deep / math.cos(slope) + 0.3, 0.1
            b.add(BOX, (0, deep + j * 0.5 * deep, high + 0.5 * rise), half, tiles, roll=-j * slope)
    else:
        b.box(
            0, deep, high + 0.15, half_long + 0.1, deep + 0.15, 0.2, m.make('concrete', *2 * [m.paint(rng, 0.2)], rng)
        )
    if rng.random() < 0.35:
        b.box(0, -0.06, 1.7, half_long - 0.2, 0.06, 1.5, m.picture(rng, 'shop'))
        if rng.random() < 0.6:
            b.box(0, -0.7, 3.3, half_long - 0.3, 0.75, 0.03, m.cloth(rng), roll=0.25)
    for _ in range(rng.integers(1, 3)):
        x = rng.uniform(-0.8, 0.8) * half_long
        b.box(x, -0.03, 1.1, 0.5, 0.05, 1.1, m.wood(rng))
        b.box(x, -0.3, 0.1, 0.7, 0.3, 0.1, m.make('concrete', (0.4, 0.4, 0.4), (0.3, 0.3, 0.3), rng))
    if rng.random() < 0.3 and high > 5:
        for z in np.arange(3.2, high - 1, 3.0)[:3]:
            b.box(rng.uniform(-0.5, 0.5) * half_long, -0.6, z, 1.3, 0.6, 0.08, wall)


def clutter_outdoors(b: SceneBuilder) -> None:
    """Stand one of the things that are found everywhere."""
    (bush, bin_, bench, pole, bin_, fence)[b.rng.integers(6)](b)
