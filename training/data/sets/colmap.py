# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the cameras of a COLMAP model in text (cameras.txt, images.txt)."""

from __future__ import annotations

from pathlib import Path

from dav2_ros.camera import Camera
from dav2_training.data.decode import unreadable

HALF_PX = 0.5  # COLMAP counts from the corner of the first pixel, we from its centre


def cameras_by_picture(folder: Path) -> dict[str, Camera]:
    """Read the camera of each picture, by the name in images.txt; raises DataError with the file."""
    path = folder / 'cameras.txt'
    try:
        cameras = {line.split()[0]: _camera(line.split()) for line in _lines(path)}
        path = folder / 'images.txt'
        posed = _lines(path, with_empty=True)[::2]  # a second line for each lists its points, and may be empty
        return {line.split()[9]: cameras[line.split()[8]] for line in posed if line}
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise unreadable(path, f'{type(error).__name__} {error}') from error


def _lines(path: Path, *, with_empty: bool = False) -> list[str]:
    lines = [line.strip() for line in path.read_text().splitlines() if not line.startswith('#')]
    return lines if with_empty else [line for line in lines if line]


def _camera(words: list[str]) -> Camera:
    model, width, height = words[1], int(words[2]), int(words[3])
    values = [float(word) for word in words[4:]]
    if model == 'SIMPLE_PINHOLE':
        values.insert(0, values[0])
    elif model not in ('PINHOLE', 'THIN_PRISM_FISHEYE'):
        raise ValueError(f'its camera model {model} is none of SIMPLE_PINHOLE, PINHOLE, THIN_PRISM_FISHEYE')
    fx_px, fy_px, cx_px, cy_px = values[:4]
    pinhole = width, height, fx_px, fy_px, cx_px - HALF_PX, cy_px - HALF_PX
    if model != 'THIN_PRISM_FISHEYE':
        return Camera(*pinhole)
    k1, k2, _p1, _p2, k3, k4, _sx1, _sy1 = values[4:]
    # OpenCV's fisheye is this model without its tangential and prism terms, which move a pixel of ETH3D's 24 million
    # by two or three at the edge; nothing learns or judges from them
    return Camera(*pinhole, 'equidistant', (k1, k2, k3, k4))
