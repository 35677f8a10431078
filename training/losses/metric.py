# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compute losses on metres: means over the valid pixels of the whole batch, on all processes of the run."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dav2_training.loop.distributed import sum_over_ranks


def silog(predicted_m: Tensor, true_m: Tensor, valid: Tensor, focus: float = 0.5) -> Tensor:
    """Scale-invariant logarithmic loss, in the form of the published metric training (metric_depth/util/loss.py).

    sqrt(mean(d^2) - focus * mean(d)^2) with d = ln true - ln predicted over the valid pixels of the whole batch
    (Eigen et al. 2014, eq. 4). No valid pixel gives 0, with a gradient of 0, where the published code gives NaN.

    Args:
        predicted_m, true_m: (B, H, W) positive where valid.
        valid: (B, H, W) bool.
    """
    mean, variance, n = _moments(_log_ratio(predicted_m, true_m, valid), valid)
    square = variance + (1.0 - focus) * mean.square()
    return square.clamp_min(1e-12).sqrt() * (n > 0)


def silog_zoedepth(predicted_m: Tensor, true_m: Tensor, valid: Tensor, beta: float = 0.15) -> Tensor:
    """Scale-invariant logarithmic loss as ZoeDepth trains with: 10 sqrt(var(g) + beta mean(g)^2), var over n - 1.

    Fewer than two valid pixels give 0, with a gradient of 0. See `silog` for the arguments.
    """
    mean, variance, n = _moments(_log_ratio(predicted_m, true_m, valid), valid)
    square = variance * n / (n - 1).clamp_min(1) + beta * mean.square()
    return 10.0 * square.clamp_min(1e-12).sqrt() * (n > 1)


def log_l1(predicted_m: Tensor, true_m: Tensor, valid: Tensor) -> Tensor:
    """Mean |ln true - ln predicted| over the valid pixels of the whole batch; 0, with a gradient of 0, where none is.

    Where a pixel may be a table or the floor behind it, SiLog's best answer lies between the two, this one's is one of
    them: it is what AbsRel and delta1 reward.
    """
    return _mean(_log_ratio(predicted_m, true_m, valid).abs(), valid)


def out_of_range(predicted_m: Tensor, limit_m: float, far: Tensor) -> Tensor:
    """Pull sky, and all that lies beyond the model's range, up to that range: mean ln(limit / predicted) over `far`.

    The published training leaves such pixels out, and its models paint sky at any distance; ours reports +inf there.
    """
    predicted_m = torch.where(far, predicted_m, limit_m)
    return _mean((math.log(limit_m) - _log(predicted_m)).clamp_min(0), far)


def log_gradients(predicted_m: Tensor, true_m: Tensor, valid: Tensor, scales: int = 3) -> Tensor:
    """Mean |difference of d between neighbours|, d = ln true - ln predicted, at several scales: it sharpens edges.

    MiDaS's gradient matching term (Ranftl et al. 2020, eq. 11) in the logarithm; only pairs of valid pixels count.
    """
    d, total = _log_ratio(predicted_m, true_m, valid), 0.0
    for scale in range(scales):
        step = 2**scale
        for dim in (-1, -2):
            n = d.shape[dim] - step
            pair = valid.narrow(dim, 0, n) & valid.narrow(dim, step, n)
            total = total + _mean((d.narrow(dim, step, n) - d.narrow(dim, 0, n)).abs(), pair)
    return total / (2 * scales)


def _log(z_m: Tensor) -> Tensor:
    """Logarithm of positive metres, in at least float32."""
    return z_m.to(torch.promote_types(z_m.dtype, torch.float32)).clamp_min(1e-6).log()


def _log_ratio(predicted_m: Tensor, true_m: Tensor, valid: Tensor) -> Tensor:
    """ln true - ln predicted; 0, with a gradient of 0, where not valid, whatever stands there."""
    return torch.where(valid, true_m, 1.0).log() - _log(torch.where(valid, predicted_m, 1.0))


def _mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels on all processes."""
    n = sum_over_ranks(valid.sum().to(x.dtype))
    return sum_over_ranks(torch.where(valid, x, 0.0).sum()) / n.clamp_min(1)


def _moments(d: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance over n, and n, on all processes. The variance does not move with the mean: no gradient there."""
    n = sum_over_ranks(valid.sum().to(d.dtype))
    mean = _mean(d, valid)
    return mean, _mean((d - mean.detach()).square(), valid), n
