# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters that say how clouds are made, for every node that makes them; all from CloudOptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dav2_ros.cloud.options import CloudOptions
from dav2_ros.parameter import NEVER, check, definitions, group, parameter

OPTIONS = definitions(CloudOptions)


def cloud_option(name: str) -> Any:
    """Make a parameter of a field of CloudOptions."""
    one = OPTIONS[name]
    return parameter(one.default, one.meaning, changes=one.changes, bounds=one.bounds)


@dataclass(frozen=True)
class CloudParameters:
    """How clouds are made; `max_range_m` is each node's own. Raises ValueError, one sentence."""

    min_range_m: float = cloud_option('min_range_m')
    cloud_stride: int = cloud_option('stride')
    cloud_remove_flying: bool = cloud_option('remove_flying')
    cloud_voxel_m: float = cloud_option('voxel_m')
    cloud_remove_ground: bool = cloud_option('remove_ground')
    cloud_ground_tolerance_m: float = cloud_option('ground_tolerance_m')
    cloud_organised: bool = cloud_option('organised')

    def __post_init__(self) -> None:
        check(self)

    def options(self, max_range_m: float) -> CloudOptions:
        """Return the same, as the cloud's maker takes it; raises ValueError where min_range_m is not less."""
        own: dict[str, Any] = {name: getattr(self, f'cloud_{name}', None) for name in OPTIONS}
        own |= {'min_range_m': self.min_range_m, 'max_range_m': max_range_m}
        return CloudOptions(**own)


@dataclass(frozen=True)
class CloudNodeParameters:
    """The parameters of the cloud node. Raises ValueError, one sentence, for values that no node can have."""

    cloud: CloudParameters = group(CloudParameters)
    max_range_m: float = cloud_option('max_range_m')
    colour: bool = parameter(False, 'Wait for the `rgb/image` of the stamp of each depth image.', changes=NEVER)
    diagnostics_period_s: float = parameter(
        1.0, 'Time between two messages on /diagnostics.', changes=NEVER, bounds=(0.1, 60.0)
    )
    rectified_input: bool = parameter(True, 'The depth image is rectified: P describes it, not K and D.', changes=NEVER)

    def __post_init__(self) -> None:
        check(self)
        _ = self.cloud_options  # what does not go together

    @property
    def cloud_options(self) -> CloudOptions:
        """How its clouds are made."""
        return self.cloud.options(self.max_range_m)
