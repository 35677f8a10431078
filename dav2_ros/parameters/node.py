# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters of the depth node."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.cloud.options import CloudOptions
from dav2_ros.parameter import ANY_TIME, NEVER, check, group, parameter
from dav2_ros.parameters.cameras import CamerasParameters
from dav2_ros.parameters.cloud import CloudParameters
from dav2_ros.parameters.estimator import EstimatorParameters
from dav2_ros.parameters.scale import ScaleParameters


@dataclass(frozen=True)
class StartParameters:
    """How the node lives. Raises ValueError, one sentence."""

    autostart: bool = parameter(True, 'Configure and activate without being asked.', changes=NEVER)
    diagnostics_period_s: float = parameter(
        1.0, 'Time between two messages on /diagnostics.', changes=NEVER, bounds=(0.1, 60.0)
    )
    input_transport: str = parameter(
        'raw', 'Subscribe to `image`, or to `image`/compressed.', choices=('raw', 'compressed')
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ColourParameters:
    """How depth/color is painted. Raises ValueError, one sentence."""

    colour_near_m: float = parameter(
        0.5, 'Depth at the near end of the colours.', changes=ANY_TIME, bounds=(0.01, 1000.0)
    )
    colour_far_m: float = parameter(
        40.0, 'Depth at the far end of the colours.', changes=ANY_TIME, bounds=(0.01, 1000.0)
    )

    def __post_init__(self) -> None:
        check(self)
        if self.colour_near_m >= self.colour_far_m:
            raise ValueError(
                f'colour_near_m is {self.colour_near_m}, colour_far_m is {self.colour_far_m}: choose a colour_near_m '
                'that is less.'
            )


@dataclass(frozen=True)
class DepthNodeParameters:
    """The parameters of the depth node. Raises ValueError, one sentence, for values that no node can have."""

    start: StartParameters = group(StartParameters)
    estimator: EstimatorParameters = group(EstimatorParameters)
    colours: ColourParameters = group(ColourParameters)
    cloud: CloudParameters = group(CloudParameters)
    scale: ScaleParameters = group(ScaleParameters)
    cameras: CamerasParameters = group(CamerasParameters)

    def __post_init__(self) -> None:
        _ = self.cloud_options  # what does not go together

    @property
    def cloud_options(self) -> CloudOptions:
        """How clouds are made."""
        return self.cloud.options(self.estimator.max_range_m)
