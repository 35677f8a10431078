# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters of the depth node."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.parameter import ANY_TIME, NEVER, Changeable, check, parameter
from dav2_ros.parameters.cameras import CamerasParameters
from dav2_ros.parameters.cloud import CloudParameters
from dav2_ros.parameters.estimator import EstimatorParameters
from dav2_ros.parameters.scale import ScaleParameters


@dataclass(frozen=True)
class StartParameters:
    """How the node lives."""

    autostart: bool = parameter(True, 'Configure and activate without being asked.', changes=NEVER)
    diagnostics_period_s: float = parameter(
        1.0, 'Time between two messages on /diagnostics.', changes=NEVER, bounds=(0.1, 60.0)
    )
    input_transport: str = parameter(
        'raw', 'Subscribe to `image`, or to `image`/compressed.', choices=('raw', 'compressed')
    )


@dataclass(frozen=True)
class FrameParameters(EstimatorParameters, StartParameters):
    """What happens to a frame. Raises ValueError, one sentence, for values out of bounds."""

    colour_near_m: float = parameter(
        0.5, 'Depth at the near end of the colours.', changes=ANY_TIME, bounds=(0.01, 1000.0)
    )
    colour_far_m: float = parameter(
        40.0, 'Depth at the far end of the colours.', changes=ANY_TIME, bounds=(0.01, 1000.0)
    )

    def __post_init__(self) -> None:
        check(self)
        for near, far in (('colour_near_m', 'colour_far_m'), ('min_range_m', 'max_range_m')):
            near_m, far_m = getattr(self, near), getattr(self, far)
            if far_m and near_m >= far_m:
                raise ValueError(f'{near} is {near_m}, {far} is {far_m}: choose a {near} that is less.')


@dataclass(frozen=True)
class DepthNodeParameters(CamerasParameters, ScaleParameters, CloudParameters, FrameParameters, Changeable):
    """The parameters of the depth node. Raises ValueError, one sentence, for values that no node can have."""
