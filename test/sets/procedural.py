# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes: a file says how many, the renderer itself what they are."""

from __future__ import annotations

from pathlib import Path

from sets.truth import Truth

from dav2_ros.camera import Camera
from dav2_training.data.procedural.procedural import ProceduralScenes


def write(root: Path) -> dict[str, list[Truth]]:
    root.mkdir()
    (root / 'scenes.yaml').write_text('seed: 5\nframes: {train: 2, val: 1}\nheight: 42\nwidth: 56\nkeep: false\n')
    return {'train': rendered(5, 2), 'val': rendered(5 + 1_000_003, 1)}


def rendered(seed: int, count: int) -> list[Truth]:
    batch = ProceduralScenes(seed, 42, 56).batch(range(count))
    frames = zip(batch.rgb.numpy(), batch.z_m.numpy(), map(float, batch.f_px))
    return [Truth(rgb, z_m, camera=Camera(56, 42, f_px, f_px, 27.5, 20.5)) for rgb, z_m, f_px in frames]
