# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Divide each step's batch among the processes of a run, and into the parts that each accumulates."""

from __future__ import annotations

from dataclasses import dataclass

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
