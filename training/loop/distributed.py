# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sum over all processes of a run, so that a mean is that of the whole step."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class _Sum(torch.autograd.Function):
    """All-reduce forwards; backwards the local gradient times the number of processes, by which DDP then divides."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient * dist.get_world_size()


def sum_over_ranks(x: Tensor) -> Tensor:
    """Sum a tensor over all processes; itself where there is one. Every process must come here, in the same order."""
    many = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return _Sum.apply(x) if many else x
