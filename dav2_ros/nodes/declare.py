# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Declare the parameters of a node in ROS, with their descriptions and ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from dav2_ros.parameter import (
    NEVER,
    UNCONFIGURED,
    ParameterDefinition,
    build,
    change_time,
    choices_text,
    definitions,
    replaced,
)
from dav2_ros.parameters.cameras import OWN
from dav2_ros.parameters.node import DepthNodeParameters

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.node import Node

Declared = TypeVar('Declared')


def declare(node: Node, kind: type[Declared]) -> Declared:
    """Declare every parameter with its description and range, and return what the user gave.

    Raises ValueError for a value out of bounds, and rclpy's parameter exceptions for one of another type; an integer
    is a double.
    """
    return build(kind, {name: _declare(node, one, _descriptor(one)) for name, one in definitions(kind).items()})


def declare_own(node: Node, params: DepthNodeParameters) -> None:
    """Declare what each camera may have of its own; raises rclpy's parameter exceptions for a value of another type."""
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.parameter import Parameter

    from dav2_ros.nodes.doubles import declare_parameter

    kinds = {
        bool: Parameter.Type.BOOL, int: Parameter.Type.INTEGER, float: Parameter.Type.DOUBLE, str: Parameter.Type.STRING
    }  # fmt: skip
    shared = definitions(type(params))
    for camera in params.cameras.cameras:
        for own in OWN:
            if not node.has_parameter(f'{camera}.{own}'):
                about = f'{shared[own].meaning} Of this camera alone. It {UNCONFIGURED}.'
                kind = kinds[type(shared[own].default)]
                declare_parameter(node, f'{camera}.{own}', kind, ParameterDescriptor(description=about))


def parameters_of_camera(node: Node, camera: str, params: DepthNodeParameters) -> DepthNodeParameters:
    """Return the parameters of one camera: those of all, and its own; raises ValueError that names the camera."""
    own = {name: node.get_parameter_or(f'{camera}.{name}').value for name in OWN} if camera else {}
    try:
        return replaced(params, {name: value for name, value in own.items() if value is not None})
    except ValueError as error:
        raise ValueError(f'{camera}.{error}') from None


def _descriptor(one: ParameterDefinition) -> ParameterDescriptor:
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    descriptor = ParameterDescriptor(
        description=f'{one.meaning} It {change_time(one.changes)}.',
        additional_constraints=choices_text(one.choices),
        read_only=one.changes == NEVER,
    )
    if one.bounds and isinstance(one.default, int):
        low, high = one.bounds
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    elif one.bounds:
        low, high = one.bounds
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return descriptor


def _declare(node: Node, one: ParameterDefinition, descriptor: ParameterDescriptor) -> Any:
    from rclpy.parameter import Parameter

    from dav2_ros.nodes.doubles import declare_parameter

    if not isinstance(one.default, tuple):
        return declare_parameter(node, one.name, one.default, descriptor).value
    kind = Parameter.Type.STRING_ARRAY  # rclpy takes an empty list for bytes
    value = node.declare_parameter(one.name, kind, descriptor).value
    if value is None:
        node.set_parameters([Parameter(one.name, kind, [])])
    return tuple(value or ())
