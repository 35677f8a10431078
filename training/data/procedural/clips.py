# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render clips of procedural scenes with exact depth, as a cheap camera records them.

    for frame, truth in Clip('still', index=3).frames():
        ...

The faults that change from frame to frame are those that make depth flicker: noise, the hunting of automatic exposure,
and jpeg. The rest of the camera (camera_noise.py) stays as it is for a whole clip and changes nothing over time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame
from dav2_training.data.procedural.camera_poses import View, random_view, reach
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.objects import person
from dav2_training.data.procedural.procedural import one_thread
from dav2_training.data.procedural.renderer import render
from dav2_training.data.procedural.scene import Scene

SEED = 5_000_011  # of no training run, no validation, no score
MOTIONS = ('still', 'passer', 'approach', 'pan')
SPEED_M_S, TURN_DEG_S = 0.5, 20.0  # of a small robot
WALK_M_S = 1.2
NOISE = 2.5  # standard deviation at mid-grey, of 255: a webcam indoors
HUNT, HUNT_S = 0.06, 0.8  # automatic exposure swings by so much (of the brightness), with this period
QUALITY = 80  # of the jpegs


@dataclass(frozen=True)
class Clip:
    """A short film of one scene; the same arguments make the same film."""

    motion: str = 'still'  # passer: a still camera that somebody walks by
    index: int = 0
    length: int = 30
    rate_hz: float = 15.0
    height: int = 480
    width: int = 640
    seed: int = SEED
    speed: float = 1.0  # how many times as fast as stated above the camera moves

    def view(self, i: int) -> View:
        """Return the camera's pose at frame `i`."""
        view, passed_s = random_view(self.seed, self.index), self.speed * i / self.rate_hz
        if self.motion == 'approach':
            along = SPEED_M_S * passed_s
            return replace(view, x_m=along * math.cos(view.yaw_rad), y_m=along * math.sin(view.yaw_rad))
        if self.motion == 'pan':
            turned = math.radians(TURN_DEG_S) * (passed_s - 0.5 * self.speed * self.length / self.rate_hz)
            return replace(view, yaw_rad=view.yaw_rad + turned)
        return view

    def scene(self, i: int) -> Scene:
        """Return the scene at frame `i`."""
        view = self.view(0)
        scene = compose(self.seed, self.index, None, reach(view))
        if self.motion == 'passer':
            side = WALK_M_S * (i - 0.5 * self.length) / self.rate_hz
            away_m = 3.0 * reach(view)
            x, y = (away_m * math.cos(view.yaw_rad) - side * math.sin(view.yaw_rad),
                    away_m * math.sin(view.yaw_rad) + side * math.cos(view.yaw_rad))  # fmt: skip
            person(scene, x, y, 0.0, np.random.default_rng([self.seed, self.index, 4]))
        return scene

    def frames(self) -> Iterator[tuple[Frame, DepthMap]]:
        """Yield every picture, as the camera records it, with its exact depth; +inf is sky."""
        camera = Camera.from_hfov(self.width, self.height, self.view(0).hfov_rad)
        with one_thread():
            for i in range(self.length):
                if i == 0 or self.motion != 'still':
                    batch = render([self.scene(i)], [self.view(i)], self.height, self.width)
                    rgb, z_m = batch.rgb[0].numpy(), batch.z_m[0].numpy()
                at, stamp_ns = np.random.default_rng([self.seed, self.index, 5, i]), round(1e9 * (1 + i / self.rate_hz))
                yield (
                    Frame(recorded(rgb, i / self.rate_hz, at), camera, stamp_ns),
                    DepthMap(z_m.copy(), camera, stamp_ns),
                )


def recorded(rgb: np.ndarray, at_s: float, rng: np.random.Generator) -> np.ndarray:
    """Give a picture (H, W, 3) uint8 the faults of one moment."""
    gain = 1.0 + HUNT * math.sin(2 * math.pi * at_s / HUNT_S) + rng.normal(0.0, 0.25 * HUNT)
    light = gain * rgb.astype(np.float32)
    grain = rng.standard_normal(rgb.shape, np.float32)
    grain *= NOISE * np.sqrt(np.maximum(light, 8.0) / 128.0)  # of the photons
    noisy = np.clip(light + grain + 0.5, 0, 255).astype(np.uint8)
    jpeg = cv2.imencode('.jpg', noisy, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]  # channels in whatever order
    return cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
