# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compute losses on inverse depth of unknown scale and shift, one value per picture.

A picture's loss depends on that picture alone, so the mean over a batch is the same however the batch is dealt to
processes and to accumulated parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_SCALE = 1e-6  # of a map: below, it is flat, and dividing would only enlarge rounding


def shift_and_scale(d: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Median, and mean |d - median|, over the valid pixels of each map (Depth Anything, eq. 1 and 2).

    Args:
        d: (B, H, W) at least float32, finite; valid: (B, H, W) bool.

    Returns:
        (B, 1, 1) each; 0 for a map without valid pixels. Of an even number the lower median. Gradients flow through.
    """
    some = valid.flatten(1).any(1)[:, None, None]
    among = torch.where(valid, d, torch.where(some, torch.nan, 0.0))
    shift = among.flatten(1).nanmedian(1).values[:, None, None]
    scale = _mean(torch.where(valid, (d - shift).abs(), 0.0), valid)[:, None, None]
    return shift, scale


def residual(predicted: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Difference of both maps, each with shift 0 and scale 1 (eq. 3): (B, H, W), and where it means something.

    Means nothing: what is not valid, and all of a map whose target is flat, which has no scale to compare with.
    """
    kind = torch.promote_types(predicted.dtype, torch.float32)
    predicted, target = (torch.where(valid, x.to(kind), 0.0) for x in (predicted, target))
    (t_shift, t_scale), (p_shift, p_scale) = shift_and_scale(target, valid), shift_and_scale(predicted, valid)
    valid = valid & (t_scale > MIN_SCALE)
    found = (predicted - p_shift) / p_scale.clamp_min(MIN_SCALE) - (target - t_shift) / t_scale.clamp_min(MIN_SCALE)
    return torch.where(valid, found, 0.0), valid


def ssi(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Affine-invariant loss (Depth Anything, eq. 1 to 3): (B,) mean |residual| over the valid pixels."""
    difference, valid = residual(predicted, target, valid)
    return _mean(difference.abs(), valid)


def gradient_matching(difference: Tensor, valid: Tensor, scales: int = 4) -> Tensor:
    """Multi-scale gradient matching of a residual (MiDaS, eq. 11): (B,).

    At each scale every 2^k-th pixel in both directions; |differences| of neighbours that are both valid, over the
    number of valid pixels there; the scales are added.
    """
    total = difference.new_zeros(len(difference))
    for k in range(scales):
        r, v = (x[:, :: 2**k, :: 2**k] for x in (difference, valid))
        across = torch.where(v[:, :, 1:] & v[:, :, :-1], (r[:, :, 1:] - r[:, :, :-1]).abs(), 0.0).sum((1, 2))
        down = torch.where(v[:, 1:] & v[:, :-1], (r[:, 1:] - r[:, :-1]).abs(), 0.0).sum((1, 2))
        total = total + (across + down) / v.sum((1, 2)).clamp_min(1)
    return total


def keep_smallest(loss: Tensor, valid: Tensor, ignored: float, region_px: int = 1) -> Tensor:
    """Tell which valid pixels stay when the `ignored` share with the largest loss goes: (B, H, W) bool.

    With region_px > 1 whole squares go, by their mean loss; squares without valid pixels do not count.
    """
    if not ignored:
        return valid
    mean, some = loss.detach(), valid
    if region_px > 1:
        part = _pool(valid.to(loss.dtype), region_px)
        mean, some = _pool(mean * valid, region_px) / part.clamp_min(1e-9), part > 0
    ranked = torch.where(some, mean, torch.inf).flatten(1).sort(1).values
    count = some.flatten(1).sum(1)
    last = (count - (ignored * count).long() - 1).clamp_min(0)
    kept = mean <= ranked.gather(1, last[:, None])[:, :, None]
    if region_px > 1:
        h, w = valid.shape[-2:]
        kept = kept.repeat_interleave(region_px, 1).repeat_interleave(region_px, 2)[:, :h, :w]
    return valid & kept


@dataclass(frozen=True)
class RelativeLoss:
    """Affine-invariant loss and gradient matching, 1 : 2 in the paper."""

    ssi_weight: float = 1.0
    gradient_weight: float = 2.0
    scales: int = 4  # of gradient matching; not stated, MiDaS has 4
    ignored: float = 0.0  # share of a picture with the largest loss that is left out: 0.1 for pseudo labels
    region_px: int = 1  # what is left out: single pixels, or squares of this side; not stated
    ignored_in_gradient: bool = False  # whether gradient matching leaves it out too; not stated

    def __call__(self, predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """(B, H, W) each -> (B,)."""
        difference, valid = residual(predicted, target, valid)
        size = difference.abs()
        kept = keep_smallest(size, valid, self.ignored, self.region_px)
        matched = kept if self.ignored_in_gradient else valid
        matching = gradient_matching(difference, matched, self.scales) if self.gradient_weight else 0.0
        return self.ssi_weight * _mean(torch.where(kept, size, 0.0), kept) + self.gradient_weight * matching


def per_region(loss: Callable[..., Tensor], predicted: Tensor, target: Tensor, valid: Tensor, cut: Tensor) -> Tensor:
    """Loss of pictures pasted of two, each region on its own and weighted by its area (eq. 5 to 8): (B,).

    Args:
        cut: (B, H, W) bool, True where the second picture was pasted; all False for a whole picture.
    """
    found = loss(predicted, target, valid & ~cut)
    some = cut.flatten(1).any(1)
    if not some.any():
        return found
    share = cut[some].to(found.dtype).mean((1, 2))
    pasted = loss(predicted[some], target[some], (valid & cut)[some])
    return found.index_put((some,), (1.0 - share) * found[some] + share * pasted)


def _mean(x: Tensor, valid: Tensor) -> Tensor:
    """(B, H, W), 0 where not valid -> (B,): mean over the valid pixels, 0 where there are none."""
    return x.sum((1, 2)) / valid.sum((1, 2)).clamp_min(1)


def _pool(x: Tensor, side: int) -> Tensor:
    """Mean over squares; those at the edge may be cut off."""
    return F.avg_pool2d(x[:, None], side, ceil_mode=True, count_include_pad=False)[:, 0]
