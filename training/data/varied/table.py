# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hold a scene as tables of numbers, which composition fills and the renderer reads: nothing is a Python object."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from dav2_training.data.varied.materials import MATERIAL, Material
from dav2_training.data.varied.primitives import BOX, CYLINDER, ELLIPSOID, FOLIAGE, ROW

LIMIT = 288  # primitives of a scene; what comes after them is left out
LAMPS = 2


@dataclass(frozen=True, eq=False)
class PackedScene:
    """One scene. Surroundings are the faces of a box around it: -x, +x, -y, +y, floor, ceiling."""

    rows: np.ndarray  # (N, ROW) float32: primitives.py
    materials: np.ndarray  # (N + 6, MATERIAL) float32; the last six are the surroundings'
    low_m: np.ndarray  # (3,) corners of the box
    high_m: np.ndarray  # (3,)
    lamps: np.ndarray  # (LAMPS, 7): position, colour, metres at which a lamp has its brightness, 0 for a sun
    air: np.ndarray  # (14,): outdoors, ambient above and below (3 each), haze metres, sky's horizon and zenith (3 each)
    kind: str


class SceneBuilder:
    """Fills a scene in local frames: `with builder.at(x, y, yaw): builder.box(...)`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._solids: list[tuple] = []
        self._materials: list[Material] = []
        self._frame = (0.0, 0.0, 0.0, 0.0)
        self.shadow = 1.0

    def __len__(self) -> int:
        return len(self._solids)

    @contextmanager
    def at(self, x: float, y: float, yaw: float = 0.0, z: float = 0.0) -> Iterator[None]:
        """Let coordinates be relative to a place, and turned."""
        before = self._frame
        ox, oy, oz, turned = before
        c, s = math.cos(turned), math.sin(turned)
        self._frame = (ox + c * x - s * y, oy + s * x + c * y, oz + z, turned + yaw)
        try:
            yield
        finally:
            self._frame = before

    def add(self, shape: int, centre: Sequence[float], half: Sequence[float], material: Material, yaw: float = 0.0,
            pitch: float = 0.0, roll: float = 0.0, cut: float = 0.0) -> None:  # fmt: skip
        """Put a primitive: half sizes before it is rolled (about x), pitched (about y) and turned (about z)."""
        if len(self._solids) >= LIMIT:
            return
        ox, oy, oz, turned = self._frame
        c, s = math.cos(turned), math.sin(turned)
        x, y, z = centre
        place = (ox + c * x - s * y, oy + s * x + c * y, oz + z)
        self._solids.append((shape, *place, *half, turned + yaw, pitch, roll, cut, self.shadow))
        self._materials.append(material)

    def box(self, x, y, z, a, b, c, material: Material, yaw=0.0, pitch=0.0, roll=0.0) -> None:
        """Put a box by its centre and half sizes."""
        self.add(BOX, (x, y, z), (a, b, c), material, yaw, pitch, roll)

    def stand(self, x, y, a, b, high, material: Material, yaw=0.0, z=0.0) -> None:
        """Stand a box on the height z: half sizes a, b, and its whole height."""
        self.add(BOX, (x, y, z + 0.5 * high), (a, b, 0.5 * high), material, yaw)

    def post(self, x, y, radius, high, material: Material, z=0.0) -> None:
        """Stand an upright cylinder on the height z."""
        self.add(CYLINDER, (x, y, z + 0.5 * high), (radius, radius, 0.5 * high), material)

    def rod(self, start: Sequence[float], end: Sequence[float], radius: float, material: Material) -> None:
        """Lay a cylinder between two points."""
        d = [b - a for a, b in zip(start, end)]
        flat = math.hypot(d[0], d[1])
        long = math.hypot(flat, d[2])
        centre = [0.5 * (a + b) for a, b in zip(start, end)]
        half = (radius, radius, max(0.5 * long, 1e-3))
        self.add(CYLINDER, centre, half, material, math.atan2(d[1], d[0]), math.atan2(flat, d[2]))

    def ball(self, x, y, z, a, material: Material, b=None, c=None, yaw=0.0, pitch=0.0, roll=0.0) -> None:
        """Put an ellipsoid, or a ball of radius a."""
        self.add(ELLIPSOID, (x, y, z), (a, b or a, c or a), material, yaw, pitch, roll)

    def leaves(self, x, y, z, a, b, c, material: Material, fine_m: float = 0.25) -> None:
        """Put foliage with holes about `fine_m` large."""
        cut = math.pi * (a + b + c) / 3 / fine_m
        self.add(FOLIAGE, (x, y, z), (a, b, c), material, self.rng.uniform(-3.1, 3.1), cut=min(cut, 60.0))

    @property
    def count(self) -> int:
        """How many primitives there are."""
        return len(self._solids)

    def pack(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, ROW) rows and (N, MATERIAL) materials."""
        s = np.array(self._solids, np.float64).reshape(-1, 12)
        half, (yaw, pitch, roll) = np.maximum(s[:, 4:7], 5e-4), s[:, 7:10].T
        (cy, cp, cr), (sy, sp, sr) = ((f(yaw), f(pitch), f(roll)) for f in (np.cos, np.sin))
        turn = np.stack([  # Rz(yaw) Ry(pitch) Rx(roll), transposed: rows are the primitive's axes
            cy * cp, sy * cp, -sp,
            cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, cp * sr,
            cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr,
        ], axis=1).reshape(-1, 3, 3)  # fmt: skip
        rows = np.zeros((len(s), ROW), np.float32)
        rows[:, :9] = (turn / half[:, :, None]).reshape(-1, 9)
        rows[:, 9:12], rows[:, 12], rows[:, 13:15] = s[:, 1:4], s[:, 0], s[:, 10:12]
        return rows, np.array(self._materials, np.float32).reshape(-1, MATERIAL)


def half_sizes(rows: np.ndarray) -> np.ndarray:
    """Return (N, 3) half sizes of primitives, which their maps to the unit frame hold."""
    return 1.0 / np.linalg.norm(rows[:, :9].reshape(-1, 3, 3), axis=2)


def clearance_m(rows: np.ndarray, point: np.ndarray) -> float:
    """Return how far a point is outside of the boxes around all primitives; negative is inside of one."""
    if not len(rows):
        return math.inf
    unit = np.einsum('nij,nj->ni', rows[:, :9].reshape(-1, 3, 3).astype(np.float64), point - rows[:, 9:12])
    return float(((np.abs(unit) - 1.0) * half_sizes(rows)).max(axis=1).min())
