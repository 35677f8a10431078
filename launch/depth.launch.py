# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera, one depth node; many cameras start with cameras.launch.py, which includes this.

    ros2 launch dav2_ros depth.launch.py image:=/camera/image_raw

Every parameter of the node is an argument too (`--show-args` lists them). What the command line says wins over
`params_file`, which wins over the defaults in config/depth.yaml.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from dav2_ros.parameter import definitions
from dav2_ros.parameters.node import DepthNodeParameters
from launch import LaunchContext, LaunchDescription

ARGUMENTS = {
    'image': ('image', 'Topic of the camera image; with input_transport compressed still without /compressed.'),
    'camera_info': (
        '',
        'Topic of its calibration. Empty: camera_info beside the image topic, as image_transport has it.',
    ),
    'namespace': ('', 'Namespace of the node and its topics.'),
    'name': ('depth', 'Name of the node.'),
    'params_file': ('', 'YAML file with node parameters that differ from config/depth.yaml.'),
    'use_sim_time': ('', 'true: take the time from /clock. Empty: as in params_file, else false.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'rviz': ('false', 'true: also open RViz with config/dav2.rviz.'),
    'rviz_frame': ('camera_optical_frame', "Fixed frame of RViz: the frame_id of the camera's images."),
}
PARAMETERS = definitions(DepthNodeParameters)


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the node with those that were given."""
    own = [
        DeclareLaunchArgument(name, default_value=default, description=meaning)
        for name, (default, meaning) in ARGUMENTS.items()
    ]
    of_the_node = [
        DeclareLaunchArgument(name, default_value='', description=_describe(each)) for name, each in PARAMETERS.items()
    ]
    return LaunchDescription([*own, *of_the_node, OpaqueFunction(function=_start)])


def _describe(parameter) -> str:
    choices = [repr(choice) for choice in parameter.choices if choice]
    listed = f' One of {", ".join(choices)}.' if choices else ''
    return f'{parameter.meaning}{listed} Empty: as in params_file.'


def _start(context: LaunchContext) -> list[Node]:
    given = {name: value for name, value in context.launch_configurations.items() if value}
    if 'params_file' in given and not Path(given['params_file']).is_file():  # launch_ros would only warn
        raise RuntimeError(f'params_file {given["params_file"]} is not a file: give the path of a YAML file.')
    remappings = topics_of(given)
    share = FindPackageShare('dav2_ros')
    # the file first, the arguments last: each layer wins over those before it
    parameters = [PathJoinSubstitution([share, 'config', 'depth.yaml'])]
    parameters += [given['params_file']] if 'params_file' in given else []
    parameters += [{name: typed(name) for name in (*PARAMETERS, 'use_sim_time') if name in given}]
    namespace = given.get('namespace', '')
    depth = Node(
        package='dav2_ros',
        executable='depth_node',
        namespace=namespace,
        name=given['name'],
        parameters=parameters,
        remappings=remappings,
        arguments=['--ros-args', '--log-level', given['log_level']],
        output='screen',
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        namespace=namespace,
        remappings=remappings,
        arguments=['-d', PathJoinSubstitution([share, 'config', 'dav2.rviz']), '-f', given['rviz_frame']],
        condition=IfCondition(LaunchConfiguration('rviz')),
    )
    return [depth, rviz]


def typed(name: str) -> ParameterValue:
    """Give an argument the type of its parameter: 20 for a float is 20.0, 1 for a string stays text."""
    kind = type(PARAMETERS[name].default) if name in PARAMETERS else bool
    kind = list[str] if kind is tuple else kind
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def topics_of(given: dict[str, str]) -> list[tuple[str, str]]:
    """Return how the node's topics are named: those of its camera, or of each of its cameras."""
    image, info = given['image'], given.get('camera_info') or camera_info_of(given['image'])
    cameras = yaml.safe_load(given.get('cameras', '[]'))
    if not isinstance(cameras, list):
        raise RuntimeError(f'cameras is {given["cameras"]}: put the names in brackets, cameras:=[front,rear].')
    if not cameras:
        return [('image', image), ('camera_info', info)]
    if '{camera}' not in image or '{camera}' not in info:
        raise RuntimeError(f'image is {image}, camera_info {info}: put {{camera}} where the name of a camera belongs.')
    of_each = {'image': image, 'camera_info': info}
    return [
        (f'{camera}/{own}', topic.replace('{camera}', str(camera)))
        for camera in cameras
        for own, topic in of_each.items()
    ]


def camera_info_of(image: str) -> str:
    """Return the camera_info topic that belongs to an image topic: its sibling (image_transport)."""
    if image.endswith(('/compressed', '/raw')):
        base = image.rpartition('/')[0]
        raise RuntimeError(f'image is {image}: name the base topic, image:={base} input_transport:=compressed.')
    return f'{image.rpartition("/")[0]}/camera_info' if '/' in image else 'camera_info'
