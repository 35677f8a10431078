# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node with many cameras: who they are, and what one of them has that differs from the others.

`turn_upright` holds for every camera, `front.turn_upright` for the camera front alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from dav2_ros.parameter import UNCONFIGURED, parameter
from dav2_ros.scale.parameters import ScaleParameters

if TYPE_CHECKING:
    from rclpy.node import Node

Given = TypeVar('Given')
OWN = (
    'input_transport', 'rectified_input', 'rectify', 'max_hfov_deg', 'turn_upright', 'assumed_hfov_deg',
    *(each.name for each in fields(ScaleParameters)),
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
        super().__post_init__()  # what the node's other parameters check
        for name in self.cameras:
            if not re.fullmatch(r'[A-Za-z]\w*', name, re.ASCII):
                raise ValueError(f'cameras has {name!r}: choose names of letters, digits and _, a letter first.')
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError(f'cameras is {", ".join(self.cameras)}: choose names that differ.')

    @property
    def batch(self) -> int:
        """Most images of one call of the engine."""
        return min(self.max_batch, max(len(self.cameras), 1))


def declare_own(node: Node, given: CamerasParameters) -> None:
    """Declare what each camera may have of its own; raises rclpy's parameter exceptions for a value of another type."""
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.parameter import Parameter

    from dav2_ros.nodes.doubles import declare_parameter

    kinds = {
        bool: Parameter.Type.BOOL, int: Parameter.Type.INTEGER, float: Parameter.Type.DOUBLE, str: Parameter.Type.STRING
    }  # fmt: skip
    shared = {each.name: each for each in fields(given)}
    for name in (f'{camera}.{own}' for camera in given.cameras for own in OWN):
        if not node.has_parameter(name):
            each = shared[name.partition('.')[2]]
            about = f'{each.metadata["meaning"]} Of this camera alone. It {UNCONFIGURED}.'
            declare_parameter(node, name, kinds[type(each.default)], ParameterDescriptor(description=about))


def given_to(node: Node, camera: str, given: Given) -> Given:
    """Return the parameters of one camera: those of all, and its own; raises ValueError that names the camera."""
    found = {own: node.get_parameter_or(f'{camera}.{own}').value for own in OWN} if camera else {}
    try:
        return replace(given, **{own: value for own, value in found.items() if value is not None})
    except ValueError as error:
        raise ValueError(f'{camera}.{error}') from None


def refuse_own(given: CamerasParameters, values: Mapping[str, Any]) -> None:
    """Raise ValueError, one sentence, if a camera's own parameter is to change while the node is configured."""
    for name in values:
        camera, _, own = name.partition('.')
        if camera in given.cameras and own in OWN:
            raise ValueError(f'{name} {UNCONFIGURED}: deactivate and clean up the node, then set it.')
