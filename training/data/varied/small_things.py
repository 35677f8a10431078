# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What lies on things, and legs to stand on."""

from __future__ import annotations

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
