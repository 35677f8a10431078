# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make the recording that the demo plays: a camera moves through a room and along a street of the procedural data.

    python -m dav2_training.assets.demo_bag dav2_ros/bags/bundled/demo

Topics: /camera/image/compressed (jpeg), /camera/camera_info, and the exact depth as
/camera/depth/image/compressedDepth (millimetres in a 16-bit PNG; 0 is unknown: sky, and what is beyond 65.535 m).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame
from dav2_training.data.procedural.camera_poses import View
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.renderer import render
from dav2_training.data.procedural.scene import Scene

SEED = 2026  # neither that of training nor that of validation
WIDTH, HEIGHT, HFOV_DEG = 640, 480, 65.0
REACH = math.tan(math.radians(35)) / math.tan(math.radians(0.5 * HFOV_DEG))  # a step back from 70 degrees
RATE_HZ = 10
START_NS = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC
FRAME_ID = 'camera_optical_frame'
NOISE = 1.2  # standard deviation of the sensor's noise, of 255


@dataclass(frozen=True)
class Shot:
    """One scene and the way of the camera through it: a smooth curve between key poses x, y (m), yaw, pitch (deg)."""

    kind: str
    index: int
    frames: int
    keys: tuple[tuple[float, float, float, float], ...]
    height_m: float = 1.15

    def scene(self) -> Scene:
        """Compose the scene; it stands still."""
        return compose(SEED, self.index, self.kind, REACH)

    def view(self, i: int) -> View:
        """Return the pose of frame `i`: cubic Hermite through the keys, at rest at both ends."""
        keys = np.array(self.keys)
        at = i / (self.frames - 1) * (len(keys) - 1)
        k = min(int(at), len(keys) - 2)
        t = at - k
        slope = np.gradient(keys, axis=0)
        slope[[0, -1]] = 0.0
        h = (2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t, -2 * t**3 + 3 * t**2, t**3 - t**2)
        x, y, yaw, pitch = h[0] * keys[k] + h[1] * slope[k] + h[2] * keys[k + 1] + h[3] * slope[k + 1]
        return View(x, y, self.height_m, math.radians(yaw), math.radians(pitch), 0.0, math.radians(HFOV_DEG))


SHOTS = (
    Shot('room', 61, 32, ((-0.4, 0.4, -14.0, -5.0), (0.4, 0.0, -4.0, -4.0), (1.2, -0.5, 10.0, -5.0))),
    Shot('street', 19, 34, ((-2.6, 0.9, -14.0, -1.0), (-0.8, 0.0, -2.0, -2.0), (1.0, -0.9, 7.0, -3.0))),
)


def camera() -> Camera:
    """Return the camera of the recording."""
    return Camera.from_hfov(WIDTH, HEIGHT, math.radians(HFOV_DEG))


def frames(shots: tuple[Shot, ...] = SHOTS) -> Iterator[tuple[Frame, DepthMap]]:
    """Render every frame with its exact depth; +inf is sky."""
    number, of = 0, camera()
    for shot in shots:
        scene = shot.scene()
        for i in range(shot.frames):
            batch = render([scene], [shot.view(i)], HEIGHT, WIDTH)
            grain = np.random.default_rng([SEED, number]).normal(0.0, NOISE, (HEIGHT, WIDTH, 3))
            rgb = np.clip(batch.rgb[0].numpy() + grain + 0.5, 0, 255).astype(np.uint8)
            stamp_ns = START_NS + number * 1_000_000_000 // RATE_HZ
            yield Frame(rgb, of, stamp_ns, FRAME_ID), DepthMap(batch.z_m[0].numpy(), of, stamp_ns, FRAME_ID)
            number += 1


def record(out: Path, pairs: Iterable[tuple[Frame, DepthMap]], quality: int = 90) -> float:
    """Write frames with their depth as a recording; returns its size in MB. `quality` is of the jpegs."""
    with BagWriter(out) as bag:
        for frame, truth in pairs:
            bag.camera_info('/camera/camera_info', frame.camera, frame.stamp_ns, frame.frame_id)
            bag.picture('/camera/image', frame, quality=quality)
            bag.depth('/camera/depth/image', truth)
    return sum(f.stat().st_size for f in out.iterdir()) / 1e6


def main(
    out: Annotated[Path, typer.Argument(help='Folder of the recording; replaced if it is there.')],
    quality: Annotated[int, typer.Option(help='Of the jpegs.')] = 90,
) -> None:
    """Render the frames and write the recording."""
    torch.set_num_threads(1)
    print(f'{out}: {record(out, frames(), quality):.2f} MB')


if __name__ == '__main__':
    typer.run(main)
