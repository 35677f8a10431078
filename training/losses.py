# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Losses on depth maps; a masked pixel has exactly no influence."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def silog(predicted_m: Tensor, true_m: Tensor, valid: Tensor, focus: float = 0.5) -> Tensor:
    """Scale-invariant logarithmic loss, in the form of the published metric training (metric_depth/util/loss.py).

    sqrt(mean(d^2) - focus * mean(d)^2) with d = ln true - ln predicted over the valid pixels of the whole batch
    (Eigen et al. 2014, eq. 4). No valid pixel gives 0, with a gradient of 0, where the published code gives NaN.

    Args:
        predicted_m, true_m: (B, H, W) positive where valid.
        valid: (B, H, W) bool.
    """
    if not valid.any():
        return (predicted_m * 0.0).sum()
    d = true_m[valid].log() - _log(predicted_m[valid])
    return (d.square().mean() - focus * d.mean().square()).clamp_min(1e-12).sqrt()


def log_l1(predicted_m: Tensor, true_m: Tensor, valid: Tensor) -> Tensor:
    """Mean |ln true - ln predicted| over the valid pixels of the whole batch; 0, with a gradient of 0, where none is.

    Where a pixel may be a table or the floor behind it, SiLog's best answer lies between the two, this one's is one of
    them: it is what AbsRel and delta1 reward.
    """
    if not valid.any():
        return (predicted_m * 0.0).sum()
    return (true_m[valid].log() - _log(predicted_m[valid])).abs().mean()


def beyond(predicted_m: Tensor, limit_m: float, far: Tensor) -> Tensor:
    """Pull sky, and all that lies beyond the model's range, up to that range: mean ln(limit / predicted) over `far`.

    The published training leaves such pixels out, and its models paint sky at any distance; ours reports +inf there.
    """
    if not far.any():
        return (predicted_m * 0.0).sum()
    return (math.log(limit_m) - _log(predicted_m[far])).clamp_min(0).mean()


def _log(z_m: Tensor) -> Tensor:
    """Logarithm of positive metres, in at least float32."""
    return z_m.to(torch.promote_types(z_m.dtype, torch.float32)).clamp_min(1e-6).log()


def poly(step: int, steps: int, warm_up: int, power: float = 0.9) -> float:
    """Factor on the learning rate: a linear rise, then (1 - step/steps)^power (metric_depth/train.py)."""
    rise = min(1.0, (step + 1) / max(warm_up, 1))
    return rise * (1.0 - min(step, steps) / steps) ** power
