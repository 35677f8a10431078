# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw a sheet of a data set to look at: pictures, each beside its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.depth.colour import colourise
from dav2_ros.files.atomic import written_beside
from dav2_training.data.sample import Sample

WIDTH, GAP, BAND = 300, 4, 20  # pixels of a picture, between two, and of the line above each
INK, PAPER = (29, 35, 48), 255
COLUMNS, MAX_NAME_LETTERS = 2, 84  # samples in a row, letters of a name above one


def write_sheet(samples: Sequence[Sample], percentiles: tuple[float, float, float], path: Path) -> None:
    """Write the sheet as a PNG; colours go from the 1st to the 99th of the `percentiles` (1, 50, 99) of the truth."""
    low, _, high = percentiles
    low, high = (low, max(high, 1.01 * low)) if low > 0 else (0.5, 80.0)
    with written_beside(path) as part:
        cv2.imwrite(str(part), cv2.cvtColor(draw_sheet(samples, low, high), cv2.COLOR_RGB2BGR))


def draw_sheet(samples: Sequence[Sample], low: float, high: float) -> np.ndarray:
    """Return (H, W, 3) RGB: two samples in a row, each a picture and its depth from `low` to `high` metres.

    Disparity is coloured as depth of an unknown scale: each sample from its own nearest to its own farthest per cent.
    """
    cells = [_cell(sample, low, high) for sample in samples]
    tallest = max(cell.shape[0] for cell in cells)
    cells = [_grown(cell, tallest) for cell in cells]
    cells += [np.full_like(cells[0], PAPER)] * (-len(cells) % COLUMNS)
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return np.vstack(rows)


def _grown(cell: np.ndarray, height: int) -> np.ndarray:
    return np.pad(cell, ((0, height - cell.shape[0]), (0, 0), (0, 0)), constant_values=PAPER)


def _cell(sample: Sample, low: float, high: float) -> np.ndarray:
    """Return one sample with its name above: (h, 2 * (WIDTH + GAP), 3)."""
    size = WIDTH, round(WIDTH * sample.rgb.shape[0] / sample.rgb.shape[1])
    picture = cv2.resize(sample.rgb, size, interpolation=cv2.INTER_AREA)
    truth = cv2.resize(_coloured(sample, low, high), size, interpolation=cv2.INTER_NEAREST)
    framed = np.hstack([np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=PAPER) for p in (picture, truth)])
    band = np.full((BAND, framed.shape[1], 3), PAPER, np.uint8)
    name = sample.name if len(sample.name) <= MAX_NAME_LETTERS else f'...{sample.name[3 - MAX_NAME_LETTERS :]}'
    cv2.putText(band, name, (1, BAND - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return np.vstack([band, framed])


def _coloured(sample: Sample, low: float, high: float) -> np.ndarray:
    if sample.z_m is not None:
        return colourise(_reduced(sample.z_m), low, high)
    if sample.disparity is None:
        return np.full_like(sample.rgb, PAPER)
    with np.errstate(divide='ignore', invalid='ignore'):  # of any offset: below 0 it is no depth, drawn as unknown
        z = _reduced(np.where(sample.disparity >= 0, 1 / sample.disparity, np.nan))
    some = z[np.isfinite(z)]
    near, far = np.percentile(some, (1, 99)) if some.size else (1.0, 2.0)
    return colourise(z, float(near), float(max(far, 1.01 * near)))


def _reduced(z: np.ndarray) -> np.ndarray:
    """Shrink depth to about WIDTH: the nearest of each cell, so that the lone points of a laser scan stay in sight."""
    by = max(1, z.shape[1] // WIDTH)
    h, w = (side // by for side in z.shape)
    return np.fmin.reduce(z[: h * by, : w * by].reshape(h, by, w, by), axis=(1, 3))
