# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make a recording as a robot in the other world would: its own camera, its own places, a depth camera beside it.

    python -m dav2_training.assets.robot_bag out/proof/drive --seed 21 --shots 48
    python -m dav2_training.assets.robot_bag out/proof/another_drive --seed 22 --shots 12

The world is that of data/procedural/domain_shift.py. Topics as in the demo's recording, see demo_bag.py; the depth is
exact.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import track

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame
from dav2_training.assets.demo_bag import FRAME_ID, RATE_HZ, START_NS, record
from dav2_training.data.procedural.camera_poses import random_view, reach
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.domain_shift import photograph, repaint
from dav2_training.data.procedural.renderer import render

WIDTH, HEIGHT, HFOV_DEG = 320, 240, 75.0
MOUNTED_M = 0.55  # of the camera above the floor: lower than the bundled model has ever seen it
FRAMES = 10  # of a shot
STEP_M = 0.06  # between two frames


def shot(seed: int, index: int, number: int, camera: Camera) -> Iterator[tuple[Frame, DepthMap]]:
    """Drive a little through a scene; frames are numbered, and stamped, from `number`."""
    rng = np.random.default_rng([seed, index, 4])
    view = dataclasses.replace(random_view(seed, index), hfov_rad=math.radians(HFOV_DEG), z_m=MOUNTED_M)
    scene = repaint(compose(seed, index, None, reach(view)), 1.0, rng)
    turning = rng.normal(0, math.radians(1.0))
    for i in range(FRAMES):
        batch = render([scene], [view], HEIGHT, WIDTH)
        stamp_ns = START_NS + (number + i) * 1_000_000_000 // RATE_HZ
        rgb = photograph(batch.rgb[0].numpy(), 1.0, rng)
        yield Frame(rgb, camera, stamp_ns, FRAME_ID), DepthMap(batch.z_m[0].numpy(), camera, stamp_ns, FRAME_ID)
        view = dataclasses.replace(
            view,
            x_m=view.x_m + STEP_M * math.cos(view.yaw_rad),
            y_m=view.y_m + STEP_M * math.sin(view.yaw_rad),
            yaw_rad=view.yaw_rad + turning,
        )


def main(
    out: Annotated[Path, typer.Argument(help='Folder of the recording; replaced if it is there.')],
    seed: Annotated[int, typer.Option(help='Which places.')] = 21,
    shots: Annotated[int, typer.Option(min=1, help='How many places.')] = 48,
) -> None:
    """Render the frames and write the recording."""
    torch.set_num_threads(1)
    camera = Camera.from_hfov(WIDTH, HEIGHT, math.radians(HFOV_DEG))
    pairs = (pair for index in track(range(shots), 'shots') for pair in shot(seed, index, index * FRAMES, camera))
    print(f'{out}: {shots * FRAMES} frames, {record(out, pairs):.2f} MB')


if __name__ == '__main__':
    typer.run(main)
