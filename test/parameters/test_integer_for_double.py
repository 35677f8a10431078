# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of type double takes an integer, wherever it is given; nothing else is taken for a number."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')

from rcl_interfaces.msg import ParameterType
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.parameter import Parameter

from dav2_ros.nodes.declare import declare, declare_own, parameters_of_camera
from dav2_ros.nodes.doubles import TakesIntegersForDoubles
from dav2_ros.parameter import NEVER, build, definitions, values_of
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.cameras import OWN
from dav2_ros.parameters.cloud import CloudNodeParameters
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.parameters.read import ParameterError, read_parameters

LAUNCH = Path(__file__).parents[2] / 'launch' / 'depth.launch.py'


def doubles_of(kind: type) -> list:
    return [each for each in definitions(kind).values() if isinstance(each.default, float)]


def whole(each) -> int:
    """Return an integer within the bounds of a parameter, another than its default where there is one."""
    low, high = each.bounds
    inside = [value for value in range(math.ceil(low), min(math.floor(high), 100) + 1) if value != each.default]
    return inside[-1] if inside else math.ceil(low)


@pytest.fixture
def a_node(graph):
    opened = []

    def make(**overrides) -> TakesIntegersForDoubles:
        given = [Parameter(name, value=value) for name, value in overrides.items()]
        node = TakesIntegersForDoubles('taker', context=graph, parameter_overrides=given)
        opened.append(node)
        return node

    yield make
    for node in opened:
        node.destroy_node()


@pytest.mark.parametrize('kind', [DepthNodeParameters, CloudNodeParameters])
def test_an_integer_at_start_is_the_double(a_node, kind) -> None:
    for each in doubles_of(kind):  # one by one: not all of these go together
        also = {'colour_far_m': 1000} if each.name == 'colour_near_m' else {}
        node = a_node(**{each.name: whole(each), **also})
        value = values_of(declare(node, kind))[each.name]
        assert (type(value), value) == (float, whole(each)), each.name
        stored, descriptor = node.get_parameter(each.name), node.describe_parameter(each.name)
        assert stored.type_ == Parameter.Type.DOUBLE and descriptor.type == ParameterType.PARAMETER_DOUBLE
        assert not descriptor.dynamic_typing
        assert descriptor.floating_point_range[0].to_value == each.bounds[1]
        assert descriptor.read_only == (each.changes == NEVER)
        node.destroy_node()


@pytest.mark.parametrize('together', [False, True])
@pytest.mark.parametrize('kind', [DepthNodeParameters, CloudNodeParameters])
def test_an_integer_set_later_is_the_double(a_node, kind, together: bool) -> None:
    node = a_node()
    declare(node, kind)
    for each in doubles_of(kind):
        if each.changes == NEVER:
            continue
        change = Parameter(each.name, value=whole(each))
        found = node.set_parameters_atomically([change]) if together else node.set_parameters([change])[0]
        assert found.successful, found.reason
        assert node.get_parameter(each.name).type_ == Parameter.Type.DOUBLE, each.name
        assert node.get_parameter(each.name).value == whole(each)


def test_an_integer_for_a_camera_of_its_own_is_the_double(a_node) -> None:
    own = [each for each in doubles_of(DepthNodeParameters) if each.name in OWN]
    node = a_node(**{f'front.{each.name}': whole(each) for each in own})
    given = build(DepthNodeParameters, {'cameras': ('front', 'rear')})
    declare_own(node, given)
    front = values_of(parameters_of_camera(node, 'front', given))
    assert own and all((type(front[each.name]), front[each.name]) == (float, whole(each)) for each in own)
    assert parameters_of_camera(node, 'rear', given) == given
    assert node.set_parameters([Parameter('rear.max_hfov_deg', value=90)])[0].successful
    assert node.get_parameter('rear.max_hfov_deg').value == 90.0


@pytest.mark.parametrize('wrong', [True, '10', [10]], ids=['bool', 'string', 'list'])
def test_nothing_else_is_taken_for_a_double(a_node, wrong) -> None:
    with pytest.raises(InvalidParameterTypeException):
        declare(a_node(max_range_m=wrong), DepthNodeParameters)
    with pytest.raises(InvalidParameterTypeException):
        declare_own(a_node(**{'front.max_hfov_deg': wrong}), build(DepthNodeParameters, {'cameras': ('front',)}))
    node = a_node()
    declare(node, DepthNodeParameters)
    found = node.set_parameters([Parameter('max_range_m', value=wrong)])[0]
    assert not found.successful and 'type' in found.reason
    assert node.get_parameter('max_range_m').value == 0.0


def test_an_integer_out_of_bounds_is_refused_as_its_double_is(a_node) -> None:
    with pytest.raises(ParameterException, match=r'max_range_m.*5000'):
        declare(a_node(max_range_m=5000), DepthNodeParameters)
    node = a_node()
    declare(node, DepthNodeParameters)
    assert not node.set_parameters([Parameter('max_range_m', value=5000)])[0].successful


def test_a_double_is_no_integer(a_node) -> None:
    """The other way round digits would be lost."""
    with pytest.raises(InvalidParameterTypeException):
        declare(a_node(cloud_stride=2.0), DepthNodeParameters)


def test_an_integer_in_a_bag_run_is_the_double(tmp_path: Path) -> None:
    for each in doubles_of(BagParameters):
        file = tmp_path / 'params.yaml'
        file.write_text(f'/**:\n  ros__parameters:\n    {each.name}: {whole(each)}\n')
        for given, _ in (
            read_parameters(BagParameters, None, [f'{each.name}:={whole(each)}']),
            read_parameters(BagParameters, file, []),
        ):
            value = values_of(given)[each.name]
            assert (type(value), value) == (float, whole(each)), each.name
    with pytest.raises(ParameterError, match='max_range_m is True'):
        read_parameters(BagParameters, None, ['max_range_m:=true'])


def test_an_integer_in_a_launch_argument_is_the_double() -> None:
    pytest.importorskip('launch_ros', reason='launch_ros is not installed (it comes with ROS)')
    from launch import LaunchContext

    spec = importlib.util.spec_from_file_location('depth_launch', LAUNCH)
    depth_launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(depth_launch)
    context = LaunchContext()
    for each in doubles_of(DepthNodeParameters):
        context.launch_configurations[each.name] = str(whole(each))
        value = depth_launch.typed(each.name).evaluate(context)
        assert (type(value), value) == (float, whole(each)), each.name


def test_a_node_runs_with_integers_from_the_command_line_and_a_file(start, tmp_path: Path) -> None:
    params = tmp_path / 'params.yaml'
    params.write_text('/**:\n  ros__parameters:\n    colour_far_m: 30\n')
    process, peer = start(params_file=params, max_range_m=10, diagnostics_period_s=1)
    assert (peer.get('max_range_m'), peer.get('colour_far_m')) == (10.0, 30.0)
    assert peer.set('max_range_m', 12) == (True, '')
    assert type(peer.get('max_range_m')) is float and peer.get('max_range_m') == 12.0
    taken, why = peer.set('max_range_m', True)
    assert not taken and why
    (described,) = peer.describe('max_range_m')
    assert described.type == ParameterType.PARAMETER_DOUBLE and described.floating_point_range
    assert process.is_alive and 'Traceback' not in process.log
