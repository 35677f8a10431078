# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the depth node, once: default, bounds, meaning, and when it may change.

ROS declarations, checks and config/depth.yaml are derived from the dataclass; `python -m dav2_ros.nodes.parameters`
writes the YAML again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dav2_ros.confidence import VARIANTS
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import OUTPUTS, PRECISIONS
from dav2_ros.models.info import KINDS
from dav2_ros.models.registry import BUNDLED
from dav2_ros.network.presets import PRESETS
from dav2_ros.nodes.cloud_parameters import CloudParameters
from dav2_ros.nodes.parameter import ANY_TIME, NEVER, Changeable, check, parameter
from dav2_ros.nodes.scale_parameters import ScaleParameters

if TYPE_CHECKING:
    from rclpy.node import Node

Declared = TypeVar('Declared')
TURNS = {'none': 0, 'left': 1, 'half': 2, 'right': 3}  # quarters, counter-clockwise


@dataclass(frozen=True)
class FrameParameters:
    """What happens to a frame. Raises ValueError, one sentence, for values out of bounds."""

    autostart: bool = parameter(True, 'Configure and activate without being asked.', changes=NEVER)
    diagnostics_period_s: float = parameter(
        1.0, 'Time between two messages on /diagnostics.', changes=NEVER, bounds=(0.1, 60.0)
    )
    model: str = parameter(BUNDLED, 'Name of a model (dav2 models list), or path of a .pth or .safetensors file.')
    model_kind: str = parameter('', 'Kind of a file that we do not know; empty if we do.', choices=('', *KINDS))
    model_preset: str = parameter('', 'Preset of a file that we do not know.', choices=('', *PRESETS))
    model_max_depth_m: float = parameter(
        0.0, 'Maximum depth that a file we do not know was trained with; 0 if we know it.', bounds=(0.0, 1000.0)
    )
    model_f_train_px: float = parameter(
        0.0, 'Focal length that a file we do not know was trained with, short side 518; 0: unknown.', bounds=(0.0, 1e5)
    )
    engine: str = parameter(
        'auto', 'What runs the network; auto: the fastest that is proved on this machine.', choices=('auto', *ENGINES)
    )
    device: str = parameter('auto', "Device of the engine: auto, cpu, gpu (Intel's), cuda, cuda:1 ...")
    precision: str = parameter('auto', 'Arithmetic of the engine.', choices=('auto', *PRECISIONS))
    threads: int = parameter(0, 'CPU threads of PyTorch; 0: as many as it likes.', bounds=(0, 256))
    input_size: int = parameter(
        0,
        'Short side of the network input in pixels; 0: as in training. Smaller: faster, less sharp.',
        bounds=(0, 4096),
    )
    input_transport: str = parameter(
        'raw', 'Subscribe to `image`, or to `image`/compressed.', choices=('raw', 'compressed')
    )
    rectified_input: bool = parameter(False, 'The image is rectified: P describes it, not K and D.')
    rectify: bool = parameter(
        False, 'Undo lens distortion first: depth, camera_info and points are then those of a pinhole (P, D zero).'
    )
    max_hfov_deg: float = parameter(
        100.0,
        'With rectify: a wider camera is cut to a centred pinhole that sees this much across.',
        bounds=(20.0, 150.0),
    )
    turn_upright: str = parameter(
        'none',
        'How an image is turned to stand upright, for a camera on its head (half) or side; for the network only.',
        choices=tuple(TURNS),
    )
    focal_correction: str = parameter(
        'auto',
        "Scale depth by this camera's focal length over that of training; auto: for models trained for it.",
        choices=('auto', 'always', 'never'),  # not on and off: YAML takes those for booleans
    )
    assumed_hfov_deg: float = parameter(
        60.0, 'Horizontal field of view to correct for while the camera is not calibrated.', bounds=(1.0, 179.0)
    )
    depth_encoding: str = parameter(
        '32FC1', '32FC1: metres, NaN unknown, +inf beyond range. 16UC1: millimetres, 0 for both.',
        choices=('32FC1', '16UC1'),
    )  # fmt: skip
    output_size: str = parameter(
        'camera',
        "Resolution of all outputs: the camera's, or the network's, which is smaller and loses nothing.",
        choices=OUTPUTS,
    )
    depth_stride: int = parameter(1, 'Publish every n-th pixel of every n-th row of depth and colour.', bounds=(1, 16))
    max_range_m: float = parameter(
        0.0,
        'Depth beyond this becomes +inf; 0: the range of the model.',
        changes=ANY_TIME,
        bounds=(0.0, 1000.0),
    )
    confidence: str = parameter(
        'cheap', 'What confidence is made of: cheap, of the depth map; full, of a second look at the mirrored image.',
        changes=ANY_TIME, choices=VARIANTS,
    )  # fmt: skip
    min_confidence: float = parameter(
        0.0, 'Depth less sure than this becomes NaN; 0: all stays.', changes=ANY_TIME, bounds=(0.0, 1.0)
    )
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
class DepthNodeParameters(ScaleParameters, CloudParameters, FrameParameters, Changeable):
    """The parameters of the depth node. Raises ValueError, one sentence, for values that no node can have."""


def declare(node: Node, kind: type[Declared] = DepthNodeParameters) -> Declared:
    """Declare every parameter with its description and range, and return what the user gave.

    Raises ValueError for a value out of bounds, and rclpy's parameter exceptions for one of another type.
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
        values[each.name] = node.declare_parameter(each.name, each.default, descriptor).value
    return kind(**values)


def to_yaml() -> str:
    """Return config/depth.yaml: every parameter at its default, with its meaning."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 The dav2_ros authors',
        '# SPDX-License-Identifier: Apache-2.0',
        '# Every parameter of the depth node at its default. Derived from the code: write it again with',
        '# `python -m dav2_ros.nodes.parameters`, or copy it and keep the lines that you change.',
        '/**:',
        '  ros__parameters:',
    ]
    for each in fields(DepthNodeParameters):
        about = each.metadata
        notes = [about['meaning']]
        notes += [f'From {about["bounds"][0]} to {about["bounds"][1]}.'] if about['bounds'] else []
        notes += [f'{_choices(about["choices"])}.'] if about['choices'] else []
        notes += [f'It {_changes(about["changes"])}.']
        lines += [f'    # {" ".join(notes)}', f'    {each.name}: {json.dumps(each.default)}']
    return '\n'.join(lines) + '\n'


def _changes(when: str) -> str:
    return f'is {when}' if when == NEVER else when


def _choices(choices: tuple[str, ...]) -> str:
    return f'One of {", ".join(map(json.dumps, choices))}' if choices else ''


if __name__ == '__main__':
    (Path(__file__).parents[2] / 'config' / 'depth.yaml').write_text(to_yaml())
