# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Add objects to scenes, in the sizes of real ones."""

from __future__ import annotations

import colorsys
import math

import numpy as np

from dav2_training.data.procedural.scene import Material, Scene
from dav2_training.data.procedural.textures import PATTERNS


def colour(rng: np.random.Generator, saturation: float = 0.6, low: float = 0.15, high: float = 0.9) -> tuple:
    """Draw a colour, none of them very bright and saturated at once."""
    return colorsys.hsv_to_rgb(rng.random(), saturation * rng.random(), rng.uniform(low, high))


def material(rng: np.random.Generator, patterns: tuple[str, ...], **limits: float) -> Material:
    """Choose a pattern, two colours of one family, and the pattern's own size give or take a tenth."""
    pattern = patterns[rng.integers(len(patterns))]
    first = np.array(colour(rng, **limits))
    second = np.clip(
        first * rng.choice([rng.uniform(0.35, 0.75), rng.uniform(1.3, 1.9)]) + rng.normal(0, 0.03, 3), 0.02, 1
    )
    return Material(pattern, tuple(first), tuple(second), PATTERNS[pattern] * rng.uniform(0.9, 1.1))


OBJECT = ('plain', 'noise', 'speckle', 'stripes', 'planks', 'checker')


def table(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a table: a top on four legs."""
    wood = material(rng, ('planks', 'plain', 'noise'))
    a, b, top = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.5), rng.uniform(0.70, 0.78)
    s.add('box', (x, y, top - 0.02), (a, b, 0.02), wood, yaw)
    c, d = math.cos(yaw), math.sin(yaw)
    for i, j in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        px, py = i * (a - 0.05), j * (b - 0.05)
        s.add('box', (x + c * px - d * py, y + d * px + c * py, top / 2), (0.025, 0.025, top / 2), wood, yaw)


def person(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a person, 1.6 to 1.85 m tall."""
    tall = rng.uniform(1.6, 1.85)
    skin = Material('plain', (0.75, 0.55, 0.42), (0.65, 0.45, 0.35), 2.0)
    s.add('cylinder', (x, y, 0.23 * tall), (0.13, 0.13, 0.23 * tall), material(rng, ('plain', 'noise'), high=0.5))
    s.add('box', (x, y, 0.66 * tall), (0.14, 0.22, 0.20 * tall), material(rng, ('plain', 'stripes', 'checker')), yaw)
    s.add('ball', (x, y, 0.93 * tall), (0.115, 0.115, 0.115), skin)


def tree(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a tree: a trunk and a round crown."""
    trunk, crown = rng.uniform(2.0, 3.5), rng.uniform(1.0, 2.2)
    bark = Material('noise', (0.22, 0.15, 0.10), (0.35, 0.27, 0.2), 1.0)
    leaf = np.array([0.12, 0.3, 0.08]) * rng.uniform(0.7, 1.6)
    s.add('cylinder', (x, y, trunk / 2), (0.16, 0.16, trunk / 2), bark)
    s.add('ball', (x, y, trunk + 0.6 * crown), (crown,) * 3, Material('grass', tuple(leaf), tuple(leaf * 0.4), 1.6))


def car(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a car, 4.2 m long."""
    paint = material(rng, ('plain',), saturation=0.9)
    glass = Material('plain', (0.05, 0.06, 0.08), (0.2, 0.22, 0.25), 2.0)
    s.add('box', (x, y, 0.58), (2.1, 0.88, 0.33), paint, yaw)
    s.add('box', (x - 0.2 * math.cos(yaw), y - 0.2 * math.sin(yaw), 1.17), (1.15, 0.78, 0.27), glass, yaw)


def pole(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a thin upright pole."""
    high = rng.uniform(1.0, 2.6) if not s.outdoors else rng.uniform(2.5, 7.0)
    radius = rng.uniform(0.02, 0.07)
    s.add('cylinder', (x, y, high / 2), (radius, radius, high / 2), material(rng, ('plain', 'stripes'), saturation=0.4))


def fence(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a fence of two rails on three posts, 1 m high."""
    paint = material(rng, ('plain', 'stripes'))
    long = rng.uniform(1.0, 3.0)
    c, d = math.cos(yaw), math.sin(yaw)
    for z in (0.5, 1.0):
        s.add('box', (x, y, z), (long, 0.02, 0.03), paint, yaw)
    for k in (-1, 0, 1):
        s.add('box', (x + k * long * c, y + k * long * d, 0.52), (0.03, 0.03, 0.52), paint, yaw)


def crate(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a crate."""
    a, b, high = rng.uniform(0.15, 0.6, 3)
    s.add('box', (x, y, high), (a, b, high), material(rng, OBJECT), yaw)


def barrel(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a barrel."""
    radius, high = rng.uniform(0.15, 0.35), rng.uniform(0.2, 0.5)
    s.add('cylinder', (x, y, high), (radius, radius, high), material(rng, OBJECT))


def ball(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Lay a ball on the ground."""
    radius = rng.uniform(0.1, 0.4)
    s.add('ball', (x, y, radius), (radius,) * 3, material(rng, OBJECT))


def cupboard(s: Scene, x: float, y: float, yaw: float, rng: np.random.Generator) -> None:
    """Stand a cupboard or a shelf."""
    s.add(
        'box',
        (x, y, 1.0),
        (rng.uniform(0.3, 0.8), 0.28, rng.uniform(0.8, 1.05)),
        material(rng, ('planks', 'plain')),
        yaw,
    )
