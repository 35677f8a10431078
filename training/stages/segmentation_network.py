# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Classify every pixel with an encoder and a light decoder, and score the result by IoU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.network.presets import PATCH, PRESETS
from dav2_ros.network.vit import VisionTransformer
from dav2_training.data.sets.segmentation import IGNORE
from dav2_training.loop.distributed import sum_over_ranks


class SegmentationNetwork(nn.Module):
    """(B, 3, 14 h, 14 w) normalised RGB -> (B, classes, 4 h, 4 w) scores.

    The decoder is light on purpose, so that the encoder is what is judged: the four tapped maps are projected to
    `width`, added up, enlarged four times and classified. The papers' decoder is not published; theirs is heavier.
    """

    def __init__(self, preset: str, classes: int, width: int) -> None:
        super().__init__()
        chosen = PRESETS[preset]
        self.pretrained = VisionTransformer(chosen)  # the name that the loop knows an encoder by
        self.projects = nn.ModuleList(nn.Linear(chosen.embed_dim, width) for _ in chosen.taps)
        self.enlarge = nn.Sequential(
            nn.GroupNorm(32 if width % 32 == 0 else 1, width),
            nn.GELU(),
            nn.ConvTranspose2d(width, width // 2, 2, 2),
            nn.GELU(),
            nn.ConvTranspose2d(width // 2, width // 2, 2, 2),
            nn.GELU(),
        )
        self.classify = nn.Conv2d(width // 2, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2] // PATCH, x.shape[-1] // PATCH
        tokens = sum(project(tokens) for project, tokens in zip(self.projects, self.pretrained(x)))  # (B, h*w, width)
        return self.classify(self.enlarge(tokens.mT.unflatten(2, (h, w))))


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the labelled pixels of all processes; 0 where none is labelled.

    Scores are brought to the size of the labels.

    Args:
        scores: (B, classes, h, w).
        labels: (B, H, W) uint8 with IGNORE.
    """
    scores = F.interpolate(scores.float(), labels.shape[-2:], mode='bilinear', align_corners=False)
    total = F.cross_entropy(scores, labels.long(), ignore_index=IGNORE, reduction='sum')
    pixels = (labels != IGNORE).sum().float()
    return sum_over_ranks(total) / sum_over_ranks(pixels).clamp_min(1)


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often pixels of each class were given each class; adding up pictures is adding up confusions."""

    counts: Tensor  # (classes, classes) int64: rows are the truth

    @classmethod
    def of(cls, named: Tensor, labels: Tensor, classes: int) -> ConfusionMatrix:
        """Compare two maps of one shape; pixels whose label is IGNORE do not count."""
        known = labels != IGNORE
        pairs = labels[known].long() * classes + named[known].long()
        return cls(torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).cpu())

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        return ConfusionMatrix(self.counts + other.counts)

    def iou(self) -> Tensor:
        """Return (classes,) float64: intersection over union; NaN for a class that neither the truth nor we name."""
        hits = self.counts.diagonal().double()
        return hits / (self.counts.sum(0) + self.counts.sum(1) - hits)

    def mean_iou(self) -> float:
        """Average over the classes that there are."""
        return float(self.iou().nanmean())

    def accuracy(self) -> float:
        """Return the share of labelled pixels that were named right."""
        return float(self.counts.diagonal().sum() / self.counts.sum())
