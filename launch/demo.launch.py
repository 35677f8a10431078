# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bundled recording as a camera, and the depth node that watches it.

    ros2 launch dav2_ros demo.launch.py rviz:=true

The recording starts when somebody listens to an output of the node: RViz, or `ros2 topic hz /depth/image`. Arguments
of depth.launch.py, such as model:=..., may be given too.
"""

from __future__ import annotations

import sys

from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from dav2_ros.bags import DEMO_BAG
from launch import LaunchContext, LaunchDescription

IMAGE, INFO = '/camera/image', '/camera/camera_info'  # of the bundled recording


def generate_launch_description() -> LaunchDescription:
    """Start the node as depth.launch.py does, and the player."""
    depth = PathJoinSubstitution([FindPackageShare('dav2_ros'), 'launch', 'depth.launch.py'])
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', default_value=str(DEMO_BAG), description='Recording to play.'),
            DeclareLaunchArgument(
                'loop', default_value='true', description='true: again and again. false: once, then everything ends.'
            ),
            DeclareLaunchArgument('image', default_value=IMAGE, description='Its image topic, without /compressed.'),
            DeclareLaunchArgument('camera_info', default_value=INFO, description='Its camera_info topic.'),
            DeclareLaunchArgument(
                'input_transport', default_value='compressed', description='raw or compressed, as it was recorded.'
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource([depth])),
            OpaqueFunction(function=_play),
        ]
    )


def _play(context: LaunchContext) -> list[ExecuteProcess]:
    given = context.launch_configurations
    options = ['--loop'] if given['loop'].lower() == 'true' else []
    player = [sys.executable, '-m', 'dav2_ros.nodes.bag_player', given['bag'], *options]
    return [
        ExecuteProcess(cmd=player, name='bag_player', output='screen', on_exit=Shutdown(reason='the recording ended'))
    ]
