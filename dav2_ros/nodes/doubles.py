# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Accept integers for parameters of type double: rclpy would refuse `max_range_m:=10`, and end the node."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterType, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter


def declare_parameter(node: Node, name: str, default: Any, descriptor: ParameterDescriptor) -> Parameter:
    """Declare a parameter, by its default or its Parameter.Type; an integer given for a double is one.

    Raises rclpy's parameter exceptions, as `Node.declare_parameter` does.
    """
    try:
        return node.declare_parameter(name, default, descriptor)
    except InvalidParameterTypeException:
        is_double = isinstance(default, float) or default is Parameter.Type.DOUBLE
        if not is_double:
            raise
        given = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True)).value  # of any type
        node.undeclare_parameter(name)
        if type(given) is not int:  # a bool is an int to Python
            raise
        return node.declare_parameter(name, float(given), descriptor, ignore_override=True)


class TakesIntegersForDoubles(Node):
    """A node whose parameters of type double may be set to integers at run time, as by `ros2 param set`.

    The services of rclpy set parameters through these two methods, in all distributions.
    """

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set parameters one by one, see `Node.set_parameters`."""
        return super().set_parameters([self._as_declared(each) for each in parameter_list])

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all parameters or none, see `Node.set_parameters_atomically`."""
        return super().set_parameters_atomically([self._as_declared(each) for each in parameter_list])

    def _as_declared(self, given: Parameter) -> Parameter:
        if given.type_ != Parameter.Type.INTEGER or not self.has_parameter(given.name):
            return given
        is_double = self.describe_parameter(given.name).type == ParameterType.PARAMETER_DOUBLE
        return Parameter(given.name, Parameter.Type.DOUBLE, float(given.value)) if is_double else given
