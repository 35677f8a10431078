# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Extract pictures with depth from a recording, by what else was recorded: a depth camera or a LiDAR.

Pictures are paired with the nearest message in time; what moved between the two is not corrected. A LiDAR beside the
camera sees past things that hide its points from the camera: those are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.extraction.format import ExtractedSample, claim, finish, to_units
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.messages import COMPRESSED, IMAGE, POINT_CLOUD
from dav2_ros.bags.storage.reader import BagReader, CameraLookup
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.bags.transforms import TF, TF_STATIC, Transforms
from dav2_ros.camera import Camera
from dav2_ros.files.atomic import write_file
from dav2_ros.frames import stamp_ns
from dav2_ros.scale.from_messages import cloud_xyz
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.registration import from_depth_camera, from_points

MM, LIDAR_UNITS = 1000, 256  # per metre: to 65.5 m as depth cameras measure, to 256 m within 2 mm
MAGIC = {b'\xff\xd8': 'jpg', b'\x89P': 'png'}  # of compressed pictures that are kept as they are


@dataclass(frozen=True)
class ExtractConfig:
    """What is taken from a recording, and how it is divided."""

    image_topic: str = ''  # '' where the recording has only one
    info_topic: str = ''  # '' finds the camera_info beside the pictures
    depth_topic: str = ''  # of depth images, or
    lidar_topic: str = ''  # of clouds
    every: int = 1  # each Nth picture is taken
    tolerance_s: float = 0.05  # between the stamps of a picture and its depth
    val_share: float = 0.1  # the end of the recording, for validation
    gap_s: float = 2.0  # before it, in neither: neighbours in time show the same things
    sensor_xyz_m: tuple[float, ...] = ()  # of the sensor from the camera, forward, left, up; () asks /tf
    sensor_rpy_rad: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class PlannedSample:
    """A picture and the message that knows its depth, by their stamps."""

    name: str
    split: str
    picture_ns: int
    sensor_ns: int


class Extraction:
    """A recording, open, and what will be taken from it. `len` counts pictures; iterating writes them.

    Raises BagError, one sentence, for what cannot be taken.
    """

    def __init__(self, bag: BagReader, config: ExtractConfig, out: Path) -> None:
        if config.depth_topic and config.lidar_topic:
            raise BagError('What knows depth in this recording? Give one of --depth-topic and --lidar-topic.')
        if not config.lidar_topic:
            config = replace(config, depth_topic=config.depth_topic or bag.depth_topic())
        self.bag, self.config, self.out = bag, config, out
        self.image_topic = config.image_topic or bag.picture_topic()
        self.sensor_topic = config.depth_topic or config.lidar_topic
        self._check(self.image_topic, IMAGE, COMPRESSED)
        self._check(self.sensor_topic, *((IMAGE, COMPRESSED) if config.depth_topic else (POINT_CLOUD,)))
        self.units_per_m = MM if config.depth_topic else LIDAR_UNITS
        self.cameras = CameraLookup(bag, config.info_topic or bag.info_topic(self.image_topic), self.image_topic)
        depth_info_topic = bag.info_topic(self.sensor_topic) if config.depth_topic else ''
        self.depth_cameras = CameraLookup(bag, depth_info_topic, self.sensor_topic)
        self.transforms = Transforms()
        self.planned = self._plan()

    def __len__(self) -> int:
        return len(self.planned)

    def __iter__(self) -> Iterator[ExtractedSample]:
        """Write each picture with its depth, unless it is there, and the lists at the end."""
        about = {**asdict(self.config), 'recording': self.bag.path.name, 'image_topic': self.image_topic}
        claim(self.out, {**about, 'pictures': len(self), 'units_per_m': self.units_per_m})
        kept: list[ExtractedSample] = []
        cameras: list[Camera] = []
        for planned, picture, sensor in self._pairs():
            camera = self._camera(planned.picture_ns)
            if camera not in cameras:
                cameras.append(camera)
            name, known = self._write(planned, picture, sensor) if picture else self._written(planned)
            if known > 0:
                kept.append(
                    ExtractedSample(planned.name, planned.split, planned.picture_ns, name, cameras.index(camera), known)
                )
                yield kept[-1]
        if not kept:
            raise BagError(f'No point of {self.sensor_topic} falls on a picture: check the pose of the sensor.')
        finish(self.out, sorted(kept, key=lambda each: each.name), cameras)

    def _check(self, topic: str, *kinds: str) -> None:
        if self.bag.topics.get(topic) not in kinds:
            there = ', '.join(sorted(t for t, kind in self.bag.topics.items() if kind in kinds)) or 'none there is'
            raise BagError(f'{topic} is {self.bag.topics.get(topic, "not")} in {self.bag.path}: name one of {there}.')

    def _decoded(self, *topics: str) -> Iterator[tuple[RecordedMessage, Any]]:
        """Yield messages; a damaged one is none, and the recording's notes tell of it."""
        for recorded in self.bag.raw(*topics):
            try:
                message = self.bag.decode(recorded)
            except BagError:
                continue
            yield recorded, message

    def _camera(self, at_ns: int) -> Camera:
        """Return the camera of a picture; raises BagError if nobody calibrated it."""
        camera = self.cameras.at(at_ns)
        if camera is None:
            raise BagError(f'{self.bag.path} has no calibrated camera_info of {self.image_topic}: give --info-topic.')
        return camera

    def _plan(self) -> list[PlannedSample]:
        """Read all stamps, pair them, and divide the pictures by time."""
        stamps: dict[str, set[int]] = {self.image_topic: set(), self.sensor_topic: set()}
        for recorded, message in self._decoded(*stamps, TF_STATIC):
            if recorded.topic == TF_STATIC:
                self.transforms.add(message, static=True)
            else:
                stamps[recorded.topic].add(stamp_ns(message))
        sensors = np.array(sorted(stamps[self.sensor_topic]), np.int64)
        taken = list(enumerate(sorted(stamps[self.image_topic])))[:: self.config.every]
        if not len(sensors) or not taken:
            raise BagError(f'{self.bag.path} has no messages on {self.image_topic} or on {self.sensor_topic}.')
        self._camera(taken[0][1])
        nearest = ((i, at, int(_nearest(sensors, at))) for i, at in taken)
        paired = [(i, at, other) for i, at, other in nearest if abs(at - other) <= 1e9 * self.config.tolerance_s]
        if not paired:
            raise BagError(f'No message of {self.sensor_topic} is within {self.config.tolerance_s:g} s of a picture.')
        return self._divided(paired)

    def _divided(self, paired: list[tuple[int, int, int]]) -> list[PlannedSample]:
        """Make the end of the recording the validation part; what is shortly before it is in neither."""
        end = paired[len(paired) - round(self.config.val_share * len(paired)) :]
        val_ns = end[0][1] if end else math.inf
        train_ns = val_ns - 1e9 * self.config.gap_s
        planned = [PlannedSample(f'{i:06}', 'train', at, other) for i, at, other in paired if at < train_ns]
        if not planned:
            raise BagError(f'Nothing is {self.config.gap_s:g} s before the validation part: lower --gap-s.')
        return planned + [PlannedSample(f'{i:06}', 'val', at, other) for i, at, other in end]

    def _pairs(self) -> Iterator[tuple[PlannedSample, Any, Any]]:
        """Yield what is planned with its two messages, as soon as both were read; without them if it is written."""
        todo = [each for each in self.planned if not (self.out / f'depth/{each.name}.png').is_file()]
        left = set(todo)
        yield from ((each, None, None) for each in self.planned if each not in left)
        waiting = {self.image_topic: {each.picture_ns: [each] for each in todo}, self.sensor_topic: {}}
        for each in todo:
            waiting[self.sensor_topic].setdefault(each.sensor_ns, []).append(each)
        held: dict[str, dict[str, Any]] = {}
        for recorded, message in self._decoded(self.image_topic, self.sensor_topic, TF):
            if recorded.topic == TF:
                self.transforms.add(message, static=False)
                continue
            for planned in waiting[recorded.topic].pop(stamp_ns(message), ()):
                held.setdefault(planned.name, {})[recorded.topic] = message
                if len(held[planned.name]) == len(waiting):
                    pair = held.pop(planned.name)
                    yield planned, pair[self.image_topic], pair[self.sensor_topic]

    def _write(self, planned: PlannedSample, picture: Any, sensor: Any) -> tuple[str, float]:
        """Write a picture, then its depth; return the picture's file name, and the share of pixels known, 0 if none."""
        camera = self._camera(planned.picture_ns)
        try:
            data, suffix = _encoded(picture)
        except BagError:
            return '', 0.0  # a damaged picture is none
        z_m = self._depth(camera, picture.header.frame_id, sensor)
        units = to_units(z_m, self.units_per_m)
        write_file(self.out / f'rgb/{planned.name}.{suffix}', data)
        write_file(self.out / f'depth/{planned.name}.png', cv2.imencode('.png', units)[1].tobytes())
        return f'{planned.name}.{suffix}', _known(units)

    def _written(self, planned: PlannedSample) -> tuple[str, float]:
        units = cv2.imread(str(self.out / f'depth/{planned.name}.png'), cv2.IMREAD_UNCHANGED)
        return next((self.out / 'rgb').glob(f'{planned.name}.*')).name, _known(units)

    def _depth(self, camera: Camera, camera_frame: str, sensor: Any) -> np.ndarray:
        """Return what the sensor measured as the depth (H, W) of the picture."""
        pose = self._pose(camera_frame, sensor)
        try:
            if self.config.lidar_topic:
                return from_points(pose.apply(cloud_xyz(sensor)), camera)
            depth = messages.depth(sensor, self.depth_cameras.at(stamp_ns(sensor)))
            return from_depth_camera(depth, camera, pose)
        except ValueError as error:
            raise BagError(f'{self.sensor_topic}: {error}') from error

    def _pose(self, camera_frame: str, sensor: Any) -> Pose:
        if not self.config.sensor_xyz_m:
            return self.transforms.pose(camera_frame, sensor.header.frame_id, stamp_ns(sensor))
        given = Pose.from_rpy(self.config.sensor_xyz_m, self.config.sensor_rpy_rad)
        return given.of_bodies(sensor_is_optical=bool(self.config.depth_topic))


def _nearest(stamps: np.ndarray, at: int) -> np.int64:
    after = np.clip(np.searchsorted(stamps, at), 1, max(len(stamps) - 1, 1))
    around = stamps[after - 1 : after + 1]
    return around[np.abs(around - at).argmin()]


def _known(units: np.ndarray) -> float:
    return round(float(np.mean(units > 0)), 6)


def _encoded(picture: Any) -> tuple[bytes, str]:
    """Return a picture as it is stored, and its suffix: JPEG and PNG stay what they are, all else becomes PNG."""
    rgb = messages.picture(picture)  # raises for one that is not whole
    if picture.__msgtype__ == COMPRESSED and 'bayer' not in picture.format:
        data = bytes(picture.data)
        if data[:2] in MAGIC:
            return data, MAGIC[data[:2]]
    return cv2.imencode('.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes(), 'png'
