# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Look up where sensors are, by the /tf_static and /tf of a recording."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.frames import ns_of
from dav2_ros.scale.pose import Pose

TF, TF_STATIC, TF_TYPE = '/tf', '/tf_static', 'tf2_msgs/msg/TFMessage'
KEPT_S = 10.0  # of a moving transform: as long as tf2 remembers
DEEP = 100  # frames from one to its root; more is a circle


@dataclass(frozen=True, eq=False)
class StampedTransform:
    """A frame in its parent at one moment."""

    parent: str
    stamp_ns: int
    xyz_m: np.ndarray  # (3,)
    xyzw: np.ndarray  # (4,) unit quaternion


class Transforms:
    """The tree of frames. A moving frame is interpolated between its two moments around the one asked for."""

    def __init__(self) -> None:
        self._static: dict[str, StampedTransform] = {}
        self._moving: dict[str, list[StampedTransform]] = {}

    def add(self, message: Any, *, static: bool) -> None:
        """Take in a TFMessage; transforms without a rotation are left out."""
        for each in message.transforms:
            t, q = each.transform.translation, each.transform.rotation
            xyzw = np.array([q.x, q.y, q.z, q.w])
            length = np.linalg.norm(xyzw)
            if not (length > 1e-6 and np.isfinite(length) and np.isfinite([t.x, t.y, t.z]).all()):
                continue
            stamp_ns = ns_of(each.header.stamp)
            child = each.child_frame_id.lstrip('/')
            placed = StampedTransform(
                each.header.frame_id.lstrip('/'), stamp_ns, np.array([t.x, t.y, t.z]), xyzw / length
            )
            if static:
                self._static[child] = placed
            else:
                self._insert(child, placed)

    def _insert(self, child: str, placed: StampedTransform) -> None:
        track = self._moving.setdefault(child, [])
        track.insert(bisect_left(track, placed.stamp_ns, key=lambda each: each.stamp_ns), placed)
        while track[-1].stamp_ns - track[0].stamp_ns > 1e9 * KEPT_S:
            track.pop(0)

    def pose(self, camera_frame: str, sensor_frame: str, stamp_ns: int) -> Pose:
        """Return the pose of a sensor as the camera sees it; raises BagError if the recording does not know it."""
        camera_frame, sensor_frame = camera_frame.lstrip('/'), sensor_frame.lstrip('/')
        if camera_frame == sensor_frame != '':
            return Pose.identity()
        camera, sensor = (dict(self._to_root(frame, stamp_ns)) for frame in (camera_frame, sensor_frame))
        shared = next((frame for frame in sensor if frame in camera), None)
        if shared is None:
            raise BagError(
                f'/tf and /tf_static of the recording do not connect {sensor_frame!r} with {camera_frame!r}: '
                'give the pose of the sensor'
            )
        return _after(camera[shared].inverse(), sensor[shared])

    def _to_root(self, frame: str, stamp_ns: int) -> Iterator[tuple[str, Pose]]:
        """Yield each ancestor with the pose of `frame` in it, the frame itself first."""
        pose = Pose.identity()
        yield frame, pose
        for _ in range(DEEP):
            placed = self._static.get(frame) or self._at(frame, stamp_ns)
            if placed is None:
                return
            pose = _after(Pose.from_quaternion(tuple(placed.xyz_m), tuple(placed.xyzw)), pose)
            frame = placed.parent
            yield frame, pose

    def _at(self, frame: str, stamp_ns: int) -> StampedTransform | None:
        track = self._moving.get(frame)
        if not track:
            return None
        i = bisect_left(track, stamp_ns, key=lambda each: each.stamp_ns)
        if i in (0, len(track)):
            return track[min(i, len(track) - 1)]
        before, after = track[i - 1], track[i]
        share = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
        xyz_m = (1 - share) * before.xyz_m + share * after.xyz_m
        return StampedTransform(after.parent, stamp_ns, xyz_m, _between(before.xyzw, after.xyzw, share))


def _after(outer: Pose, inner: Pose) -> Pose:
    """Return the pose that applies `inner`, then `outer`."""
    return Pose(outer.rotation @ inner.rotation, outer.rotation @ inner.xyz_m + outer.xyz_m)


def _between(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Interpolate unit quaternions (4,) along the shorter arc."""
    cosine = float(one @ other)
    other, cosine = (other, cosine) if cosine >= 0 else (-other, -cosine)
    if cosine > 0.9995:
        mixed = (1 - share) * one + share * other
        return mixed / np.linalg.norm(mixed)
    angle = math.acos(cosine)
    return (math.sin((1 - share) * angle) * one + math.sin(share * angle) * other) / math.sin(angle)
