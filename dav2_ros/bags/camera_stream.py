# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the pictures of one camera of a recording: decoded, with their camera, and what a sensor measured then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.bags.lookahead import CameraInfoStream, sweep
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.frames import Frame, stamp_ns
from dav2_ros.image.camera_info import CameraReading, read_camera
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.scale.measurements import Measurement
from dav2_ros.scale.reference_sensor import SOURCES


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One picture, ready for the pipeline."""

    frame: Frame
    info: Any | None
    log_ns: int
    measurement: Measurement | None
    missing: str  # why there is no measurement
    decode_ms: float


@dataclass(frozen=True)
class RefusedPicture:
    """A picture that is none, or not of its camera."""

    log_ns: int
    why: str


class CameraStream:
    """Reads the pictures of one camera, and with each what else was recorded around it.

    Args:
        topic, info_topic: of the camera; found if there is only one.
        sensor: what its scale is fitted to, if anything.
    """

    def __init__(
        self,
        bag: BagReader,
        params: OfflineParameters,
        *,
        topic: str = '',
        info_topic: str = '',
        sensor: RecordedSensor | None = None,
    ) -> None:
        self.topic = topic or bag.picture_topic()
        if self.topic not in bag.topics:
            raise BagError(f'{bag.path} has nothing on {self.topic}: name one of {", ".join(sorted(bag.topics))}.')
        self.info_topic = info_topic or bag.info_topic(self.topic)
        self.count = bag.stored[self.topic].count
        self.notes: list[str] = []  # why there are no points, a sentence each; complete once all was read
        self._bag, self._sensor = bag, sensor
        self._rectified = params.estimator.rectified_input
        self._infos = CameraInfoStream(bag, self.info_topic)

    @property
    def period_s(self) -> float:
        """Time between two pictures; 1 for a single one."""
        first_ns, last_ns = self._bag.span_ns or (0, 0)
        return 1e-9 * (last_ns - first_ns) / (self.count - 1) if self.count > 1 else 1.0

    def read(
        self,
        others: Mapping[str, Callable[[RecordedMessage], None]] | None = None,
        *,
        skip: Callable[[RecordedMessage], bool],
    ) -> Iterator[CameraFrame | RefusedPicture]:
        """Yield each picture that is not to be skipped; messages on other topics go to their handlers too."""
        handlers = [{self.info_topic: self._infos.add} if self.info_topic else {}, others or {}]
        handlers += [self._sensor.handlers] if self._sensor else []
        topics = {topic for each in handlers for topic in each}

        def handle(recorded: RecordedMessage) -> None:
            for each in handlers:
                if recorded.topic in each:
                    each[recorded.topic](recorded)

        for recorded in sweep(self._bag, self.topic, dict.fromkeys(topics, handle)):
            if not skip(recorded):
                yield self._decode(recorded)

    def _decode(self, recorded: RecordedMessage) -> CameraFrame | RefusedPicture:
        started = time.perf_counter()
        try:
            message = self._bag.decode(recorded)
            at, frame_id = stamp_ns(message), message.header.frame_id
            rgb = messages.picture(message)
            info = self._infos.of(at, rgb.shape[:2])
            reading = self._read(info)
        except ValueError as error:  # BagError is one
            return RefusedPicture(recorded.log_ns, str(error))
        frame = Frame(rgb, reading.camera, at, frame_id, hfov_rad=reading.hfov_rad)
        measurement, missing = self._sensor.at(at, frame_id) if self._sensor else (None, '')
        decode_ms = 1e3 * (time.perf_counter() - started)
        return CameraFrame(frame, info, recorded.log_ns, measurement, missing, decode_ms)

    def _read(self, info: Any | None) -> CameraReading:
        """Read what an info says of the camera; where it gives no points, say once why. Raises ValueError."""
        if info is None:
            return CameraReading()
        reading = read_camera(info, self._rectified)
        note = f'{self.info_topic}: no points. {reading.why}'
        if reading.why and note not in self.notes:
            self.notes.append(note)
        return reading


def stream_with_sensor(
    bag: BagReader, params: OfflineParameters, *, topic: str = '', info_topic: str = '', sensor_topic: str = ''
) -> CameraStream:
    """Open the pictures of a camera with the sensor that `scale_source` names, if it names one. Raises BagError."""
    source = params.scale.scale_source
    sensor = RecordedSensor(bag, source, sensor_topic, params.scale) if source in SOURCES else None
    return CameraStream(bag, params, topic=topic, info_topic=info_topic, sensor=sensor)
