# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Record topics into an MCAP recording, each message with the time at which it was received.

    python -m dav2_ros.nodes.bag_recorder OUT --topic /depth/image --topic /points:8 [--quiet-s 2] [--ros-args ...]

`/points:8` keeps every eighth message of it. A topic is subscribed to when somebody publishes it. The recording is
whole when the process ends: on SIGINT, or after --quiet-s without any message.
"""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.utilities import remove_ros_args

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.nodes.bag_player import message_class

# names of ROS IDL in Python's descriptions of messages, where they differ from those of .msg files
IDL_NAMES = {'float': 'float32', 'double': 'float64', 'boolean': 'bool', 'octet': 'byte'}


def definition(kind: type[Any]) -> str:
    """Return the .msg text of a message class: what a recording needs to explain a type of our own."""
    lines = []
    for name, idl in kind.get_fields_and_field_types().items():
        inner, _, length = idl.removeprefix('sequence<').removesuffix('>').partition('[')
        suffix = '[]' if idl.startswith('sequence<') else f'[{length}' if length else ''
        lines.append(f'{IDL_NAMES.get(inner, inner)}{suffix} {name}')
    return '\n'.join(lines) + '\n'


class BagRecorder:
    """Subscriptions on one side, a thread that writes on the other: writing never delays a time of arrival."""

    def __init__(self, node: Node, wanted: dict[str, int], bag: BagWriter) -> None:
        self._node, self._wanted, self._bag = node, dict(wanted), bag
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._seen = dict.fromkeys(wanted, 0)
        self._failure: Exception | None = None
        self.last_s: float | None = None  # when the last message came
        node.create_timer(0.1, self._look)
        self._thread = threading.Thread(target=self._write, name='writer')
        self._thread.start()

    def _look(self) -> None:
        """Subscribe to what has appeared since the last look."""
        for topic, types in self._node.get_topic_names_and_types():
            publishers = self._node.get_publishers_info_by_topic(topic) if topic in self._wanted else []
            if not publishers:
                continue
            every, kind = self._wanted.pop(topic), message_class(types[0])
            reliable = all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)
            profile = QoSProfile(
                depth=100, reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
            )
            receive = partial(self._receive, topic, types[0], definition(kind), every)
            self._node.create_subscription(kind, topic, receive, profile, raw=True)

    def _receive(self, topic: str, msgtype: str, text: str, every: int, data: bytes) -> None:
        now_ns = time.time_ns()
        self.last_s = time.monotonic()
        if self._seen[topic] % every == 0:
            self._queue.put((topic, msgtype, data, now_ns, text))
        self._seen[topic] += 1

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            topic, msgtype, data, now_ns, text = item
            try:
                self._bag.write_raw(topic, msgtype, data, now_ns, definition=text)
            except Exception as error:  # a full disk, a type that cannot be explained: told when the recording ends
                self._failure = self._failure or error

    def close(self) -> None:
        """Write what is left; raises BagError if anything could not be written."""
        self._queue.put(None)
        self._thread.join()
        if self._failure:
            raise BagError(f'Not everything could be written ({self._failure}): the recording is dropped.')
        print(f'recorded {", ".join(f"{count} of {topic}" for topic, count in self._seen.items())}', flush=True)


def main(args: list[str] | None = None) -> int:
    """Record until told to stop, or until it is quiet."""
    args = sys.argv[1:] if args is None else args
    parser = argparse.ArgumentParser(prog='bag_recorder', description='Record topics into an MCAP recording.')
    parser.add_argument('out', type=Path)
    parser.add_argument('--topic', action='append', required=True, help='TOPIC or TOPIC:N, every N-th message of it')
    parser.add_argument('--quiet-s', type=float, default=0.0, help='end after so long without a message; 0: never')
    choice = parser.parse_args(remove_ros_args(['', *args])[1:])
    wanted = {topic: int(every or 1) for topic, _, every in (each.partition(':') for each in choice.topic)}
    try:
        with BagWriter(choice.out, compressed=True) as bag:
            rclpy.init(args=args)
            node = rclpy.create_node('bag_recorder')
            recorder = BagRecorder(node, wanted, bag)
            try:
                _spin(node, recorder, choice.quiet_s)
            finally:
                recorder.close()
                rclpy.try_shutdown()
    except BagError as error:
        sys.exit(f'bag_recorder: {error}')
    return 0


def _spin(node: Node, recorder: BagRecorder, quiet_s: float) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not (quiet_s and recorder.last_s and time.monotonic() > recorder.last_s + quiet_s):
            executor.spin_once(timeout_sec=0.1)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == '__main__':
    sys.exit(main())
