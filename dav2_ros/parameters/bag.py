# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters of what works without a ROS graph: the depth node's, by the node's names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dav2_ros.cloud.options import CloudOptions
from dav2_ros.parameter import group
from dav2_ros.parameters.cloud import CloudParameters
from dav2_ros.parameters.estimator import EstimatorParameters
from dav2_ros.parameters.scale import ScaleParameters

STRIDE = 4  # of points in a recording: all of them would be five times the size of depth


@dataclass(frozen=True)
class OfflineParameters:
    """The parameters of the depth node that mean something without a graph. Raises ValueError, one sentence."""

    estimator: EstimatorParameters = group(EstimatorParameters)
    cloud: CloudParameters = group(CloudParameters)
    scale: ScaleParameters = group(ScaleParameters)

    def __post_init__(self) -> None:
        _ = self.cloud_options  # what does not go together

    @property
    def cloud_options(self) -> CloudOptions:
        """How clouds are made."""
        return self.cloud.options(self.estimator.max_range_m)


@dataclass(frozen=True)
class BagParameters(OfflineParameters):
    """The parameters of `dav2 bag run` and `dav2 bag evaluate`."""

    cloud: CloudParameters = group(partial(CloudParameters, cloud_stride=STRIDE))
