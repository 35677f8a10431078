# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What each process of a run does, and sums over all of them, so that a mean is that of the whole step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from dav2_training.config import ConfigError


@dataclass(frozen=True)
class Share:
    """What one process takes of each step's batch: its rank's share, in parts."""

    rank: int = 0
    world: int = 1
    parts: int = 1  # gradient accumulation

    def slots(self, batch: int) -> list[range]:
        """Return the places in the step's batch, a range for each part. Raises ConfigError if there is a rest."""
        pieces = self.world * self.parts
        if batch % pieces:
            raise ConfigError(
                f'A batch of {batch} cannot be dealt to {self.world} processes in {self.parts} parts: '
                f'set fit.batch to a multiple of {pieces}.'
            )
        size, first = batch // pieces, self.rank * self.parts
        return [range((first + i) * size, (first + i + 1) * size) for i in range(self.parts)]


WHOLE = Share()


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
