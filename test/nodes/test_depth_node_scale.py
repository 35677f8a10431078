# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node on a real graph with something beside the camera that knows metres."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import RELIABLE, Answer, a_header, a_picture, an_image, an_info, qos
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, PointField, Range

from dav2_ros.camera import Camera
from dav2_ros.nodes.conversions import depth_to_image
from dav2_ros.scale.pose import Pose

HEIGHT, WIDTH, F_PX = 48, 64, 60.0
CAMERA = Camera(WIDTH, HEIGHT, F_PX, F_PX, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
BESIDE = {'scale_extrinsics': 'parameters', 'scale_sensor_y_m': -0.2, 'scale_sensor_z_m': 0.1}
TO_SENSOR = Pose.from_rpy((0.0, -0.2, 0.1), (0.0, 0.0, 0.0)).of_bodies().inverse()
_headers_ns = itertools.count(1_800_000_000_000_000_000, 100_000_000)


def cloud(xyz_m: np.ndarray, header: Any, frame_id: str = 'lidar') -> PointCloud2:
    """Make a big-endian float64 cloud in the LiDAR's frame."""
    msg = PointCloud2(
        header=a_header_like(header, frame_id), height=1, width=len(xyz_m), point_step=24, is_bigendian=True
    )
    msg.fields = [PointField(name=n, offset=8 * i, datatype=PointField.FLOAT64, count=1) for i, n in enumerate('xyz')]
    msg.row_step = 24 * len(xyz_m)
    msg.data.frombytes(xyz_m.astype('>f8').tobytes())
    return msg


def a_header_like(header: Any, frame_id: str) -> Any:
    return type(header)(stamp=header.stamp, frame_id=frame_id)


class Robot:
    """A camera and a sensor: what the node says without the sensor is the world divided by the true scale."""

    def __init__(self, start, message: type | None, topic: str, **options: Any) -> None:
        self.process, self.peer = start(diagnostics_period_s=0.2, engine='torch', **options)
        self.sensor = self.peer.node.create_publisher(message, topic, qos(RELIABLE)) if message else None

    def see(self, make_sensed=None, *topics: str) -> Answer:
        """Show the picture with what the sensor says of the same moment, until the answer comes."""
        rgb = a_picture(seed=3)
        if make_sensed:
            self.peer.until(self.sensor.get_subscription_count, 'a subscription to the sensor')

        def make(header):
            header = a_header(next(_headers_ns))
            if make_sensed:
                self.sensor.publish(make_sensed(header))
                self.peer.spin(0.05)
            return an_image(rgb, header), an_info(header, f_px=F_PX)

        return self.peer.show(rgb, *topics, make=make)

    def until_trusted(self, make_sensed) -> Answer:
        for _ in range(20):
            answer = self.see(make_sensed)
            if answer['scale'].trusted:
                return answer
        raise AssertionError(f'never trusted: {answer["scale"].reason}')


@pytest.fixture
def robot(start) -> Iterator[Callable[..., Robot]]:
    """Yield a function that makes a robot; its node ends with the test, for two cores are few."""
    made: list[Robot] = []

    def make(*what: Any, **options: Any) -> Robot:
        made.append(Robot(start, *what, **options))
        return made[-1]

    yield make
    for each in made:
        each.process.close()


@pytest.fixture(scope='module')
def plain_z_m(start) -> np.ndarray:
    """The depth of the picture without any evidence."""
    robot = Robot(start, None, '')
    robot.peer.only('depth/image', 'scale', 'stats')
    answer = robot.see()
    assert (answer['scale'].applied, answer['scale'].source, answer['stats'].scale) == (1.0, 'none', 1.0)
    robot.process.close()
    return answer.z_m


def truth(plain_z_m: np.ndarray, scale: float) -> np.ndarray:
    """Return the points (N, 3) of a world that is `scale` times what the model says."""
    points = CAMERA.unproject(scale * plain_z_m)[::2, ::2].reshape(-1, 3)
    return points[np.isfinite(points).all(axis=1)]


def test_a_lidar_beside_the_camera_gives_right_metres(robot, plain_z_m) -> None:
    its = robot(PointCloud2, 'lidar', scale_source='lidar', **BESIDE)
    its.peer.only('depth/image', 'scale', 'stats', 'points')
    rng = np.random.default_rng(0)
    xyz_m = truth(plain_z_m, 1.6)
    wrong = rng.random(len(xyz_m)) < 0.2
    xyz_m[wrong] *= rng.uniform(1.5, 3.0, (wrong.sum(), 1))
    answer = its.until_trusted(lambda header: cloud(TO_SENSOR.apply(xyz_m), header))
    scale = answer['scale']
    assert scale.applied == pytest.approx(1.6, rel=0.02) and scale.value == scale.applied
    assert (scale.source, scale.reason, scale.age_s) == ('lidar', '', 0.0)
    assert 0 < scale.std_dev < 0.12 and 100 < scale.inliers < 0.95 * scale.total
    np.testing.assert_allclose(answer.z_m, scale.applied * plain_z_m, rtol=1e-5)
    assert answer['stats'].scale == scale.applied and answer['scale'].header == answer['depth/image'].header
    its.peer.statuses.clear()
    status = its.peer.until(lambda: next((s for s in its.peer.statuses), None), 'diagnostics')
    values = {v.key: v.value for v in status.values}
    assert values['scale source'] == 'lidar' and float(values['scale applied']) == pytest.approx(
        scale.applied, abs=1e-4
    )


def test_silence_is_told_and_the_range_is_in_right_metres(robot, plain_z_m) -> None:
    """Nothing on `lidar`: the calibrated scale is applied, with a warning; max_range_m cuts corrected depth."""
    far_m = 1.5 * float(np.median(plain_z_m[np.isfinite(plain_z_m)]))
    its = robot(PointCloud2, 'lidar', scale_source='lidar', scale_fixed=1.5, max_range_m=far_m)
    its.peer.only('depth/image', 'scale')
    answer = its.see()
    scale = answer['scale']
    assert (scale.applied, scale.trusted, math.isnan(scale.value), scale.age_s) == (1.5, False, True, math.inf)
    assert '/lidar: nothing has arrived' in scale.reason
    z_m = np.float32(1.5) * plain_z_m
    np.testing.assert_allclose(answer.z_m, np.where(z_m > far_m, np.inf, z_m), rtol=1e-5)
    warning = its.peer.status(b'\x01', 'a warning')
    assert 'No trusted scale from lidar, depth is multiplied by 1.500' in warning.message


def test_clocks_that_differ_and_clouds_that_are_none_are_told(robot, plain_z_m) -> None:
    its = robot(PointCloud2, 'lidar', scale_source='lidar', **BESIDE)
    its.peer.only('scale')
    late = a_header(1_500_000_000_000_000_000)
    its.see(lambda header: cloud(np.ones((50, 3)), late))
    scale = its.see(lambda header: cloud(np.ones((50, 3)), late))['scale']
    assert 's from the picture' in scale.reason and not scale.trusted

    def without_z(header):
        msg = cloud(np.ones((50, 3)), header)
        msg.fields = msg.fields[:2]
        return msg

    scale = its.see(without_z)['scale']
    assert 'it needs x, y and z' in scale.reason and scale.applied == 1.0


def test_a_scanner_gives_right_metres(robot, plain_z_m) -> None:
    its = robot(LaserScan, 'scan', scale_source='scan', scale_extrinsics='parameters')
    its.peer.only('depth/image', 'scale')
    points = CAMERA.unproject(0.7 * plain_z_m)[HEIGHT // 2]
    angles = np.linspace(-0.45, 0.45, 91)
    x = np.interp(-np.tan(angles), points[:, 0] / points[:, 2], points[:, 2])  # z along each ray

    def sensed(header):
        scan = LaserScan(header=a_header_like(header, 'laser'), angle_min=-0.45, angle_max=0.45, angle_increment=0.01)
        scan.range_min, scan.range_max = 0.05, 100.0
        scan.ranges = [float(each) for each in x / np.cos(angles)]
        return scan

    answer = its.until_trusted(sensed)
    assert answer['scale'].applied == pytest.approx(0.7, rel=0.05)
    np.testing.assert_allclose(answer.z_m, answer['scale'].applied * plain_z_m, rtol=1e-5)


def test_a_range_finder_is_believed_when_it_has_said_so_thrice(robot, plain_z_m) -> None:
    its = robot(Range, 'range', scale_source='range', scale_extrinsics='parameters')
    its.peer.only('scale')
    z_m = float(np.median(plain_z_m[22:26, 30:34]))

    def sensed(header):
        return Range(
            header=a_header_like(header, 'sonar'), field_of_view=0.0, min_range=0.05, max_range=99.0, range=2 * z_m
        )

    scales = [its.see(sensed)['scale']]
    while not scales[-1].trusted and len(scales) < 20:
        scales.append(its.see(sensed)['scale'])
    *before, trusted = scales
    assert sum('takes 7 %' in scale.reason for scale in before) >= 2 and {scale.applied for scale in before} == {1.0}
    assert trusted.applied == pytest.approx(2.0, rel=0.1) and (trusted.inliers, trusted.total) == (1, 1)


def test_another_cameras_depth_gives_right_metres(robot, plain_z_m) -> None:
    its = robot(Image, 'reference/image', scale_source='depth', scale_extrinsics='parameters')
    infos = its.peer.node.create_publisher(CameraInfo, 'reference/camera_info', qos(RELIABLE))
    its.peer.only('scale')

    def sensed(header):
        header = a_header_like(header, 'depth_optical')
        infos.publish(an_info(header, f_px=F_PX))
        return depth_to_image(np.float32(1.3) * plain_z_m, '16UC1', header)

    assert its.until_trusted(sensed)['scale'].applied == pytest.approx(1.3, rel=0.02)


def test_a_calibration_is_loaded_and_applied(robot, plain_z_m, tmp_path) -> None:
    """The file that `dav2 calibrate` writes; the model of the test is given on the command line, which wins."""
    file = tmp_path / 'calibration.yaml'
    file.write_text(
        '/**:\n  ros__parameters:\n    scale_source: fixed\n    scale_fixed: 1.25000\n    scale_shift_per_m: 0.010000\n'
    )
    its = robot(None, '', params_file=file)
    its.peer.only('depth/image', 'scale')
    answer = its.see()
    with np.errstate(divide='ignore'):
        np.testing.assert_allclose(answer.z_m, 1.0 / (1.0 / (1.25 * plain_z_m) + 0.01), rtol=1e-4)
    scale = answer['scale']
    assert (scale.applied, scale.source, scale.trusted) == (1.25, 'fixed', True)


def test_the_sensor_is_heard_only_while_somebody_wants_depth(robot) -> None:
    its = robot(PointCloud2, 'lidar', scale_source='lidar', scale_extrinsics='parameters')
    its.peer.spin(0.5)
    assert its.sensor.get_subscription_count() == 0
    its.peer.only('depth/image')
    its.peer.until(lambda: its.sensor.get_subscription_count() == 1, 'a subscription to the LiDAR')
    its.peer.only()
    its.peer.until(lambda: its.sensor.get_subscription_count() == 0, 'no subscription to the LiDAR')


def test_without_ground_the_height_of_the_camera_says_nothing(robot) -> None:
    """Depth of random weights has no plane under it, and the node says so."""
    its = robot(None, '', scale_source='height', scale_camera_height_m=1.2)
    its.peer.only('scale')
    scale = its.see()['scale']
    assert (scale.applied, scale.trusted) == (1.0, False) and 'no ground plane' in scale.reason


@pytest.mark.skipif(find_spec('tf2_ros') is not None, reason='tf2_ros is installed: TF can be had')
def test_tf_that_cannot_be_had_is_one_sentence(robot) -> None:
    its = robot(PointCloud2, 'lidar', scale_source='lidar', scale_extrinsics='tf')
    its.peer.subscribe('depth/image')
    status = its.peer.status(b'\x02', 'an error')
    assert 'tf2_ros is not installed' in status.message and 'set scale_extrinsics to parameters' in status.message


@pytest.mark.skipif(find_spec('tf2_ros') is None, reason='tf2_ros is not installed: it comes with ROS 2, not from PyPI')
def test_tf_tells_where_the_sensor_is(robot, plain_z_m) -> None:
    from geometry_msgs.msg import TransformStamped
    from tf2_ros import StaticTransformBroadcaster

    its = robot(PointCloud2, 'lidar', scale_source='lidar', scale_extrinsics='tf')
    its.peer.only('scale')
    xyz_m = truth(plain_z_m, 1.6) - np.array([0.3, 0.0, 0.0])  # a frame turned like the camera's, 0.3 m to its right
    unknown = its.see(lambda header: cloud(xyz_m, header))['scale']
    assert 'TF does not know' in unknown.reason
    transform = TransformStamped(child_frame_id='lidar')
    transform.header.frame_id = 'camera_optical_frame'
    transform.transform.translation.x = 0.3
    broadcaster = StaticTransformBroadcaster(its.peer.node)
    broadcaster.sendTransform(transform)
    scale = its.until_trusted(lambda header: cloud(xyz_m, header))['scale']
    assert scale.applied == pytest.approx(1.6, rel=0.02)
