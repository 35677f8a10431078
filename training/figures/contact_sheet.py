# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw procedural scenes, each with its depth: what the training data look like.

python -m dav2_training.figures.contact_sheet docs/pictures/scenes.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer

from dav2_ros.depth.colour import colourise
from dav2_training.data.procedural.compose import KINDS
from dav2_training.data.procedural.procedural import ProceduralScenes

GAP, BAND = 4, 22  # pixels between pictures, and above each pair of rows
NEAR_M, FAR_M = 0.8, 60.0


def sheet(seed: int, columns: int, height: int, width: int) -> np.ndarray:
    """Return (H, W, 3) RGB: for each kind of scene a row of pictures, as the sensor gives them, and one of depth."""
    rows = []
    for number, kind in enumerate(KINDS):  # frames of their own: other views, other sensors
        batch = ProceduralScenes(seed, height, width, kind=kind).batch(range(number * columns, (number + 1) * columns))
        depths = np.stack([colourise(z_m.numpy(), NEAR_M, FAR_M) for z_m in batch.z_m])
        band = np.full((BAND, columns * (width + GAP) - GAP, 3), 255, np.uint8)
        cv2.putText(band, kind, (2, BAND - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (29, 35, 48), 1, cv2.LINE_AA)
        rows += [band, in_a_row(batch.rgb.numpy()), in_a_row(depths)]
    return np.vstack(rows)


def in_a_row(pictures: np.ndarray) -> np.ndarray:
    """Lay (N, H, W, 3) side by side, with white gaps."""
    framed = np.pad(pictures, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    return np.hstack(framed)[:, :-GAP]


def main(
    out: Annotated[Path, typer.Argument(help='PNG to write.')],
    seed: Annotated[int, typer.Option(help='Of the scenes; the default is none that is trained or validated on.')] = 5,
    columns: Annotated[int, typer.Option(help='Scenes of each kind.')] = 6,
    height: Annotated[int, typer.Option(help='Of each picture.')] = 168,
    width: Annotated[int, typer.Option(help='Of each picture.')] = 224,
) -> None:
    """Write the contact sheet."""
    torch.set_num_threads(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    rgb = sheet(seed, columns, height, width)
    cv2.imwrite(str(out), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == '__main__':
    typer.run(main)
