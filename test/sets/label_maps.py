# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of Cityscapes and ADE20K with their label maps, in the true formats."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def cityscapes(root: Path, coded: np.ndarray, split: str = 'train', number: int = 19) -> np.ndarray:
    """Write one frame of Aachen; returns its RGB."""
    rgb = np.random.default_rng(number).integers(0, 256, (*coded.shape, 3), np.uint8)
    name = f'aachen_000000_{number:06d}'
    write(root / 'leftImg8bit' / split / 'aachen' / f'{name}_leftImg8bit.png', rgb[..., ::-1])
    write(root / 'gtFine' / split / 'aachen' / f'{name}_gtFine_labelIds.png', coded)
    return rgb


def ade20k(root: Path, coded: np.ndarray, folder: str = 'training', number: int = 1) -> None:
    name = f'ADE_{"train" if folder == "training" else "val"}_{number:08d}'
    write(root / 'images' / folder / f'{name}.jpg', np.full((*coded.shape, 3), 90, np.uint8))
    write(root / 'annotations' / folder / f'{name}.png', coded)
