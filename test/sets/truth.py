# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a fixture of a data set knows of itself.

For every entry of training/data/registry.py LOADERS there is a file here of that name (`-` becomes `_`) with

    def write(root: Path) -> dict[str, list[Truth]]: ...

which writes a tiny set under `root` in the set's true format, by other means than the loader reads it, and returns for
each split what every sample must be. test/training/data/test_sets.py holds all of them to the same laws, one of which
cuts each binary file in half: write none that the loader does not read.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.camera import Camera


@dataclass(frozen=True, eq=False)
class Truth:
    """One sample as it must be read: NaN unknown, +inf (0 in disparity) sky."""

    rgb: np.ndarray
    z_m: np.ndarray | None = None
    disparity: np.ndarray | None = None
    camera: Camera | None = None
    rtol: float = 1e-6  # of depth: what the set's own storage rounds, nothing more
    rgb_atol: float = 0  # levels that JPEG may be off: 0 for PNG; on smooth pictures like `picture` 6 is plenty


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Draw a smooth picture (H, W, 3) uint8, another for each seed, that JPEG keeps within a few levels."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    phase = np.arange(3) * 2.1 + seed
    wave = np.sin(u[..., None] / width * 3 + phase) + np.cos(v[..., None] / height * 2 + phase)
    return (127 + 60 * wave).astype(np.uint8)


def write_picture(path, rgb: np.ndarray) -> None:
    """Write a picture, and its folders; the suffix says how."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, 100] if path.suffix in ('.jpg', '.jpeg') else []
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), flags)


def write_png16(path, values: np.ndarray) -> None:
    """Write (H, W) numbers as a PNG of 16 bits, rounded, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.rint(values).astype(np.uint16))
