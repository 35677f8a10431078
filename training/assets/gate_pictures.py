# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render the pictures of the accuracy gate (dav2_ros/engines/selection): texture, near and far, light and dark.

python -m dav2_training.assets.gate_pictures dav2_ros/engines/selection/gate_pictures
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import typer

from dav2_training.data.procedural.procedural import ProceduralScenes

SEED = 4_000_037  # of no training run, no validation, no score
FRAMES = {'room': 1, 'corridor': 2, 'street': 1}  # kind of scene: which of its frames
QUALITY = 80


def main(
    out: Annotated[Path, typer.Argument(help='Folder for the jpegs.')], height: int = 480, width: int = 640
) -> None:
    """Write one jpeg per kind of scene."""
    out.mkdir(parents=True, exist_ok=True)
    for kind, index in FRAMES.items():
        rgb = ProceduralScenes(SEED, height, width, kind=kind).batch([index]).rgb[0].numpy()
        cv2.imwrite(str(out / f'{kind}.jpg'), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == '__main__':
    typer.run(main)
