# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the depth node of an install prefix as a workspace would, feed it images, and stop it.

Usage: python3 check_node.py PREFIX, in a shell that has sourced the workspace's setup file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

NODE = '/check/depth'
WIDTH, HEIGHT = 160, 120


def main(prefix: Path) -> int:
    """Check one thing after the other, one line each; the first that fails ends the program."""
    os.environ.setdefault('ROS_DOMAIN_ID', str(100 + os.getpid() % 100))
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    import dav2_ros.msg
    import dav2_training

    check('dav2_ros.msg is the built one', prefix in Path(dav2_ros.msg.__file__).parents)
    check('dav2_training is the built one', prefix in Path(dav2_training.__file__).parents)
    namespace, name = NODE.rsplit('/', 1)
    command = [prefix / 'lib/dav2_ros/depth_node', '--ros-args', '-r', f'__ns:={namespace}', '-r', f'__node:={name}']
    node = subprocess.Popen([str(part) for part in command])
    try:
        talk_to(node)
        node.send_signal(signal.SIGINT)
        check('SIGINT ends the node in order', node.wait(timeout=30) == 0)
    finally:
        node.kill()
    return 0


def talk_to(process: subprocess.Popen):
    """Wait until the node is active, show it a grey wall, and read its health line."""
    import rclpy
    from lifecycle_msgs.msg import State
    from lifecycle_msgs.srv import GetState
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image

    from dav2_ros.msg import InferenceStats

    rclpy.init()
    me = rclpy.create_node('check')
    state = me.create_client(GetState, f'{NODE}/get_state')

    def is_active() -> bool:
        check('the built node keeps running', process.poll() is None, quiet=True)
        if not state.wait_for_service(timeout_sec=0.5):
            return False
        answer = state.call_async(GetState.Request())
        rclpy.spin_until_future_complete(me, answer, timeout_sec=2)
        return answer.done() and answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE

    check('the built node becomes active', wait_for(is_active, timeout_s=90))
    received = []
    me.create_subscription(InferenceStats, '/check/stats', received.append, 10)
    images = me.create_publisher(Image, '/check/image', qos_profile_sensor_data)
    infos = me.create_publisher(CameraInfo, '/check/camera_info', qos_profile_sensor_data)

    def has_answered() -> bool:
        image, info = a_frame(me.get_clock().now().to_msg())
        infos.publish(info)
        images.publish(image)
        rclpy.spin_once(me, timeout_sec=0.2)
        return bool(received)

    check('an image makes it publish InferenceStats', wait_for(has_answered, timeout_s=60))
    print(f'colcon-check: {received[0].model} on {received[0].engine}, engine {received[0].engine_ms:.1f} ms')
    rclpy.shutdown()


def a_frame(stamp):
    """Make a grey image and the calibration of its camera."""
    from sensor_msgs.msg import CameraInfo, Image

    image = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
    image.data.frombytes(bytes([128]) * (3 * WIDTH * HEIGHT))
    info = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob', d=[0.0] * 5)
    info.k = [150.0, 0.0, WIDTH / 2, 0.0, 150.0, HEIGHT / 2, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [150.0, 0.0, WIDTH / 2, 0.0, 0.0, 150.0, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    for message in (image, info):
        message.header.stamp = stamp
        message.header.frame_id = 'camera'
    return image, info


def wait_for(condition, *, timeout_s: float) -> bool:
    """Ask until the condition holds or the time is over."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def check(what: str, holds: bool, *, quiet: bool = False):
    """Print one line; leave when it does not hold."""
    if not holds:
        raise SystemExit(f'colcon-check: {what}: FAILED')
    if not quiet:
        print(f'colcon-check: {what}: passed', flush=True)


if __name__ == '__main__':
    raise SystemExit(main(Path(sys.argv[1])))
