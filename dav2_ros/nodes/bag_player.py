# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publish a recording in real time, stamped anew: now, so that whoever receives it can tell the latency.

    python -m dav2_ros.nodes.bag_player [BAG] [--frames N] [--wait-for N] [--loop] [--ros-args ...]

All messages with one stamp get one new stamp. Reliable publishers, so that a best-effort and a reliable subscriber
connect. It starts when every picture topic has --wait-for subscribers, and prints `played 3 of 66` for each stamp.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CompressedImage, Image

from dav2_ros.bags import DEMO_BAG, BagError
from dav2_ros.bags.reader import BagReader, Recorded

MATCHED_S = 0.3  # matched on this side; the other side may need a moment more before it receives


def message_class(msgtype: str) -> type:
    """Import the message class of `package/msg/Name`."""
    package, _, name = msgtype.split('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)


class Player:
    """A recording in memory, and a publisher for each of its topics."""

    def __init__(self, node: Node, recorded: list[Recorded], frames: int) -> None:
        self._node = node
        classes = {each.topic: message_class(each.msgtype) for each in recorded}
        self._publishers = {t: node.create_publisher(kind, t, QoSProfile(depth=10)) for t, kind in classes.items()}
        self._pictures = [t for t, kind in classes.items() if kind in (Image, CompressedImage) and 'depth' not in t]
        messages = [(each.topic, deserialize_message(each.data, classes[each.topic])) for each in recorded]
        messages.sort(key=lambda pair: _stamp_ns(pair[1]))  # stable: what shares a stamp keeps its order
        moments = [(at_ns, list(group)) for at_ns, group in groupby(messages, key=lambda pair: _stamp_ns(pair[1]))]
        self._moments = moments[: frames or None]

    def wait_for(self, subscribers: int, timeout_s: float) -> None:
        """Wait until every picture topic has so many; raises BagError after `timeout_s`."""
        end, names = time.monotonic() + timeout_s, ', '.join(self._pictures)
        while any(self._publishers[topic].get_subscription_count() < subscribers for topic in self._pictures):
            if time.monotonic() > end:
                raise BagError(f'{names} did not get {subscribers} subscribers in {timeout_s:g} s: start them.')
            rclpy.spin_once(self._node, timeout_sec=0.05)
        time.sleep(MATCHED_S)

    def play(self) -> None:
        """Publish every message once, at the pace of the stamps."""
        started, first_ns = time.monotonic(), self._moments[0][0]
        for number, (at_ns, messages) in enumerate(self._moments, 1):
            time.sleep(max(0.0, started + 1e-9 * (at_ns - first_ns) - time.monotonic()))
            stamp = self._node.get_clock().now().to_msg()
            for topic, message in messages:
                message.header.stamp = stamp
                self._publishers[topic].publish(message)
            print(f'played {number} of {len(self._moments)}', flush=True)
        time.sleep(MATCHED_S)  # let the last messages be acknowledged


def _stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def main(args: list[str] | None = None) -> int:
    """Play a recording."""
    args = sys.argv[1:] if args is None else args
    parser = argparse.ArgumentParser(prog='bag_player', description='Publish a recording in real time.')
    parser.add_argument('bag', nargs='?', type=Path, default=DEMO_BAG, help='default: the bundled one')
    parser.add_argument('--frames', type=int, default=0, help='stop after so many stamps; 0: all')
    parser.add_argument('--wait-for', type=int, default=1, help='subscribers of each picture topic to wait for')
    parser.add_argument('--timeout-s', type=float, default=3600.0, help='how long to wait for them')
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    choice = parser.parse_args(remove_ros_args(['', *args])[1:])
    try:
        with BagReader(choice.bag) as bag:
            recorded = list(bag.raw())
    except BagError as error:
        sys.exit(f'bag_player: {error}')
    rclpy.init(args=args)
    try:
        node = rclpy.create_node('bag_player')
        player = Player(node, recorded, choice.frames)
        player.wait_for(choice.wait_for, choice.timeout_s)
        player.play()
        while choice.loop:
            player.play()
    except BagError as error:
        sys.exit(f'bag_player: {error}')
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
