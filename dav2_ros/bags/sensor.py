# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recording's sensor knows of distances at the moment of a picture, in the frame of the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dav2_ros.bags import BagError, messages
from dav2_ros.bags.messages import COMPRESSED, IMAGE, POINT_CLOUD, RANGE, SCAN, stamp_ns
from dav2_ros.bags.reader import BagReader
from dav2_ros.bags.stored import Recorded
from dav2_ros.bags.sweep import Infos
from dav2_ros.bags.transforms import TF, TF_STATIC, Transforms
from dav2_ros.camera_info import camera_from_info
from dav2_ros.frames import DepthMap, is_same_frame
from dav2_ros.scale.buffer import EvidenceBuffer
from dav2_ros.scale.evidence import Evidence
from dav2_ros.scale.parameters import ScaleParameters
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.readings import from_cloud, from_depth, from_range, from_scan
from dav2_ros.scale.stated import stated_pose

KINDS = {'lidar': (POINT_CLOUD,), 'scan': (SCAN,), 'range': (RANGE,), 'depth': (IMAGE, COMPRESSED)}
HELD = 512  # messages: half a second of anything


@dataclass(frozen=True, eq=False)
class Heard:
    """A message that waits for its picture."""

    stamp_ns: int
    message: Any


class Sensor:
    """A topic that knows metres, and where it is: by TF of the recording, or by the parameters.

    Give `handlers` what is read, in order; then ask for the moment of a picture.
    """

    def __init__(self, bag: BagReader, source: str, topic: str, given: ScaleParameters) -> None:
        self._bag, self.source = bag, source
        self.topic = topic or _only(bag, source)
        if bag.topics.get(self.topic) not in KINDS[source]:
            raise BagError(f'{self.topic} is not {source} in {bag.path}: name one of '
                           f'{", ".join(topics_of(bag, source)) or "(there is none)"}.')  # fmt: skip
        self._given, self._heard = given, EvidenceBuffer(given.scale_tolerance_s, HELD)
        self._transforms = Transforms()
        self.by_tf = given.scale_extrinsics != 'parameters' and bool({TF, TF_STATIC} & bag.topics.keys())
        if given.scale_extrinsics == 'tf' and not self.by_tf:
            raise BagError(f'{bag.path} has neither /tf nor /tf_static: set scale_extrinsics to parameters.')
        self.handlers: dict[str, Callable[[Recorded], None]] = {self.topic: self._add}
        if source == 'depth' and (info_topic := bag.info_topic(self.topic)):
            self._infos = Infos(bag, info_topic)
            self.handlers[info_topic] = self._infos.add
        elif source == 'depth':
            raise BagError(f'{bag.path} has no camera_info beside {self.topic}: record it.')
        if self.by_tf:
            for recorded in bag.raw(TF_STATIC):  # it holds for all times, whenever it was recorded
                self._place(recorded)
            self.handlers[TF] = self._place

    def _add(self, recorded: Recorded) -> None:
        try:
            message = self._bag.decode(recorded)
        except BagError:
            return  # a damaged message is none
        self._heard.add(Heard(stamp_ns(message), message))

    def _place(self, recorded: Recorded) -> None:
        try:
            self._transforms.add(self._bag.decode(recorded), static=recorded.topic == TF_STATIC)
        except BagError:
            return

    def heard(self, stamp: int) -> tuple[Any | None, str]:
        """Return the message nearest to a picture's moment, once, or why there is none."""
        heard, missing = self._heard.take(stamp)
        return (heard.message, '') if heard else (None, f'{self.topic}: {missing}')

    def at(self, stamp: int, camera_frame: str) -> tuple[Evidence | None, str]:
        """Return what is known at a picture's moment, or why nothing is."""
        message, missing = self.heard(stamp)
        if message is None:
            return None, missing
        try:
            found = self.evidence(message, camera_frame)
        except ValueError as error:
            return None, f'{self.topic}: {str(error).rstrip(".")}'
        return found, '' if found else f'{self.topic}: nothing is in range'

    def evidence(self, message: Any, camera_frame: str) -> Evidence | None:
        """Bring a message to the camera's frame; None if nothing is in range. Raises ValueError."""
        pose = self.pose(message.header, camera_frame)
        if self.source == 'depth':
            return from_depth(self.depth(message), pose)
        return {'lidar': from_cloud, 'scan': from_scan, 'range': from_range}[self.source](message, pose)

    def pose(self, header: Any, camera_frame: str) -> Pose:
        """Return where the sensor is; raises BagError, one sentence, if TF does not know."""
        if camera_frame and is_same_frame(header.frame_id, camera_frame):
            return Pose.identity()
        if self.by_tf:
            at = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
            return self._transforms.pose(camera_frame, header.frame_id, at)
        return stated_pose(self._given, sensor_is_optical=self.source == 'depth')

    def depth(self, message: Any) -> DepthMap:
        """Decode a depth image, with its camera; raises ValueError."""
        found = messages.depth(message, None)
        info = self._infos.of(found.stamp_ns, found.z_m.shape)
        camera = camera_from_info(info, rectified=True) if info is not None else None
        return DepthMap(found.z_m, camera, found.stamp_ns, found.frame_id)


def topics_of(bag: BagReader, source: str) -> list[str]:
    """List the topics of a recording that can be a source."""
    depth = source == 'depth'
    return sorted(t for t, kind in bag.topics.items() if kind in KINDS[source] and (not depth or 'depth' in t))


def _only(bag: BagReader, source: str) -> str:
    found = topics_of(bag, source)
    if len(found) == 1:
        return found[0]
    raise BagError(f'{bag.path} has {len(found)} topics of {source}: name one with --sensor-topic'
                   f'{": " + ", ".join(found) if found else ""}.')  # fmt: skip
