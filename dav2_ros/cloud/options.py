# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a cloud can be asked to be, once: nodes and tools take default, bounds and meaning from here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


def option(default: Any, meaning: str, bounds: tuple[float, float] | None = None) -> Any:
    """Make a dataclass field that says what it means and what it may be."""
    return field(default=default, metadata={'meaning': meaning, 'bounds': bounds})


@dataclass(frozen=True)
class CloudOptions:
    """How a cloud is made of a depth map. Raises ValueError, one sentence, for values out of bounds."""

    min_range_m: float = option(0.0, 'Points nearer than this are left out of the cloud.', (0.0, 1000.0))
    max_range_m: float = option(0.0, 'Points farther than this are left out of the cloud; 0: none.', (0.0, 1000.0))
    stride: int = option(1, 'One point for every n-th pixel of every n-th row.', (1, 16))
    remove_flying: bool = option(
        True, 'Leave out the points at depth edges that hang between what is in front and what is behind.'
    )
    voxel_m: float = option(
        0.0, 'One point for each cube of this size, the cloud is no longer organised; 0: all points.', (0.0, 10.0)
    )
    remove_ground: bool = option(False, 'Leave out the plane that the camera stands above.')
    ground_tolerance_m: float = option(
        0.10, 'What is less high above the ground, and 2 % of its distance, belongs to the ground.', (0.0, 2.0)
    )
    organised: bool = option(
        True, 'One point per pixel, NaN where there is none; otherwise a list of the points that there are.'
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value, bounds = getattr(self, each.name), each.metadata['bounds']
            if bounds and not bounds[0] <= value <= bounds[1]:
                raise ValueError(f'{each.name} is {value}: choose a value from {bounds[0]} to {bounds[1]}.')
        if self.max_range_m and self.min_range_m >= self.max_range_m:
            raise ValueError(
                f'min_range_m is {self.min_range_m}, max_range_m is {self.max_range_m}: choose a min_range_m that is '
                'less.'
            )

    @property
    def is_dense(self) -> bool:
        """Whether the cloud is a list without holes."""
        return not self.organised or self.voxel_m > 0
