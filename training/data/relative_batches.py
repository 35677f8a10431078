# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make batches of relative depth from data sets; augmentation is a function of (seed, step, place), too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset

from dav2_training.config import ConfigError, SetConfig
from dav2_training.data import registry
from dav2_training.data.augment import StrongAugmentConfig, crop, cutmix_box, mirror, perturb
from dav2_training.data.batch_share import WHOLE, Share
from dav2_training.data.loader import draw_sample, iterate_parts
from dav2_training.data.procedural.frame_cache import WORLDS, ProceduralFrames
from dav2_training.data.pseudo.label_file import PseudoLabelledSet
from dav2_training.data.sample import DepthSet


@dataclass(frozen=True, eq=False)
class RelativeBatch:
    """B pictures with inverse depth of any scale and shift."""

    rgb: Tensor  # (B, H, W, 3) uint8
    disparity: Tensor  # (B, H, W) float32: NaN unknown, 0 sky
    cut: Tensor  # (B, H, W) bool: pasted in from another picture, whose scale and shift are others
    pseudo: Tensor  # (B,) bool: labelled by a teacher, perturbed strongly

    def pin_memory(self) -> RelativeBatch:
        """Copy to memory from which a GPU can fetch by itself; the loader asks for it."""
        return RelativeBatch(*(x.pin_memory() for x in (self.rgb, self.disparity, self.cut, self.pseudo)))


def open_sets(configs: Sequence[SetConfig], height: int, width: int) -> DepthSet:
    """Open data sets, joined end to end; procedural ones are rendered so large. Raises DataError, ConfigError."""
    opened = [open_one(config, height, width) for config in configs]
    return ConcatDataset(opened) if opened else ()  # PyTorch joins one or more


def open_one(config: SetConfig, height: int, width: int) -> DepthSet:
    """Open one data set, with its pseudo labels if it has any. Raises DataError, ConfigError."""
    if config.name in WORLDS:
        opened = ProceduralFrames(config.name, config.seed, config.frames, height, width, config.cache)
    else:
        opened = registry.open_set(config.name, config.root, config.split)
    if not len(opened):
        raise ConfigError(f'The data set {config.name} at {config.root!r} is empty: give a folder with pictures.')
    return PseudoLabelledSet(opened, Path(config.labels)) if config.labels else opened


@dataclass(frozen=True)
class RelativeBatches:
    """Batches of crops; `labelled` places of each batch come from `truth`, the others from `pseudo`."""

    height: int
    width: int
    batch: int
    truth: DepthSet | None = None
    pseudo: DepthSet | None = None
    labelled: int = 0
    strong: StrongAugmentConfig = field(default_factory=StrongAugmentConfig)
    nearest_m: float = 0.1  # metres below which truth is clipped before it is inverted; not stated in the papers
    seed: int = 0
    workers: int = 0
    pin: bool = False  # memory, for a GPU

    def __call__(self, start: int, share: Share = WHOLE) -> Iterator[RelativeBatch]:
        """Yield the parts of each step's batch from step `start` on, made ahead by `workers` processes."""
        return iterate_parts(self.make, start, share.slots(self.batch), self.workers, self.pin)

    def make(self, step: int, slots: Sequence[int]) -> RelativeBatch:
        """Build these places of a step's batch."""
        kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        made = [self._one(step, slot, kept) for slot in slots]
        rgb, disparity, cut = (torch.from_numpy(np.stack(parts)) for parts in zip(*made))
        return RelativeBatch(rgb, disparity, cut, torch.tensor([not self._is_labelled(slot) for slot in slots]))

    def _is_labelled(self, slot: int) -> bool:
        """Spread the labelled places evenly over the batch."""
        return (slot + 1) * self.labelled // self.batch > slot * self.labelled // self.batch

    def _one(self, step: int, slot: int, kept: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rgb, disparity = self._clean(step, slot, kept)
        if self._is_labelled(slot):
            return rgb, disparity, np.zeros(disparity.shape, bool)
        rng = np.random.default_rng([self.seed, step, slot, 1])
        cut = cutmix_box(self.height, self.width, self.strong, rng)
        if cut.any():
            other = next(s for s in _before(slot, self.batch) if not self._is_labelled(s))
            other_rgb, other_disparity = self._clean(step, other, kept)
            rgb = np.where(cut[..., None], other_rgb, rgb)
            disparity = np.where(cut, other_disparity, disparity)
        return perturb(rgb, self.strong, rng), disparity, cut

    def _clean(self, step: int, slot: int, kept: dict) -> tuple[np.ndarray, np.ndarray]:
        """Return a picture and its disparity, cropped and perhaps mirrored: what CutMix pastes is what others see."""
        if slot not in kept:
            rng = np.random.default_rng([self.seed, step, slot, 0])
            labelled = self._is_labelled(slot)
            source = self.truth if labelled else self.pseudo
            per_step = self.labelled if labelled else self.batch - self.labelled
            before = slot * self.labelled // self.batch
            number = step * per_step + (before if labelled else slot - before)
            sample = draw_sample(source, number, self.seed)
            disparity = sample.inverse_depth()
            if sample.z_m is not None and self.nearest_m:
                disparity = np.minimum(disparity, np.float32(1.0 / self.nearest_m))
            cropped = crop(sample.rgb, disparity, self.height, self.width, rng)
            kept[slot] = tuple(map(np.ascontiguousarray, mirror(*cropped, rng)))
        return kept[slot]


def _before(slot: int, batch: int) -> Iterator[int]:
    """Yield the places before this one, round the batch, and at last itself."""
    return ((slot - 1 - i) % batch for i in range(batch))
