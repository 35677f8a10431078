# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Place people and animals of many builds, standing, walking and sitting."""

from __future__ import annotations

import math

from dav2_training.data.varied import materials as m
from dav2_training.data.varied.table import SceneBuilder


def person(b: SceneBuilder, sits: bool = False) -> None:
    """Stand or seat a person who faces +x: 1.0 to 1.95 m tall, with arms and legs that move."""
    rng = b.rng
    tall = rng.uniform(1.55, 1.92) if rng.random() < 0.88 else rng.uniform(0.95, 1.5)
    k = tall / 1.75
    wide = k * rng.uniform(0.85, 1.25)
    shirt, trousers, bare = m.cloth(rng), m.cloth(rng), m.skin(rng)
    stride = rng.normal(0, 0.22)
    hip, shoulder = 0.5 * tall, 0.81 * tall
    down = hip - 0.47 * k if sits else 0.0
    hip, shoulder = hip - down, shoulder - down
    for j, step in ((-1, stride), (1, -stride)):
        y = 0.09 * wide * j
        if sits:
            b.rod((0, y, hip), (0.42 * k, y * 1.3, hip), 0.075 * wide, trousers)
            b.rod((0.42 * k, y * 1.3, hip), (0.42 * k, y * 1.3, 0.05), 0.055 * wide, trousers)
            foot = (0.46 * k, y * 1.3)
        else:
            knee = (0.5 * step, y, 0.27 * tall)
            b.rod((0, y, hip), knee, 0.078 * wide, trousers)
            foot = (step - 0.12 * abs(step), y)
            b.rod(knee, (*foot, 0.05), 0.055 * wide, trousers)
        b.stand(foot[0] + 0.06, foot[1], 0.13 * k, 0.045 * k, 0.08 * k, m.dark(rng))
    b.ball(0, 0, 0.5 * (hip + shoulder), 0.125 * wide, shirt, 0.19 * wide, 0.5 * (shoulder - hip) + 0.1 * k)
    b.box(0, 0, 0.55 * (hip + shoulder), 0.09 * wide, 0.165 * wide, 0.36 * (shoulder - hip), shirt)
    sleeve = shirt if rng.random() < 0.7 else bare
    for j in (-1, 1):
        y, swing, out = 0.21 * wide * j, rng.normal(0, 0.2), 0.05 * k * j
        elbow = (swing, y + out, shoulder - 0.3 * k)
        hand = (swing + rng.uniform(0.0, 0.25), y + out * rng.uniform(-1, 1.5), shoulder - rng.uniform(0.3, 0.55) * k)
        b.rod((0, y, shoulder), elbow, 0.045 * wide, sleeve)
        b.rod(elbow, hand, 0.038 * k, sleeve if rng.random() < 0.7 else bare)
        b.ball(*hand, 0.05 * k, bare)
    b.post(0, 0, 0.055 * k, 0.12 * k, bare, shoulder)
    head = shoulder + 0.22 * k
    b.ball(0.01, 0, head, 0.095 * k, bare, 0.078 * k, 0.12 * k)
    if rng.random() < 0.92:
        b.ball(-0.018 * k, 0, head + 0.025 * k, 0.1 * k, m.hair(rng), 0.09 * k, 0.11 * k * rng.uniform(0.9, 1.2))
    if rng.random() < 0.2:  # a bag on the back
        b.box(-0.2 * k, 0, 0.6 * (hip + shoulder), 0.08, 0.14, 0.2, m.cloth(rng))


def dog(b: SceneBuilder) -> None:
    """Stand a dog, or a cat."""
    rng = b.rng
    k, coat = rng.uniform(0.4, 1.1), m.hair(rng)
    b.ball(0, 0, 0.45 * k, 0.38 * k, coat, 0.13 * k, 0.15 * k)
    for i in (-1, 1):
        for j in (-1, 1):
            b.rod((0.25 * k * i, 0.08 * k * j, 0.42 * k), (0.25 * k * i, 0.08 * k * j, 0), 0.035 * k, coat)
    b.ball(0.42 * k, 0, 0.62 * k, 0.12 * k, coat)
    b.ball(0.52 * k, 0, 0.58 * k, 0.09 * k, coat, 0.05 * k, 0.05 * k)
    b.rod((-0.35 * k, 0, 0.5 * k), (-0.55 * k, 0, 0.7 * k), 0.025 * k, coat)


def cyclist(b: SceneBuilder) -> None:
    """Stand a bicycle, sometimes ridden."""
    rng = b.rng
    paint, tyre = m.plastic(rng), m.dark(rng)
    for x in (-0.52, 0.52):
        for k in range(10):  # a wheel of short rods
            p, q = (2 * math.pi * i / 10 for i in (k, k + 1))
            b.rod((x + 0.33 * math.cos(p), 0, 0.34 + 0.33 * math.sin(p)),
                  (x + 0.33 * math.cos(q), 0, 0.34 + 0.33 * math.sin(q)), 0.018, tyre)  # fmt: skip
    joints = [(-0.52, 0, 0.34), (-0.05, 0, 0.3), (-0.2, 0, 0.85), (0.38, 0, 0.85), (0.52, 0, 0.34)]
    for i, j in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4)):
        b.rod(joints[i], joints[j], 0.018, paint)
    b.rod((0.36, -0.25, 1.0), (0.36, 0.25, 1.0), 0.014, tyre)
    b.box(-0.22, 0, 0.95, 0.12, 0.06, 0.03, tyre)
    if rng.random() < 0.6:
        with b.at(-0.2, 0, 0, 0.5):
            person(b, sits=True)
