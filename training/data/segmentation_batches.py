# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make batches of crops at random scales from pictures with a class per pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from dav2_training.data.augment import StrongAugmentConfig, jitter, mirror
from dav2_training.data.batch_share import WHOLE, Share
from dav2_training.data.loader import draw_sample, iterate_parts
from dav2_training.data.sets.segmentation import IGNORE, SegmentationSet


@dataclass(frozen=True, eq=False)
class SegmentationBatch:
    """B pictures with a class per pixel."""

    rgb: Tensor  # (B, S, S, 3) uint8
    labels: Tensor  # (B, S, S) uint8, with IGNORE


def scaled_crop(
    rgb: np.ndarray, labels: np.ndarray, short_px: int, crop_px: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Resize the short side to `short_px` and cut a square out; what sticks out of the picture is unlabelled."""
    h, w = labels.shape
    scale = short_px / min(h, w)
    size = round(scale * w), round(scale * h)
    rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    below, right = (max(0, crop_px - have) for have in labels.shape)
    if below or right:
        rgb = cv2.copyMakeBorder(rgb, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(124, 116, 104))  # ImageNet's mean
        labels = cv2.copyMakeBorder(labels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=IGNORE)
    top, left = (int(rng.integers(have - crop_px + 1)) for have in labels.shape)
    box = slice(top, top + crop_px), slice(left, left + crop_px)
    return rgb[box], labels[box]


@dataclass(frozen=True)
class SegmentationBatches:
    """Batches of square crops for each step."""

    source: SegmentationSet
    size: int  # short side of a picture at scale 1
    crop: int
    scales: tuple[float, float]
    batch: int
    colours: StrongAugmentConfig
    seed: int = 0
    workers: int = 0

    def __call__(self, start: int, share: Share = WHOLE) -> Iterator[SegmentationBatch]:
        """Yield the parts of each step's batch from step `start` on."""
        return iterate_parts(self.make, start, share.slots(self.batch), self.workers)

    def make(self, step: int, slots: Sequence[int]) -> SegmentationBatch:
        """Build these places of a step's batch."""
        rgb, labels = zip(*(self._one(step, slot) for slot in slots))
        return SegmentationBatch(torch.from_numpy(np.stack(rgb)), torch.from_numpy(np.stack(labels)))

    def _one(self, step: int, slot: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, step, slot])
        each = draw_sample(self.source, step * self.batch + slot, self.seed)
        short_px = round(self.size * rng.uniform(*self.scales))
        rgb, labels = mirror(*scaled_crop(each.rgb, each.labels, short_px, self.crop, rng), rng)
        if rng.random() < self.colours.jitter_share:
            rgb = jitter(rgb, self.colours, rng)
        return np.ascontiguousarray(rgb), np.ascontiguousarray(labels)
