# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""dav2 bag play: on the graph arrives what was recorded, at its pace, with the clock of the recording."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from recordings import a_drive, by_rosbags, stamp

from dav2_ros.bags.storage.reader import BagReader

ROOT = Path(__file__).parents[2]
FRAMES = 6


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return by_rosbags(tmp_path_factory.mktemp('play') / 'drive', a_drive(FRAMES))


def play(drive, *options) -> subprocess.Popen:
    command = [sys.executable, '-m', 'dav2_ros.commands.app', 'bag', 'play', str(drive), '--wait-for', '1', *options]
    env = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def listen(graph, player, seconds=400.0):
    """Return what arrives on the topics of the drive, and the clock, until the player ends."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image

    node = rclpy.create_node('listener', context=graph)
    executor = SingleThreadedExecutor(context=graph)
    executor.add_node(node)
    heard, raw = {}, {}
    kinds = {
        'image/compressed': CompressedImage,
        'camera_info': CameraInfo,
        'depth/image': Image,
    }
    for topic, kind in kinds.items():
        node.create_subscription(kind, f'/camera/{topic}', raw.setdefault(f'/camera/{topic}', []).append, 50, raw=True)
    node.create_subscription(Clock, '/clock', heard.setdefault('/clock', []).append, 1000)
    end = time.monotonic() + seconds
    while player.poll() is None and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
    for _ in range(20):
        executor.spin_once(timeout_sec=0.05)
    node.destroy_node()
    return raw, heard['/clock']


def whole(data: bytes) -> bytes:
    """Fill up to four bytes, as a middleware may on the wire."""
    return data + bytes(-len(data) % 4)


def test_every_byte_arrives_with_the_clock_of_the_recording(graph, drive):
    player = play(drive, '--clock', '50', '--rate', '0.5')
    try:
        raw, clock = listen(graph, player)
        assert player.wait(10) == 0, player.stdout.read()
    finally:
        player.kill()
    with BagReader(drive) as bag:
        for topic, found in raw.items():
            recorded = [bytes(each.data) for each in bag.raw(topic)][-len(found) :]
            assert found and [whole(data) for data in found] == [whole(data) for data in recorded], topic
    assert len(raw['/camera/image/compressed']) == FRAMES
    times = [message.clock.sec * 10**9 + message.clock.nanosec for message in clock]
    assert len(times) > 10 and times == sorted(times)
    assert stamp(-1) < times[0] and times[-1] < stamp(FRAMES)


def test_new_stamps_are_of_the_time_of_playing(graph, drive):
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import CompressedImage

    before_ns = time.time_ns()
    player = play(drive, '--stamps', 'now', '--topic', '/camera/image/compressed', '--rate', '4')
    try:
        raw, clock = listen(graph, player)
        assert player.wait(10) == 0, player.stdout.read()
    finally:
        player.kill()
    heads = [deserialize_message(data, CompressedImage).header.stamp for data in raw['/camera/image/compressed']]
    stamps = [head.sec * 10**9 + head.nanosec for head in heads]
    assert (
        len(stamps) == FRAMES
        and before_ns < stamps[0]
        and stamps == sorted(set(stamps))
        and stamps[-1] < time.time_ns()
    )
    assert not raw['/camera/camera_info'] and not clock


def test_a_topic_that_there_is_not_is_one_sentence(graph, drive):
    done = play(drive, '--topic', '/nothing')
    output = done.communicate(timeout=400)[0]
    assert done.returncode == 1 and 'has nothing on /nothing' in output and 'Traceback' not in output
