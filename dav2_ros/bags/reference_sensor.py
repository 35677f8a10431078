# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read what a sensor of a recording measured at the moment of a picture, in the frame of the camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.bags.lookahead import CameraInfoStream
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.messages import COMPRESSED, IMAGE, POINT_CLOUD, RANGE, SCAN
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.bags.transforms import TF, TF_STATIC, Transforms
from dav2_ros.frames import DepthMap, is_same_frame, ns_of
from dav2_ros.image.camera_info import camera_from_info
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.reference_sensor import ReferenceSensor, stated_pose

KINDS = {'lidar': (POINT_CLOUD,), 'scan': (SCAN,), 'range': (RANGE,), 'depth': (IMAGE, COMPRESSED)}
WAITING = 512  # messages: half a second of anything


class RecordedSensor(ReferenceSensor):
    """A topic of a recording that knows metres, and where its sensor is: by TF of the recording, or by the parameters.

    Give `handlers` what is read, in order; then ask for the moment of a picture. Raises BagError, one sentence.
    """

    def __init__(self, bag: BagReader, source: str, topic: str, params: ScaleParameters) -> None:
        topic = topic or _only(bag, source)
        super().__init__(
            source, topic, params.scale_tolerance_s, pose=self._pose_of, decode_depth=self.depth, waiting=WAITING
        )
        if bag.topics.get(topic) not in KINDS[source]:
            raise BagError(f'{topic} is not {source} in {bag.path}: name one of '
                           f'{", ".join(topics_of(bag, source)) or "(there is none)"}.')  # fmt: skip
        self._bag, self._params = bag, params
        self._transforms = Transforms()
        self.by_tf = params.scale_extrinsics != 'parameters' and bool({TF, TF_STATIC} & bag.topics.keys())
        if params.scale_extrinsics == 'tf' and not self.by_tf:
            raise BagError(f'{bag.path} has neither /tf nor /tf_static: set scale_extrinsics to parameters.')
        self.handlers: dict[str, Callable[[RecordedMessage], None]] = {topic: self._receive}
        if source == 'depth' and (info_topic := bag.info_topic(topic)):
            self._infos = CameraInfoStream(bag, info_topic)
            self.handlers[info_topic] = self._infos.add
        elif source == 'depth':
            raise BagError(f'{bag.path} has no camera_info beside {topic}: record it.')
        if self.by_tf:
            for recorded in bag.raw(TF_STATIC):  # it holds for all times, whenever it was recorded
                self._place(recorded)
            self.handlers[TF] = self._place

    def _receive(self, recorded: RecordedMessage) -> None:
        try:
            message = self._bag.decode(recorded)
        except BagError:
            return  # a damaged message is none
        self.add(message)

    def _place(self, recorded: RecordedMessage) -> None:
        try:
            self._transforms.add(self._bag.decode(recorded), static=recorded.topic == TF_STATIC)
        except BagError:
            return

    def _pose_of(self, header: Any, camera_frame: str) -> Pose:
        """Return where the sensor is; raises BagError, one sentence, if TF does not know."""
        if camera_frame and is_same_frame(header.frame_id, camera_frame):
            return Pose.identity()
        if self.by_tf:
            return self._transforms.pose(camera_frame, header.frame_id, ns_of(header.stamp))
        return stated_pose(self._params, sensor_is_optical=self.source == 'depth')

    def depth(self, message: Any) -> DepthMap:
        """Decode a depth image, with its camera; raises ValueError."""
        depth = messages.depth(message, None)
        info = self._infos.of(depth.stamp_ns, depth.z_m.shape)
        camera = camera_from_info(info, rectified=True) if info is not None else None
        return DepthMap(depth.z_m, camera, depth.stamp_ns, depth.frame_id)


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
