# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compose scenes by number, each with views of it: all that a CPU has to do for a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dav2_training.data.procedural.camera_poses import View
from dav2_training.data.varied import rooms, simple, streets
from dav2_training.data.varied.rooms import Setting
from dav2_training.data.varied.table import PackedScene, SceneBuilder, clearance_m

KINDS = {'room': 0.26, 'corner': 0.15, 'corridor': 0.04, 'hall': 0.06, 'drive': 0.13, 'walk': 0.08, 'country': 0.04,
         'park': 0.06, 'yard': 0.05, 'simple': 0.13}  # fmt: skip
INDOORS = ('room', 'corner', 'corridor', 'hall')
HFOV_DEG = (40.0, 100.0)
HEIGHT_M = (0.2, 2.0)
CLEAR_M = 0.25  # between a camera and what stands around
PANORAMA = {'drive': 0.45, 'country': 0.15, 'walk': 0.2, 'yard': 0.1, 'park': 0.1}  # kinds for very wide pictures
PANORAMA_DEG = (65.0, 100.0)


@dataclass(frozen=True, eq=False)
class Composed:
    """A scene and the views of it."""

    scene: PackedScene
    views: tuple[View, ...]


def build(b: SceneBuilder, kind: str) -> Setting:
    """Fill a scene of this kind."""
    if kind in ('drive', 'walk'):
        return streets.street(b, kind)
    return {'room': rooms.room, 'corner': rooms.corner, 'corridor': rooms.corridor, 'hall': rooms.hall,
            'country': streets.country, 'park': streets.park, 'yard': streets.yard}[kind](b)  # fmt: skip


def compose(seed: int, index: int, views: int = 1, kind: str | None = None, panorama: bool = False) -> Composed:
    """Compose scene `index` of the endless data set `seed`, and that many views; the same numbers, the same scene."""
    rng = np.random.default_rng([seed, index, 7])
    kinds = PANORAMA if panorama else KINDS
    kind = kind or list(kinds)[rng.choice(len(kinds), p=list(kinds.values()))]
    if kind == 'simple':
        return Composed(*simple.compose(seed, index, views, rng))
    b = SceneBuilder(rng)
    setting = build(b, kind)
    lamps, air = (rooms if kind in INDOORS else streets).lights(b, setting)
    rows, materials = b.pack()
    table = np.concatenate([materials, np.array(setting.surroundings, np.float32)])
    low, high = (np.asarray(corner, np.float32) for corner in (setting.low_m, setting.high_m))
    scene = PackedScene(rows, table, low, high, lamps.astype(np.float32), air.astype(np.float32), kind)
    return Composed(scene, tuple(view(scene, setting, rng, panorama) for _ in range(views)))


def view(scene: PackedScene, setting: Setting, rng: np.random.Generator, panorama: bool = False) -> View:
    """Draw a view: where a person, a car or a robot has its camera, not inside of anything."""
    for _ in range(12):
        x, y = rng.uniform(setting.stand_low, setting.stand_high)
        z = height_m(scene.kind, rng)
        z = min(z, float(setting.high_m[2]) - 0.3)
        if clearance_m(scene.rows, np.array((x, y, z))) > CLEAR_M:
            break
    hfov_deg = rng.uniform(*PANORAMA_DEG) if panorama else lens_deg(scene.kind, rng)
    towards = math.atan2(setting.look_at[1] - y, setting.look_at[0] - x)
    indoors = scene.kind in INDOORS
    spread = {'corridor': 0.3, 'corner': 0.35, 'room': 0.6, 'drive': 0.12, 'country': 0.15}.get(scene.kind, 0.4)
    mean_deg, spread_deg = (-9.0, 9.0) if indoors else (-2.0, 3.0 if scene.kind in ('drive', 'country') else 6.0)
    if rng.random() < 0.15 and scene.kind != 'drive':
        mean_deg, spread_deg = 0.0, 16.0
    roll_deg = rng.normal(0, 1.5) if rng.random() < 0.85 else rng.uniform(-30, 30)
    if scene.kind in ('drive', 'country'):
        roll_deg = rng.normal(0, 1.0)
    return View(
        x_m=float(x), y_m=float(y), z_m=float(z), yaw_rad=towards + rng.normal(0, spread),
        pitch_rad=math.radians(float(np.clip(rng.normal(mean_deg, spread_deg), -32, 30))),
        roll_rad=math.radians(float(np.clip(roll_deg, -30, 30))), hfov_rad=math.radians(hfov_deg),
    )  # fmt: skip


def height_m(kind: str, rng: np.random.Generator) -> float:
    """Draw how high a camera is."""
    if kind in ('drive', 'country'):
        return float(np.clip(rng.normal(1.6, 0.12), 1.2, 2.0)) if rng.random() < 0.85 else rng.uniform(*HEIGHT_M)
    draw = rng.random()
    if draw < 0.25:
        return rng.uniform(0.2, 0.8)
    return rng.uniform(0.8, 1.3) if draw < 0.5 else rng.uniform(1.2, 1.75)


def lens_deg(kind: str, rng: np.random.Generator) -> float:
    """Draw a field of view: half of indoor cameras are depth cameras and phones, half of the others anything."""
    if rng.random() < 0.5:
        middle, spread = (61.0, 5.0) if kind in INDOORS else (78.0, 8.0)
        return float(np.clip(rng.normal(middle, spread), *HFOV_DEG))
    return rng.uniform(*HFOV_DEG)
