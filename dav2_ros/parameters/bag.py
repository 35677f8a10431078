# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define what can be asked of `dav2 bag run` and `dav2 bag evaluate`: the node's parameters, by the node's names."""

from __future__ import annotations

from dataclasses import dataclass

from dav2_ros.parameter import Changeable, check, parameter
from dav2_ros.parameters.cloud import CloudParameters, of_cloud
from dav2_ros.parameters.estimator import EstimatorParameters
from dav2_ros.parameters.scale import ScaleParameters

STRIDE = 4  # of points: all of them would be five times the size of depth


@dataclass(frozen=True)
class _Checked:
    """What the last in line checks."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class BagParameters(ScaleParameters, CloudParameters, EstimatorParameters, _Checked, Changeable):
    """The parameters of the depth node that mean something without a graph."""

    cloud_stride: int = parameter(STRIDE, of_cloud('stride').metadata['meaning'], bounds=(1, 16))

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.cloud_options  # what does not go together
