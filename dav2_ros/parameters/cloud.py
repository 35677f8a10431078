# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters that say how clouds are made, for every node that makes them; all from CloudOptions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from dav2_ros.cloud.options import CloudOptions
from dav2_ros.parameter import ANY_TIME, NEVER, Changeable, check, parameter

OPTIONS = {each.name: each for each in fields(CloudOptions)}


def of_cloud(name: str) -> Any:
    """Make a parameter of a field of CloudOptions."""
    each = OPTIONS[name]
    return parameter(each.default, each.metadata['meaning'], changes=ANY_TIME, bounds=each.metadata['bounds'])


@dataclass(frozen=True)
class CloudParameters:
    """How clouds are made; `max_range_m` is each node's own."""

    min_range_m: float = of_cloud('min_range_m')
    cloud_stride: int = of_cloud('stride')
    cloud_remove_flying: bool = of_cloud('remove_flying')
    cloud_voxel_m: float = of_cloud('voxel_m')
    cloud_remove_ground: bool = of_cloud('remove_ground')
    cloud_ground_tolerance_m: float = of_cloud('ground_tolerance_m')
    cloud_organised: bool = of_cloud('organised')

    @property
    def cloud_options(self) -> CloudOptions:
        """The same, as the cloud's maker takes it."""
        own = {name: getattr(self, name if hasattr(self, name) else f'cloud_{name}') for name in OPTIONS}
        return CloudOptions(**own)


@dataclass(frozen=True)
class CloudNodeParameters(CloudParameters, Changeable):
    """The parameters of the cloud node. Raises ValueError, one sentence, for values that no node can have."""

    max_range_m: float = of_cloud('max_range_m')
    colour: bool = parameter(False, 'Wait for the `rgb/image` of the stamp of each depth image.', changes=NEVER)
    diagnostics_period_s: float = parameter(
        1.0, 'Time between two messages on /diagnostics.', changes=NEVER, bounds=(0.1, 60.0)
    )
    rectified_input: bool = parameter(True, 'The depth image is rectified: P describes it, not K and D.', changes=NEVER)

    def __post_init__(self) -> None:
        check(self)
        _ = self.cloud_options  # what does not go together
