# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describe a scene as plain lists of solids and their materials: composition fills, the renderer reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

PLACES = (26, 8, 4)  # boxes, cylinders, balls that a scene has room for


@dataclass(frozen=True)
class Material:
    """A pattern, the size of its tile and the two colours it mixes (linear RGB 0..1)."""

    pattern: str
    first: tuple[float, float, float]
    second: tuple[float, float, float]
    tile_m: float


@dataclass
class Scene:
    """One scene, as lists that fill up while it is composed."""

    kind: str
    low_m: np.ndarray  # (3,) corners of the room; outdoors far away
    high_m: np.ndarray
    surroundings: list[Material]  # -x, +x, -y, +y, floor, ceiling
    boxes: list[tuple] = field(default_factory=list)  # centre, half, yaw, material
    cylinders: list[tuple] = field(default_factory=list)
    balls: list[tuple] = field(default_factory=list)
    light: np.ndarray = field(default_factory=lambda: np.zeros(3))  # position of the lamp, or of a sun at SUN_M
    ambient: float = 0.5
    haze_m: float = math.inf  # distance at which a third of the contrast is left
    sky: tuple = ((0.6, 0.7, 0.8), (0.3, 0.5, 0.8))  # horizon and zenith

    @property
    def outdoors(self) -> bool:
        """Whether there is a sky."""
        return self.kind in ('street', 'open')

    def add(self, kind: str, centre: tuple, half: tuple, material: Material, yaw: float = 0.0) -> None:
        """Put a solid (box, cylinder or ball) where there is still a place for one."""
        places = {
            'box': (self.boxes, PLACES[0]),
            'cylinder': (self.cylinders, PLACES[1]),
            'ball': (self.balls, PLACES[2]),
        }
        solids, limit = places[kind]
        if len(solids) < limit:
            solids.append((centre, half, yaw, material))
