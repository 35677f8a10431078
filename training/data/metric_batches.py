# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make batches of crops from data sets in metres, each with the focal length that its pixels have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch

from dav2_training.config import AugmentConfig
from dav2_training.data.augment import crop, mirror
from dav2_training.data.batch_share import WHOLE, Share
from dav2_training.data.loader import draw_sample, iterate_parts
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.sample import DataError, DepthSet, Sample

KB_HEIGHT, KB_WIDTH = 352, 1216  # what the KITTI benchmark keeps of a picture: the bottom rows, the middle columns


def in_metres(sample: Sample, needs_camera: bool) -> Sample:
    """Return the sample if it has what metric training needs; raises DataError, about the set, not one file."""
    if sample.z_m is None:
        raise DataError(f'{sample.name} has no depth in metres: metric training cannot learn from this set.')
    if needs_camera and sample.camera is None:
        raise DataError(
            f'{sample.name} has no camera: set canonical to false, or choose a set whose pictures have intrinsics.'
        )
    return sample


def kb_crop(sample: Sample) -> Sample:
    """Keep what the KITTI benchmark keeps: the bottom 352 rows and the middle 1216 columns. Raises DataError."""
    h, w = sample.rgb.shape[:2]
    top, left = h - KB_HEIGHT, (w - KB_WIDTH) // 2
    if top < 0 or left < 0:
        raise DataError(f'{sample.name} has {w}x{h} pixels, too few for kb_crop: it is for pictures of KITTI.')
    box = slice(top, top + KB_HEIGHT), slice(left, left + KB_WIDTH)
    camera = sample.camera and sample.camera.cropped(left, top, KB_WIDTH, KB_HEIGHT)
    return replace(sample, rgb=sample.rgb[box], z_m=sample.z_m[box], camera=camera)


def rotate(rgb: np.ndarray, z_m: np.ndarray, angle_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn a picture about its centre, which leaves Z what it is; corners that come from outside are unknown."""
    h, w = z_m.shape
    turn = cv2.getRotationMatrix2D((0.5 * (w - 1), 0.5 * (h - 1)), angle_deg, 1.0)
    turned = cv2.warpAffine(rgb, turn, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return turned, cv2.warpAffine(z_m, turn, (w, h), flags=cv2.INTER_NEAREST, borderValue=float('nan'))


def recolour(rgb: np.ndarray, config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Change gamma, brightness and the weight of each colour (ZoeDepth data/data_mono.py, augment_image)."""
    gain = rng.uniform(*config.brightness) * rng.uniform(*config.colour, 3)
    x = (rgb / np.float32(255)) ** np.float32(rng.uniform(*config.gamma)) * gain.astype(np.float32)
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8)


@dataclass(frozen=True)
class MetricBatches:
    """Batches of crops, (B, height, width), for each step."""

    source: DepthSet
    height: int
    width: int
    batch: int
    needs_camera: bool
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 0
    workers: int = 0
    pin: bool = False

    def __call__(self, start: int, share: Share = WHOLE) -> Iterator[MetricBatch]:
        """Yield the parts of each step's batch from step `start` on."""
        return iterate_parts(self.make, start, share.slots(self.batch), self.workers, self.pin)

    def make(self, step: int, slots: Sequence[int]) -> MetricBatch:
        """Build these places of a step's batch; f_px is 0 where the set does not know it."""
        rgb, z_m, f_px = zip(*(self._one(step, slot) for slot in slots))
        pictures, truths = (torch.from_numpy(np.stack(each)) for each in (rgb, z_m))
        return MetricBatch(pictures, truths, torch.tensor(f_px, dtype=torch.float32))

    def _one(self, step: int, slot: int) -> tuple[np.ndarray, np.ndarray, float]:
        a, rng = self.augment, np.random.default_rng([self.seed, step, slot])
        sample = in_metres(draw_sample(self.source, step * self.batch + slot, self.seed), self.needs_camera)
        sample = kb_crop(sample) if a.kb_crop else sample
        h, w = sample.z_m.shape
        f_px = sample.camera.f_px * max(self.height / h, self.width / w) if sample.camera else 0.0
        rgb, z_m = sample.rgb, sample.z_m
        if a.rotate_deg:
            rgb, z_m = rotate(rgb, z_m, rng.uniform(-a.rotate_deg, a.rotate_deg))
        rgb, z_m = mirror(*crop(rgb, z_m, self.height, self.width, rng), rng)
        if rng.random() < a.colour_share:
            rgb = recolour(rgb, a, rng)
        return np.ascontiguousarray(rgb), np.ascontiguousarray(z_m), f_px
