# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render scenes as another world would photograph them: "real" pictures to the procedural "synthetic" ones.

    ShiftedScenes(seed=1).batch(range(8))  # as ProceduralScenes: pictures, exact depth for judging only, focal lengths

Geometry and depth come from the same composer, so a network can know both worlds; what a picture shows of them differs:
surfaces are painted with other patterns in other sizes and colours, the light is lower, coloured and often hazy, the
camera is held carelessly, and its pictures are blurred, noisy and compressed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from dav2_training.data.procedural.camera_poses import View, random_view, reach
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.objects import colour
from dav2_training.data.procedural.procedural import one_thread
from dav2_training.data.procedural.renderer import MetricBatch, render
from dav2_training.data.procedural.scene import Material, Scene
from dav2_training.data.procedural.textures import PATTERNS

PAINTS = tuple(name for name in PATTERNS if name != 'windows')  # houses without windows are rare in any world


@dataclass(frozen=True)
class ShiftedScenes:
    """Frames by number, as many as anyone asks for; `shift` 0 to 1 is how far this world is from the other."""

    seed: int
    height: int = 168
    width: int = 224
    shift: float = 1.0

    def batch(self, indices: Sequence[int]) -> MetricBatch:
        """Render the frames with these numbers."""
        frames = []
        with one_thread():
            for index in map(int, indices):
                rng = np.random.default_rng([self.seed, index, 3])
                view = hold_carelessly(random_view(self.seed, index), self.shift, rng)
                scene = compose(self.seed, index, None, reach(view))
                frame = render([repaint(scene, self.shift, rng)], [view], self.height, self.width)
                taken = torch.from_numpy(photograph(frame.rgb[0].numpy(), self.shift, rng))
                frames.append((taken[None], frame.z_m, frame.f_px))
        return MetricBatch(*(torch.cat(parts) for parts in zip(*frames)))


def hold_carelessly(view: View, shift: float, rng: np.random.Generator) -> View:
    """Tilt the camera as nobody would mount it."""
    return dataclasses.replace(
        view,
        z_m=view.z_m * math.exp(rng.normal(0, 0.25 * shift)),
        pitch_rad=view.pitch_rad + rng.normal(0, math.radians(6) * shift),
        roll_rad=view.roll_rad + rng.normal(0, math.radians(5) * shift),
    )


def repaint(scene: Scene, shift: float, rng: np.random.Generator) -> Scene:
    """Paint most surfaces of a scene anew, and change its light; where things are stays."""

    def paint(old: Material) -> Material:
        if rng.random() > 0.8 * shift:
            return old
        pattern = PAINTS[rng.integers(len(PAINTS))]
        first, second = (colour(rng, saturation=0.9, low=0.05, high=0.8) for _ in range(2))
        return Material(pattern, first, second, PATTERNS[pattern] * math.exp(rng.normal(0, 0.5 * shift)))

    solids = {
        kind: [(*pose, paint(old)) for *pose, old in getattr(scene, kind)] for kind in ('boxes', 'cylinders', 'balls')
    }
    dusk = np.array(colour(rng, saturation=0.5, low=0.3, high=0.9))
    return dataclasses.replace(
        scene,
        **solids,
        surroundings=[paint(old) for old in scene.surroundings],
        ambient=scene.ambient * (1 - 0.6 * shift * rng.random()),
        haze_m=rng.uniform(10, 80) if scene.outdoors and rng.random() < 0.5 * shift else scene.haze_m,
        sky=tuple(tuple((1 - 0.7 * shift) * np.array(c) + 0.7 * shift * dusk) for c in scene.sky),
    )


def photograph(rgb: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Take a picture (H, W, 3) uint8 with a poor camera: colour cast, motion, noise, JPEG."""
    x = rgb.astype(np.float32) / 255
    x = np.clip(x * np.exp(rng.normal(0, 0.25 * shift, 3)).astype(np.float32), 0, 1) ** math.exp(
        rng.normal(0, 0.3 * shift)
    )
    if rng.random() < 0.5 * shift:  # the camera moves while the shutter is open
        length, angle = rng.integers(2, 6), rng.uniform(0, math.pi)
        t = np.linspace(-0.5, 0.5, 9) * length
        row, column = (np.rint(3 + t * f(angle)).astype(int) for f in (math.sin, math.cos))
        kernel = np.zeros((7, 7), np.float32)
        np.add.at(kernel, (row, column), 1)
        x = cv2.filter2D(x, -1, kernel / kernel.sum())
    x = x + rng.normal(0, shift * rng.uniform(0.01, 0.06), x.shape).astype(np.float32)
    seen = np.clip(255 * x, 0, 255).astype(np.uint8)
    quality = round(95 - shift * rng.uniform(15, 75))
    _, coded = cv2.imencode('.jpg', seen, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)  # channels as they went in
