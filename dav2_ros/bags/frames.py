# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a recording as the node would see them: decoded, with their camera, rectified, with what is known."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dav2_ros.bags import BagError, messages
from dav2_ros.bags.messages import stamp_ns
from dav2_ros.bags.parameters import BagParameters
from dav2_ros.bags.reader import BagReader
from dav2_ros.bags.sensor import Sensor
from dav2_ros.bags.stored import Recorded
from dav2_ros.bags.sweep import Infos, sweep
from dav2_ros.camera_info import CameraReading, read_camera
from dav2_ros.frames import Frame
from dav2_ros.rectification import Rectification
from dav2_ros.scale.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Seen:
    """One picture, ready for the estimator."""

    frame: Frame
    info: Any | None
    log_ns: int
    evidence: Evidence | None
    missing: str  # why there is no evidence
    decode_ms: float


@dataclass(frozen=True)
class Refused:
    """A picture that is none, or not of its camera."""

    log_ns: int
    why: str


class Pictures:
    """Reads the pictures of one camera, and with each what else was recorded around it.

    Args:
        topic, info_topic: of the camera; found if there is only one.
        sensor: what its scale is fitted to, if anything.
        say: gets a sentence about how pictures are rectified.
    """

    def __init__(
        self,
        bag: BagReader,
        given: BagParameters,
        *,
        topic: str = '',
        info_topic: str = '',
        sensor: Sensor | None = None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.topic = topic or bag.picture_topic()
        if self.topic not in bag.topics:
            raise BagError(f'{bag.path} has nothing on {self.topic}: name one of {", ".join(sorted(bag.topics))}.')
        self.info_topic = info_topic or bag.info_topic(self.topic)
        self.count = bag.stored[self.topic].count
        self.notes: list[str] = []  # why there are no points, a sentence each; complete once all was read
        self._bag, self._given, self._sensor = bag, given, sensor
        self._infos = Infos(bag, self.info_topic)
        self._rectification = Rectification(math.radians(given.max_hfov_deg), say)

    @property
    def period_s(self) -> float:
        """Time between two pictures; 1 for a single one."""
        first_ns, last_ns = self._bag.span_ns or (0, 0)
        return 1e-9 * (last_ns - first_ns) / (self.count - 1) if self.count > 1 else 1.0

    def read(
        self, others: Mapping[str, Callable[[Recorded], None]] | None = None, *, skip: Callable[[Recorded], bool]
    ) -> Iterator[Seen | Refused]:
        """Yield each picture that is not to be skipped; messages on other topics go to their handlers too."""
        handlers = [{self.info_topic: self._infos.add} if self.info_topic else {}, others or {}]
        handlers += [self._sensor.handlers] if self._sensor else []
        topics = {topic for each in handlers for topic in each}

        def handle(recorded: Recorded) -> None:
            for each in handlers:
                if recorded.topic in each:
                    each[recorded.topic](recorded)

        for recorded in sweep(self._bag, self.topic, dict.fromkeys(topics, handle)):
            if not skip(recorded):
                yield self._look(recorded)

    def _look(self, recorded: Recorded) -> Seen | Refused:
        started = time.perf_counter()
        try:
            message = self._bag.decode(recorded)
            at, frame_id = stamp_ns(message), message.header.frame_id
            rgb = messages.picture(message)
            info = self._infos.of(at, rgb.shape[:2])
            reading = self._read(info)
            frame = Frame(rgb, reading.camera, at, frame_id, hfov_rad=reading.hfov_rad)
            if frame.camera and self._given.rectify and not self._given.rectified_input:
                frame, info = self._rectification.apply(frame, info)
        except ValueError as error:  # BagError is one
            return Refused(recorded.log_ns, str(error))
        evidence, missing = self._sensor.at(at, frame_id) if self._sensor else (None, '')
        return Seen(frame, info, recorded.log_ns, evidence, missing, 1e3 * (time.perf_counter() - started))

    def _read(self, info: Any | None) -> CameraReading:
        """Read what an info says of the camera; where it gives no points, say once why. Raises ValueError."""
        if info is None:
            return CameraReading()
        reading = read_camera(info, self._given.rectified_input)
        note = f'{self.info_topic}: no points. {reading.why}'
        if reading.why and note not in self.notes:
            self.notes.append(note)
        return reading
