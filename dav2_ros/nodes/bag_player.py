# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publish a recording in real time, read as it is played: `dav2 bag play` where there is no `ros2 bag`.

    python -m dav2_ros.nodes.bag_player [BAG] [--stamps now|recorded] [--clock HZ] [--rate 1.0] [--loop] ...

By default messages are stamped anew: now, so that whoever receives them can tell the latency; messages with one stamp
get one new stamp. With `--stamps recorded` they stay what they are, and `--clock` publishes the time of recording for
nodes with use_sim_time. Publishers are reliable, and latched where the recorder says so. It starts when every picture
topic has --wait-for subscribers, and prints `played 3 of 66` for each stamp of a picture.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CompressedImage, Image

from dav2_ros.bags import DEMO_BAG, BagError
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage, StoredTopic
from dav2_ros.bags.storage.writer import profiles
from dav2_ros.frames import ns_of

MATCHED_S = 0.3  # matched on this side; the other side may need a moment more before it receives
LATCHED_DEPTH = 100  # messages that a latecomer gets of a latched topic
CLOCK = '/clock'


def message_class(msgtype: str) -> type:
    """Import the message class of `package/msg/Name`."""
    package, _, name = msgtype.split('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)


class BagPlayer:
    """A recording, and a publisher for each of its topics whose messages this machine knows."""

    def __init__(self, node: Node, bag: BagReader, topics: list[str], clock_hz: float) -> None:
        self._node, self._bag = node, bag
        wanted = {topic: stored for topic, stored in bag.stored.items() if not topics or topic in topics}
        if missing := sorted(set(topics) - set(wanted)):
            raise BagError(f'{bag.path} has nothing on {", ".join(missing)}: it has {", ".join(sorted(bag.topics))}.')
        self._classes = {topic: kind for topic, stored in wanted.items() if (kind := self._class(stored))}
        self._publishers = {
            topic: node.create_publisher(kind, topic, _profile(wanted[topic])) for topic, kind in self._classes.items()
        }
        self._pictures = [
            t for t, kind in self._classes.items() if kind in (Image, CompressedImage) and 'depth' not in t
        ]
        self._total = max((wanted[topic].count for topic in self._pictures), default=0)
        self._tick_s = 1.0 / clock_hz if clock_hz else 0.0
        self._clock = node.create_publisher(message_class('rosgraph_msgs/msg/Clock'), CLOCK, 10) if clock_hz else None

    def _class(self, stored: StoredTopic) -> type | None:
        try:
            return None if stored.topic == CLOCK else message_class(stored.msgtype)
        except (ImportError, AttributeError, ValueError):
            self._node.get_logger().warning(f'{stored.topic} is left out: {stored.msgtype} is not installed.')
            return None

    def wait_for(self, subscribers: int, timeout_s: float) -> None:
        """Wait until every picture topic has so many; raises BagError after `timeout_s`."""
        end, names = time.monotonic() + timeout_s, ', '.join(self._pictures)
        while any(self._publishers[topic].get_subscription_count() < subscribers for topic in self._pictures):
            if time.monotonic() > end:
                raise BagError(f'{names} did not get {subscribers} subscribers in {timeout_s:g} s: start them.')
            rclpy.spin_once(self._node, timeout_sec=0.05)
        time.sleep(MATCHED_S)

    def play(self, *, rate: float, anew: bool, frames: int) -> None:
        """Publish every message once, at the pace of the recording times `rate`."""
        started, first_ns, played = time.monotonic(), None, 0
        for log_ns, moment in self._moments(anew):
            first_ns = log_ns if first_ns is None else first_ns
            self._wait(started + 1e-9 * (log_ns - first_ns) / rate, log_ns, rate)
            stamp = self._node.get_clock().now().to_msg()
            shown = any(recorded.topic in self._pictures for recorded, _ in moment)
            if shown and played == frames != 0:
                break
            for recorded, message in moment:
                self._publish(recorded, message, stamp if anew else None)
            played += shown
            if shown:
                print(f'played {played} of {min(self._total, frames or self._total)}', flush=True)
        time.sleep(MATCHED_S)  # let the last messages be acknowledged

    def _moments(self, anew: bool) -> Iterator[tuple[int, list[tuple[RecordedMessage, Any]]]]:
        """Yield the time of recording of messages that belong together, and those."""
        messages = ((each, self._message(each) if anew else None) for each in self._bag.raw(*self._classes))
        for _, group in groupby(messages, key=lambda pair: _moment_ns(*pair)):
            moment = list(group)
            yield moment[0][0].log_ns, moment

    def _message(self, recorded: RecordedMessage) -> Any:
        return deserialize_message(recorded.data, self._classes[recorded.topic])

    def _publish(self, recorded: RecordedMessage, message: Any, stamp: Any) -> None:
        if stamp is None:
            self._publishers[recorded.topic].publish(bytes(recorded.data))
            return
        for each in [message, *getattr(message, 'transforms', ())]:
            if hasattr(each, 'header'):
                each.header.stamp = stamp
        self._publishers[recorded.topic].publish(message)

    def _wait(self, until_s: float, log_ns: int, rate: float) -> None:
        """Sleep until the time of a message, and publish the clock meanwhile."""
        while self._clock:
            left_s = until_s - time.monotonic()
            now_ns = log_ns - max(0, int(1e9 * left_s * rate))
            message = message_class('rosgraph_msgs/msg/Clock')()
            message.clock.sec, message.clock.nanosec = divmod(now_ns, 1_000_000_000)
            self._clock.publish(message)
            if left_s <= self._tick_s:
                break
            time.sleep(self._tick_s)
        time.sleep(max(0.0, until_s - time.monotonic()))


def _moment_ns(recorded: RecordedMessage, message: Any) -> int:
    header = getattr(message, 'header', None)
    return ns_of(header.stamp) if header else recorded.log_ns


def _profile(stored: StoredTopic) -> QoSProfile:
    """Return a profile that every subscriber connects to."""
    latched = any(each.durability.name == 'TRANSIENT_LOCAL' for each in profiles(stored.qos))
    if latched:
        return QoSProfile(depth=LATCHED_DEPTH, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    return QoSProfile(depth=10)


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='bag_player', description='Publish a recording in real time.')
    parser.add_argument('bag', nargs='?', type=Path, default=DEMO_BAG, help='default: the bundled one')
    parser.add_argument('--frames', type=int, default=0, help='stop after so many stamps; 0: all')
    parser.add_argument('--wait-for', type=int, default=1, help='subscribers of each picture topic to wait for')
    parser.add_argument('--timeout-s', type=float, default=3600.0, help='how long to wait for them')
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    parser.add_argument('--rate', type=float, default=1.0, help='times as fast as it was recorded')
    parser.add_argument('--stamps', choices=('now', 'recorded'), default='now', help='stamps of what is published')
    parser.add_argument('--clock', type=float, default=0.0, metavar='HZ', help='publish /clock so often; 0: not')
    parser.add_argument('--topic', action='append', default=[], help='play only this one; repeat')
    choice = parser.parse_args(remove_ros_args(['', *args])[1:])
    if not choice.rate > 0 or not choice.clock >= 0:
        parser.error('--rate must be more than 0, and --clock not less.')
    return choice


def main(args: list[str] | None = None) -> int:
    """Play a recording."""
    args = sys.argv[1:] if args is None else args
    choice = _options(args)
    try:
        with BagReader(choice.bag) as bag:
            rclpy.init(args=args)
            player = BagPlayer(rclpy.create_node('bag_player'), bag, choice.topic, choice.clock)
            player.wait_for(choice.wait_for, choice.timeout_s)
            how = {'rate': choice.rate, 'anew': choice.stamps == 'now', 'frames': choice.frames}
            player.play(**how)
            while choice.loop:
                player.play(**how)
    except BagError as error:
        sys.exit(f'bag_player: {error}')
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
