# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define what a cloud can be asked to be, once: nodes and tools take default, bounds and meaning from here."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.parameter import ANY_TIME, check, parameter


@dataclass(frozen=True)
class CloudOptions:
    """How a cloud is made of a depth map. Raises ValueError, one sentence, for values out of bounds."""

    min_range_m: float = parameter(
        0.0, 'Points nearer than this are left out of the cloud.', changes=ANY_TIME, bounds=(0.0, 1000.0)
    )
    max_range_m: float = parameter(
        0.0, 'Points farther than this are left out of the cloud; 0: none.', changes=ANY_TIME, bounds=(0.0, 1000.0)
    )
    stride: int = parameter(1, 'One point for every n-th pixel of every n-th row.', changes=ANY_TIME, bounds=(1, 16))
    remove_flying: bool = parameter(
        True,
        'Leave out the points at depth edges that hang between what is in front and what is behind.',
        changes=ANY_TIME,
    )
    voxel_m: float = parameter(
        0.0,
        'One point for each cube of this size, the cloud is no longer organised; 0: all points.',
        changes=ANY_TIME,
        bounds=(0.0, 10.0),
    )
    remove_ground: bool = parameter(False, 'Leave out the plane that the camera stands above.', changes=ANY_TIME)
    ground_tolerance_m: float = parameter(
        0.10,
        'What is less high above the ground, and 2 % of its distance, belongs to the ground.',
        changes=ANY_TIME,
        bounds=(0.0, 2.0),
    )
    organised: bool = parameter(
        True,
        'One point per pixel, NaN where there is none; otherwise a list of the points that there are.',
        changes=ANY_TIME,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.max_range_m and self.min_range_m >= self.max_range_m:
            raise ValueError(
                f'min_range_m is {self.min_range_m}, max_range_m is {self.max_range_m}: choose a min_range_m that is '
                'less.'
            )

    @property
    def is_dense(self) -> bool:
        """Whether the cloud is a list without holes."""
        return not self.organised or self.voxel_m > 0
