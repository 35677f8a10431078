# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the depth node, once: default, bounds, meaning, and when it may change.

ROS declarations, checks, config/*.yaml and docs/parameters.md are derived from the dataclasses;
`python -m dav2_ros.nodes.parameters` writes the files again.
"""

from __future__ import annotations

import json
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dav2_ros.cloud_parameters import CloudNodeParameters, CloudParameters
from dav2_ros.estimator_parameters import EstimatorParameters
from dav2_ros.nodes.camera_parameters import OWN, CamerasParameters
from dav2_ros.parameter import ANY_TIME, NEVER, Changeable, check, parameter
from dav2_ros.scale.parameters import ScaleParameters

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.node import Node

Declared = TypeVar('Declared')


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


def declare(node: Node, kind: type[Declared] = DepthNodeParameters) -> Declared:
    """Declare every parameter with its description and range, and return what the user gave.

    Raises ValueError for a value out of bounds, and rclpy's parameter exceptions for one of another type; an integer
    is a double.
    """
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    values = {}
    for each in fields(kind):
        about = each.metadata
        descriptor = ParameterDescriptor(
            description=f'{about["meaning"]} It {_changes(about["changes"])}.',
            additional_constraints=_choices(about['choices']),
            read_only=about['changes'] == NEVER,
        )
        if about['bounds'] and isinstance(each.default, int):
            low, high = about['bounds']
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        elif about['bounds']:
            low, high = about['bounds']
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
        values[each.name] = _declare(node, each, descriptor)
    return kind(**values)


def _declare(node: Node, each: Field, descriptor: ParameterDescriptor) -> Any:
    from rclpy.parameter import Parameter

    from dav2_ros.nodes.doubles import declare_parameter

    if not isinstance(each.default, tuple):
        return declare_parameter(node, each.name, each.default, descriptor).value
    kind = Parameter.Type.STRING_ARRAY  # rclpy takes an empty list for bytes
    given = node.declare_parameter(each.name, kind, descriptor).value
    if given is None:
        node.set_parameters([Parameter(each.name, kind, [])])
    return tuple(given or ())


def to_yaml(kind: type = DepthNodeParameters, what: str = 'depth') -> str:
    """Return config/depth.yaml, or that of another node: every parameter at its default, with its meaning."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 The dav2_ros authors',
        '# SPDX-License-Identifier: Apache-2.0',
        f'# Every parameter of the {what} node at its default. Derived from the code: write it again with',
        '# `python -m dav2_ros.nodes.parameters`, or copy it and keep the lines that you change.',
        '/**:',
        '  ros__parameters:',
    ]
    for each in fields(kind):
        about = each.metadata
        notes = [about['meaning']]
        notes += [f'From {about["bounds"][0]} to {about["bounds"][1]}.'] if about['bounds'] else []
        notes += [f'{_choices(about["choices"])}.'] if about['choices'] else []
        notes += [f'It {_changes(about["changes"])}.']
        lines += [f'    # {" ".join(notes)}', f'    {each.name}: {json.dumps(each.default)}']
    return '\n'.join(lines) + '\n'


PAGE = """# Parameters

<!-- made from the code: python -m dav2_ros.nodes.parameters -->

Those marked with * can change at any time and take effect on the next frame. Those marked with † are fixed at start.
The others can change while the node is unconfigured. Each is also an argument of `depth.launch.py`. What the command
line says wins over `params_file`, which wins over `config/depth.yaml`, where all of them stand at their defaults. A
value out of bounds is refused with a sentence, at start and later. Where the default has a decimal point, an integer is
taken too.

## The depth node

"""
OF_CAMERAS = """
With [many cameras](cameras.md) these may differ from camera to camera, with the camera's name before them, as
`front.turn_upright`: {}. They are then fixed while the node is configured.

## The cloud node

`dav2_ros.nodes.cloud_node`, its defaults in `config/cloud.yaml`:

"""


def to_markdown() -> str:
    """Return docs/parameters.md: every parameter of both nodes with default, bounds or choices, and meaning."""
    own = ', '.join(f'`{name}`' for name in OWN)
    return PAGE + _table(DepthNodeParameters) + OF_CAMERAS.format(own) + _table(CloudNodeParameters)


def _table(kind: type) -> str:
    rows = ['| parameter | default | may be | |', '|---|---|---|---|']
    for each in fields(kind):
        about, mark = each.metadata, {ANY_TIME: '*', NEVER: '†'}.get(each.metadata['changes'], '')
        may_be = ', '.join(f'`{choice}`' if choice else 'empty' for choice in about['choices'])
        may_be = f'{about["bounds"][0]} to {about["bounds"][1]}' if about['bounds'] else may_be
        rows.append(f'| `{each.name}`{mark} | `{json.dumps(each.default)}` | {may_be} | {about["meaning"]} |')
    return '\n'.join(rows) + '\n'


def _changes(when: str) -> str:
    return f'is {when}' if when == NEVER else when


def _choices(choices: tuple[str, ...]) -> str:
    return f'One of {", ".join(map(json.dumps, choices))}' if choices else ''


if __name__ == '__main__':
    root = Path(__file__).parents[2]
    (root / 'config/depth.yaml').write_text(to_yaml())
    (root / 'config/cloud.yaml').write_text(to_yaml(CloudNodeParameters, 'cloud'))
    (root / 'docs/parameters.md').write_text(to_markdown())
