# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a few procedural frames as ADE20K stores its own, to try segmentation without that data set.

    python -m dav2_training.data.sets.small_ade20k out/miniature_ade20k

Classes are what geometry knows: how far a pixel is, in powers of two, and sky.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from dav2_training.data.procedural.frame_cache import ProceduralFrames

FRAMES = {'training': range(64), 'validation': range(64, 80)}
SKY = 8  # class; 1 to 7 are distances, 0 would be "other"


def classes(z_m: np.ndarray) -> np.ndarray:
    """Name the class of each pixel (H, W) uint8 by its depth (H, W)."""
    near = np.clip(np.log2(np.maximum(z_m, 0.5)) + 2, 1, SKY - 1)
    return np.where(np.isinf(z_m), SKY, near).astype(np.uint8)


def main(
    out: Annotated[Path, typer.Argument(help='Folder to write.')],
    height: Annotated[int, typer.Option(help='Of each picture.')] = 84,
    width: Annotated[int, typer.Option(help='Of each picture.')] = 112,
) -> None:
    """Write the pictures and their classes."""
    frames = ProceduralFrames('procedural', 31, 80, height, width)
    for folder, numbers in FRAMES.items():
        for kind in ('images', 'annotations'):
            (out / kind / folder).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            sample = frames[number]
            bgr = cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(out / 'images' / folder / f'{sample.name}.jpg'), bgr)
            cv2.imwrite(str(out / 'annotations' / folder / f'{sample.name}.png'), classes(sample.z_m))


if __name__ == '__main__':
    typer.run(main)
