# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Declare the parameters of a node in ROS, with their descriptions and ranges."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from dav2_ros.parameter import NEVER, UNCONFIGURED, change_time, choices_text
from dav2_ros.parameters.cameras import OWN, CamerasParameters
from dav2_ros.parameters.node import DepthNodeParameters

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.node import Node

Declared = TypeVar('Declared')


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
            description=f'{about["meaning"]} It {change_time(about["changes"])}.',
            additional_constraints=choices_text(about['choices']),
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
