# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recording knows about distances, for each of some of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dav2_ros.bags import BagError, messages
from dav2_ros.bags.messages import COMPRESSED, IMAGE, POINT_CLOUD
from dav2_ros.bags.reader import BagReader, Cameras
from dav2_ros.frames import Frame
from dav2_ros.scale.evidence import Distances, Evidence
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.readings import from_cloud, from_depth, stamp_ns


@dataclass(frozen=True, eq=False)
class Known:
    """One picture and what is known about distances in it."""

    frame: Frame
    evidence: Evidence


def pictures(bag: BagReader, topic: str, info_topic: str, count: int) -> Iterator[Frame]:
    """Yield at most `count` pictures of a topic, evenly spread, each with its camera; raises BagError without one."""
    recorded = list(bag.raw(topic))
    cameras = Cameras(bag, info_topic or bag.info_topic(topic), topic)
    if not recorded:
        raise BagError(f'{bag.path} has nothing on {topic}: name one of {", ".join(sorted(bag.topics))}.')
    for i in np.unique(np.linspace(0, len(recorded) - 1, count).astype(int)):
        message = bag.decode(recorded[i])
        if cameras.at(stamp_ns(message)) is None:
            raise BagError(f'{bag.path} has no calibrated camera_info for {topic}: name its topic with --info-topic.')
        at = stamp_ns(message)
        yield Frame(messages.picture(message), cameras.at(at), at, message.header.frame_id)


def by_tape(frames: list[Frame], distances: list[tuple[float, float, float]]) -> list[Known]:
    """Give each picture the same distances u, v, metres: the camera stood still. Raises BagError for a wrong pixel."""
    uvm = np.array(distances, np.float32)
    width, height = frames[0].camera.width, frames[0].camera.height
    for u, v, metres in distances:
        if not (0 <= u < width and 0 <= v < height and metres > 0):
            raise BagError(f'{u:g},{v:g},{metres:g} is no distance in a picture of {width}x{height}: give u,v,metres.')
    return [Known(frame, Distances(uvm[:, :2], uvm[:, 2], frame.stamp_ns)) for frame in frames]


def by_topic(bag: BagReader, frames: list[Frame], topic: str, pose: Pose, tolerance_s: float) -> list[Known]:
    """Give each picture the nearest message in time of a topic of clouds or depth images, if there is one.

    Raises BagError for a topic of another kind, and when no picture has a message.
    """
    kind = bag.topics.get(topic)
    if kind not in (POINT_CLOUD, IMAGE, COMPRESSED):
        there = ', '.join(sorted(t for t, k in bag.topics.items() if k in (POINT_CLOUD, IMAGE, COMPRESSED)))
        raise BagError(f'{topic} is {kind or "not"} in {bag.path}, no cloud and no depth image: name one of {there}.')
    stamps = np.array([frame.stamp_ns for frame in frames])
    nearest: dict[int, Any] = {}
    for recorded in bag.raw(topic):
        message = bag.decode(recorded)
        i = int(np.argmin(np.abs(stamps - stamp_ns(message))))
        apart_ns = abs(stamps[i] - stamp_ns(message))
        if apart_ns <= 1e9 * tolerance_s and (i not in nearest or apart_ns < abs(stamps[i] - stamp_ns(nearest[i]))):
            nearest[i] = message
    if not nearest:
        raise BagError(f'No message of {topic} is within {tolerance_s:g} s of a picture: raise --tolerance-s.')
    read = _reader(bag, topic, kind)
    return [Known(frames[i], read(message, pose)) for i, message in sorted(nearest.items())]


def _reader(bag: BagReader, topic: str, kind: str) -> Callable[[Any, Pose], Evidence]:
    if kind == POINT_CLOUD:
        return from_cloud
    cameras = Cameras(bag, bag.info_topic(topic), topic)
    return lambda message, pose: from_depth(messages.depth(message, cameras.at(stamp_ns(message))), pose)
