# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Augment pictures before they are learnt from; all randomness comes from the generator that is passed in.

The weak part (mirror, crop) is the papers'. The strong part for pseudo-labelled pictures has no numbers there; these
are UniMatch's (dataset/semi.py, transform.py), of which the authors say that they took CutMix.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.network.presets import PATCH


@dataclass(frozen=True)
class StrongAugmentConfig:
    """Strong perturbation of the student's pictures, never of their labels; a share of 0 switches a part off."""

    jitter_share: float = 0.8  # of pictures
    brightness: float = 0.5  # times U(1 - b, 1 + b)
    contrast: float = 0.5
    saturation: float = 0.5
    hue: float = 0.25  # turns of the colour circle, U(-h, h)
    grey_share: float = 0.2
    blur_share: float = 0.5
    blur_px: tuple[float, float] = (0.1, 2.0)  # standard deviation
    cutmix_share: float = 0.5
    cutmix_area: tuple[float, float] = (0.02, 0.4)  # of the picture
    cutmix_ratio: tuple[float, float] = (0.3, 1 / 0.3)  # height / width


def crop(
    rgb: np.ndarray, target: np.ndarray, height: int, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Resize so that (height, width) just fits in, then cut it out anywhere.

    For a square this is the papers' short side -> 518, crop 518 x 518. Bicubic as in the runtime; the target's values
    are picked, never mixed: the mean of a table and a floor is neither.
    """
    if height % PATCH or width % PATCH:
        raise ValueError(f'A crop of {height}x{width} cannot be cut into patches: choose multiples of {PATCH}.')
    h, w = rgb.shape[:2]
    scale = max(height / h, width / w)
    size = max(height, round(scale * h)), max(width, round(scale * w))
    if size != (h, w):
        rgb = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_CUBIC)
        target = cv2.resize(target, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    top, left = (int(rng.integers(have - want + 1)) for have, want in zip(size, (height, width)))
    return rgb[top : top + height, left : left + width], target[top : top + height, left : left + width]


def mirror(rgb: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Turn left and right round, of half of the pictures."""
    return (rgb[:, ::-1], target[:, ::-1]) if rng.random() < 0.5 else (rgb, target)


def perturb(rgb: np.ndarray, config: StrongAugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Change the colours of (H, W, 3) uint8, drain them, blur."""
    if rng.random() < config.jitter_share:
        rgb = jitter(rgb, config, rng)
    if rng.random() < config.grey_share:
        rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < config.blur_share:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(*config.blur_px))
    return rgb


def jitter(rgb: np.ndarray, config: StrongAugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation and hue, in any order, as torchvision's ColorJitter does."""
    reach = np.array([config.brightness, config.contrast, config.saturation])
    brightness, contrast, saturation = map(float, rng.uniform(np.maximum(0.0, 1.0 - reach), 1.0 + reach))
    turn = float(rng.uniform(-config.hue, config.hue))
    rgb = np.ascontiguousarray(rgb)
    for what in rng.permutation(4):
        if what == 0:
            rgb = cv2.convertScaleAbs(rgb, alpha=brightness)
        elif what == 1:
            grey = float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).mean())
            rgb = _blend(rgb, np.full_like(rgb, round(grey)), contrast)
        elif what == 2:
            grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            rgb = _blend(rgb, grey, saturation)
        elif turn:
            hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
            hsv[..., 0] += np.uint8(round(256 * turn) % 256)  # the circle has 256 steps: wraps by itself
            rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)
    return rgb


def _blend(rgb: np.ndarray, other: np.ndarray, gain: float) -> np.ndarray:
    return cv2.addWeighted(rgb, gain, other, 1.0 - gain, 0.0)  # saturates


def cutmix_box(height: int, width: int, config: StrongAugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W) bool: a box to be filled from another picture, or nothing."""
    cut = np.zeros((height, width), bool)
    if rng.random() >= config.cutmix_share:
        return cut
    area, ratio = rng.uniform(*config.cutmix_area) * height * width, rng.uniform(*config.cutmix_ratio)
    h, w = min(height, max(1, int((area * ratio) ** 0.5))), min(width, max(1, int((area / ratio) ** 0.5)))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    cut[top : top + h, left : left + w] = True
    return cut
