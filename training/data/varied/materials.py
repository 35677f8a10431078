# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Choose what surfaces are made of: an atlas pattern in two colours, how it shines, whether it gives light."""

from __future__ import annotations

import colorsys

import numpy as np

from dav2_training.data.varied.atlas import PATTERN_ID, TILE_M

MATERIAL = (
    15  # numbers: pattern, metres of a tile, colour at 0, colour at 1, gloss, light given, shift of u and v, dirt
)
Material = tuple[float, ...]
Colour = tuple[float, float, float]


def make(pattern: str, first: Colour, second: Colour, rng: np.random.Generator, *, gloss=0.0, light=0.0, dirt=0.3,
         size=1.0, shift=True) -> Material:  # fmt: skip
    """Make a material; colours are linear RGB, `size` is of a tile, relative to the pattern's own."""
    u, v = rng.random(2) if shift else (0.0, 0.0)
    tile_m = TILE_M[pattern] * size * rng.uniform(0.85, 1.18)
    return (PATTERN_ID[pattern], tile_m, *first, *second, gloss, light, u, v, dirt, 0.0, 0.0)


def hsv(h: float, s: float, v: float) -> Colour:
    """Convert a colour."""
    return colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0.0), 1.0), v)


def darker(colour: Colour, factor: float) -> Colour:
    """Scale a colour."""
    return tuple(min(1.0, factor * c) for c in colour)


def paint(rng: np.random.Generator, saturation=0.3, low=0.4, high=0.85) -> Colour:
    """Draw the colour of a painted thing; most are pale."""
    return hsv(rng.random(), saturation * rng.random() ** 1.5, rng.uniform(low, high))


def choose(rng: np.random.Generator, *names: str) -> str:
    """Draw one of some names."""
    return names[rng.integers(len(names))]


def wall(rng: np.random.Generator) -> Material:
    """Paint a wall indoors."""
    c = paint(rng, 0.35, 0.35, 0.85)
    pattern = choose(rng, 'smooth', 'smooth', 'plaster', 'plaster', 'smooth', 'stripes', 'bricks', 'planks', 'marble',
                     'tiles')  # fmt: skip
    return make(pattern, c, darker(c, rng.uniform(0.75, 0.95)), rng, dirt=rng.uniform(0.05, 0.4))


def ceiling(rng: np.random.Generator) -> Material:
    """Paint a ceiling."""
    c = hsv(0.1, 0.08 * rng.random(), rng.uniform(0.6, 0.9))
    return make(choose(rng, 'smooth', 'smooth', 'plaster', 'tiles', 'planks'), c, darker(c, 0.88), rng, dirt=0.1)


def floor(rng: np.random.Generator) -> Material:
    """Lay a floor indoors."""
    pattern = choose(rng, 'parquet', 'planks', 'planks', 'tiles', 'carpet', 'cloth', 'speckle', 'concrete', 'checker',
                     'marble', 'rug')  # fmt: skip
    if pattern in ('parquet', 'planks'):
        c = hsv(rng.uniform(0.04, 0.11), rng.uniform(0.25, 0.65), rng.uniform(0.15, 0.6))
        second = darker(c, rng.uniform(0.45, 0.7))
    else:
        c = paint(rng, 0.4, 0.12, 0.65)
        second = darker(c, rng.choice([rng.uniform(0.5, 0.85), rng.uniform(1.15, 1.5)]))
    gloss = 0.0 if pattern in ('carpet', 'cloth', 'rug') else rng.uniform(0, 0.5)
    return make(pattern, c, second, rng, gloss=gloss)


def wood(rng: np.random.Generator) -> Material:
    """Make a thing of wood, or of white board."""
    if rng.random() < 0.25:
        c = hsv(0.1, 0.05, rng.uniform(0.6, 0.9))
        return make('smooth', c, darker(c, 0.9), rng, gloss=0.15, dirt=0.1)
    c = hsv(rng.uniform(0.03, 0.11), rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.65))
    pattern = choose(rng, 'wood', 'wood', 'planks', 'smooth')
    return make(pattern, c, darker(c, rng.uniform(0.4, 0.75)), rng, gloss=rng.uniform(0, 0.35))


def cloth(rng: np.random.Generator) -> Material:
    """Make a thing of cloth."""
    c = paint(rng, 0.9, 0.04, 0.7)
    second = paint(rng, 0.8, 0.05, 0.8) if rng.random() < 0.3 else darker(c, rng.uniform(0.4, 0.8))
    pattern = choose(rng, 'cloth', 'cloth', 'cloth', 'noise', 'stripes', 'plaid', 'dots', 'carpet')
    return make(pattern, c, second, rng, size=rng.uniform(0.4, 1.0))


def plastic(rng: np.random.Generator) -> Material:
    """Make a smooth thing of any colour."""
    c = paint(rng, 1.0, 0.03, 0.85)
    return make(choose(rng, 'smooth', 'smooth', 'noise', 'speckle'), c, darker(c, 0.7), rng, gloss=rng.uniform(0, 0.6))


def metal(rng: np.random.Generator) -> Material:
    """Make a thing of metal, bare or painted."""
    c = hsv(0.6, 0.08 * rng.random(), rng.uniform(0.03, 0.6)) if rng.random() < 0.7 else paint(rng, 0.9, 0.05, 0.6)
    return make(choose(rng, 'brushed', 'smooth', 'rust'), c, darker(c, 0.6), rng, gloss=rng.uniform(0.2, 0.9))


def dark(rng: np.random.Generator) -> Material:
    """Make something nearly black: a tyre, a screen that is off."""
    v = rng.uniform(0.01, 0.06)
    return make('smooth', (v, v, v), (2 * v, 2 * v, 2 * v), rng, gloss=rng.uniform(0, 0.6), dirt=0.1)


def glass(rng: np.random.Generator) -> Material:
    """Make a pane that mirrors what is around it."""
    v = rng.uniform(0.02, 0.1)
    return make('smooth', (v, 1.1 * v, 1.2 * v), (2 * v, 2 * v, 2 * v), rng, gloss=1.0, dirt=0.1)


def lamp(rng: np.random.Generator, brightness: float = 1.5) -> Material:
    """Make something that gives light."""
    c = hsv(rng.uniform(0.08, 0.16), rng.uniform(0, 0.3), 1.0)
    return make('smooth', c, c, rng, light=brightness, dirt=0.0)


def picture(rng: np.random.Generator, *patterns: str, light=0.0) -> Material:
    """Make a printed thing in all its colours."""
    low, high = rng.uniform(0.0, 0.1), rng.uniform(0.5, 0.95)
    tint = paint(rng, 0.25, high, high)
    return make(choose(rng, *patterns), (low, low, low), tint, rng, light=light, dirt=0.05, gloss=0.2 * rng.random())


def thing(rng: np.random.Generator) -> Material:
    """Make anything small."""
    return (cloth, plastic, wood, metal, plastic, clutter)[rng.integers(6)](rng)


def clutter(rng: np.random.Generator) -> Material:
    """Make something printed."""
    return picture(rng, 'poster1', 'poster2', 'poster3', 'clutter', 'books', 'labels')


def skin(rng: np.random.Generator) -> Material:
    """Make skin."""
    c = hsv(rng.uniform(0.03, 0.08), rng.uniform(0.35, 0.6), rng.uniform(0.12, 0.8))
    return make('smooth', c, darker(c, 0.8), rng, dirt=0.1)


def hair(rng: np.random.Generator) -> Material:
    """Make hair."""
    c = hsv(rng.uniform(0.03, 0.1), rng.uniform(0.1, 0.6), rng.uniform(0.01, 0.35))
    return make('wood', c, darker(c, 0.5), rng, size=0.3)


def foliage(rng: np.random.Generator) -> Material:
    """Make leaves, green or of autumn."""
    hue = rng.uniform(0.2, 0.36) if rng.random() < 0.85 else rng.uniform(0.03, 0.16)
    c = hsv(hue, rng.uniform(0.4, 0.8), rng.uniform(0.06, 0.4))
    return make('leaves', darker(c, 0.15), c, rng, size=rng.uniform(0.6, 1.4), dirt=0.6)


def facade(rng: np.random.Generator) -> Material:
    """Make the wall of a house with its windows."""
    c = paint(rng, 0.5, 0.2, 0.75) if rng.random() < 0.7 else hsv(rng.uniform(0.0, 0.07), 0.5, rng.uniform(0.15, 0.45))
    pattern = choose(rng, 'windows1', 'windows2', 'windows3', 'windows4', 'windows5', 'bricks', 'plaster')
    second = darker(c, 0.5) if pattern in ('bricks', 'plaster') else (0.75, 0.8, 0.85)
    first = c if pattern in ('bricks', 'plaster') else darker(c, 0.12)
    if pattern not in ('bricks', 'plaster'):
        second = c
    return make(pattern, first, second, rng, gloss=0.1, shift=False, dirt=0.5)


def ground(rng: np.random.Generator, *patterns: str) -> Material:
    """Make ground outdoors."""
    pattern = choose(rng, *patterns)
    if pattern == 'grass':
        c = hsv(rng.uniform(0.17, 0.32), rng.uniform(0.35, 0.75), rng.uniform(0.12, 0.4))
    elif pattern in ('soil', 'gravel'):
        c = hsv(rng.uniform(0.05, 0.12), rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.5))
    else:
        c = hsv(rng.uniform(0.05, 0.65), 0.1 * rng.random(), rng.uniform(0.1, 0.45))
    return make(pattern, c, darker(c, rng.uniform(0.45, 0.8)), rng, dirt=0.7, gloss=0.15 * rng.random())
