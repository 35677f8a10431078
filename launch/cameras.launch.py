# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Many cameras, one depth node, one engine.

    ros2 launch dav2_ros cameras.launch.py cameras:=[front,rear] image:=/{camera}/image_raw

Each camera has its topics below its name: /front/depth/image, /front/points ... Arguments of depth.launch.py, such as
model:=..., may be given too; what one camera has of its own is in params_file (docs/cameras.md).
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Start the node as depth.launch.py does, with other defaults."""
    depth = PathJoinSubstitution([FindPackageShare('dav2_ros'), 'launch', 'depth.launch.py'])
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'cameras', default_value='[front,left,right,rear]', description='Names of the cameras, in brackets.'
            ),
            DeclareLaunchArgument(
                'image', default_value='{camera}/image', description='Image topic of each camera; {camera} is its name.'
            ),
            DeclareLaunchArgument(
                'camera_info',
                default_value='',
                description='Calibration topic of each camera; {camera} is its name. Empty: beside the image topic.',
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource([depth])),
        ]
    )
