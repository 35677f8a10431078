# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make tables of the simple scenes: a model that learns the varied ones is not to forget them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from dav2_training.data.procedural import camera_poses as views
from dav2_training.data.procedural import compose as scenes
from dav2_training.data.procedural.camera_poses import View
from dav2_training.data.procedural.scene import Material as SimpleMaterial
from dav2_training.data.varied.atlas import PATTERN_ID
from dav2_training.data.varied.primitives import BOX, CYLINDER, ELLIPSOID
from dav2_training.data.varied.table import PackedScene, SceneBuilder


def material(m: SimpleMaterial) -> tuple[float, ...]:
    """Convert a material; its pattern is in the atlas under the same name with `simple_` before it."""
    return (PATTERN_ID[f'simple_{m.pattern}'], m.tile_m, *m.first, *m.second, *[0.0] * 7)


def compose(seed: int, index: int, number: int, rng: np.random.Generator) -> tuple[PackedScene, tuple[View, ...]]:
    """Compose a scene and views of it: the first is that of ProceduralScenes, the others turn and rise a little."""
    first = views.random_view(seed, index)
    scene = scenes.compose(seed, index, None, views.reach(first))
    b = SceneBuilder(rng)
    for shape, solids in ((BOX, scene.boxes), (CYLINDER, scene.cylinders), (ELLIPSOID, scene.balls)):
        for centre, half, yaw, m in solids:
            b.add(shape, centre, half, material(m), yaw)
    rows, materials = b.pack()
    table = np.concatenate([materials, np.array([material(m) for m in scene.surroundings], np.float32)])
    lamps = np.zeros((2, 7), np.float32)
    lamps[:, :3], lamps[0, 3:6] = scene.light, 1.0 - scene.ambient
    lamps[:, 6] = 0.0 if scene.outdoors else 3.0
    haze_m = min(scene.haze_m, 1e6) if scene.outdoors else 1e6
    air = (float(scene.outdoors), *3 * [scene.ambient], *3 * [0.75 * scene.ambient], haze_m, *np.ravel(scene.sky))
    packed = PackedScene(
        rows, table, np.float32(scene.low_m), np.float32(scene.high_m), lamps, np.float32(air), scene.kind
    )
    others = [
        dataclasses.replace(first, yaw_rad=first.yaw_rad + rng.normal(0, 0.15), z_m=rng.uniform(0.9, 1.5),
                            pitch_rad=first.pitch_rad + rng.normal(0, math.radians(2)))
        for _ in range(number - 1)
    ]  # fmt: skip
    return packed, tuple([first, *others][:number])
