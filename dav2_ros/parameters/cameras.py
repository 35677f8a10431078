# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the parameters of a node with many cameras, and which of them one camera may have of its own.

`turn_upright` holds for every camera, `front.turn_upright` for the camera front alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dav2_ros.parameter import UNCONFIGURED, check, definitions, parameter
from dav2_ros.parameters.scale import ScaleParameters

OWN = (
    'input_transport', 'rectified_input', 'rectify', 'max_hfov_deg', 'turn_upright', 'assumed_hfov_deg',
    *definitions(ScaleParameters),
)  # fmt: skip


@dataclass(frozen=True)
class CamerasParameters:
    """Many cameras of one node. Raises ValueError, one sentence, for names that no topic can have."""

    cameras: tuple[str, ...] = parameter(
        (), 'Names of cameras that share this node and its engine, each with its topics below its name; none: one '
        'camera.',
    )  # fmt: skip
    batch_wait_ms: float = parameter(
        5.0, 'How long, at most, an image waits for those of the other cameras.', bounds=(0.0, 1000.0)
    )
    max_batch: int = parameter(4, 'Most images that go to the engine together.', bounds=(1, 64))

    def __post_init__(self) -> None:
        check(self)
        for name in self.cameras:
            if not re.fullmatch(r'[A-Za-z]\w*', name, re.ASCII):
                raise ValueError(f'cameras has {name!r}: choose names of letters, digits and _, a letter first.')
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError(f'cameras is {", ".join(self.cameras)}: choose names that differ.')

    @property
    def batch(self) -> int:
        """Most images of one call of the engine."""
        return min(self.max_batch, max(len(self.cameras), 1))


def refuse_own(params: CamerasParameters, values: Mapping[str, Any]) -> None:
    """Raise ValueError, one sentence, if a camera's own parameter is to change while the node is configured."""
    for name in values:
        camera, _, own = name.partition('.')
        if camera in params.cameras and own in OWN:
            raise ValueError(f'{name} {UNCONFIGURED}: deactivate and clean up the node, then set it.')
