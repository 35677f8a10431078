# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find the pose of the sensor that knows metres from the camera: by TF where tf2_ros is installed, or by parameters."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from dav2_ros.frames import is_same_frame
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.reference_sensor import stated_pose

try:
    import tf2_ros
except ImportError:  # there are no wheels of it
    tf2_ros = None


class ParameterPose:
    """The pose that the parameters state, whatever the frames are called."""

    def __init__(self, params: ScaleParameters) -> None:
        self._pose = stated_pose(params, sensor_is_optical=params.scale_source == 'depth')

    def of(self, sensor: Header, camera_frame: str) -> Pose:
        """Return it."""
        return self._pose

    def close(self) -> None:
        """Nothing is held."""


class TfPose:
    """The pose that TF knows at the time of a measurement, or at its latest if that is not known yet."""

    def __init__(self, node: Node) -> None:
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def of(self, sensor: Header, camera_frame: str) -> Pose:
        """Look the pose up; raises ValueError, one sentence, if TF does not connect the two frames."""
        found = None
        for at in (Time.from_msg(sensor.stamp), Time()):
            try:
                found = self._buffer.lookup_transform(camera_frame, sensor.frame_id, at).transform
                break
            except tf2_ros.TransformException as error:
                why = ' '.join(str(error).split())
        if found is None:
            raise ValueError(f'TF does not know {sensor.frame_id!r} from {camera_frame!r} ({why}): publish it, or set '
                             'scale_extrinsics to parameters')  # fmt: skip
        t, q = found.translation, found.rotation
        return Pose.from_quaternion((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))

    def close(self) -> None:
        """Leave /tf and /tf_static."""
        self._listener.unregister()


def find_poses(node: Node, params: ScaleParameters) -> ParameterPose | TfPose:
    """Choose where poses come from; raises ValueError if TF is asked for and cannot be had."""
    if params.scale_extrinsics == 'parameters':
        return ParameterPose(params)
    if tf2_ros is not None:
        return TfPose(node)
    missing = 'tf2_ros is not installed (apt: ros-$ROS_DISTRO-tf2-ros; PyPI has none)'
    if params.scale_extrinsics == 'tf':
        raise ValueError(f'{missing}: install it, or set scale_extrinsics to parameters.')
    node.get_logger().info(f'{missing}: the pose of the sensor is that of the parameters scale_sensor_*.')
    return ParameterPose(params)


def pose_of(poses: ParameterPose | TfPose, sensor: Header, camera_frame: str) -> Pose:
    """Return the pose of a measurement; one that is in the camera's frame already stays as it is."""
    if camera_frame and is_same_frame(sensor.frame_id, camera_frame):
        return Pose.identity()
    return poses.of(sensor, camera_frame)
