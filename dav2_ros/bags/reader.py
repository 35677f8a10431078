# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read a rosbag2 recording as frames and depth maps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dav2_ros.bags import BagError, messages
from dav2_ros.bags.messages import CAMERA_INFO, COMPRESSED, IMAGE, stamp_ns
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame

DEPTH_NAMES = ('depth', 'disparity')  # in the name of a topic: not a colour picture


@dataclass(frozen=True, eq=False)
class Recorded:
    """One message of a recording."""

    topic: str
    msgtype: str
    log_ns: int  # when it was recorded
    data: bytes  # CDR


class BagReader:
    """A recording, open for reading: a folder, an .mcap or a .db3 file. Raises BagError, one sentence.

        with BagReader(DEMO_BAG) as bag:
            for frame in bag.frames():
                ...

    Topics need naming only where the recording has several of a kind.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.topics: dict[str, str] = {}  # name -> type, while open

    def __enter__(self) -> BagReader:
        kilted = messages.kilted()
        from rosbags.highlevel import AnyReader, AnyReaderError

        if not self.path.exists():
            raise BagError(f'There is no recording at {self.path}.')
        try:
            self._reader = AnyReader([self.path], default_typestore=kilted)
            self._reader.open()
        except (AnyReaderError, OSError, ValueError, AssertionError) as error:
            raise BagError(f'{self.path} is not a whole recording ({error}): record or copy it again.') from error
        self.topics = {connection.topic: connection.msgtype for connection in self._reader.connections}
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.close()

    def raw(self, *topics: str) -> Iterator[Recorded]:
        """Yield the messages of these topics (or all) as they were recorded, in order of time."""
        connections = [c for c in self._reader.connections if not topics or c.topic in topics]
        if topics and not connections:
            return
        for connection, log_ns, data in self._reader.messages(connections):
            yield Recorded(connection.topic, connection.msgtype, log_ns, data)

    def decode(self, recorded: Recorded) -> Any:
        """Return the message itself; it keeps the types that the recording was made with."""
        return self._reader.deserialize(recorded.data, recorded.msgtype)

    def frames(self, topic: str = '', info_topic: str = '') -> Iterator[Frame]:
        """Yield the pictures of a camera, each with the Camera of its stamp (else of the latest before it)."""
        topic = topic or self.picture_topic()
        cameras = Cameras(self, info_topic or self.info_topic(topic))
        for recorded in self.raw(topic):
            message = self.decode(recorded)
            at = stamp_ns(message)
            yield Frame(messages.picture(message), cameras.at(at), at, message.header.frame_id)

    def depths(self, topic: str = '', info_topic: str = '') -> Iterator[DepthMap]:
        """Yield the depth maps of a topic; unknown is NaN."""
        topic = topic or self.depth_topic()
        cameras = Cameras(self, info_topic or self.info_topic(topic))
        for recorded in self.raw(topic):
            message = self.decode(recorded)
            yield messages.depth(message, cameras.at(stamp_ns(message)))

    def picture_topic(self) -> str:
        """Return the only topic of colour pictures; raises BagError that lists what there is."""
        return self._only('pictures', [t for t in self._images() if not any(name in t for name in DEPTH_NAMES)])

    def depth_topic(self) -> str:
        """Return the only topic of depth images; raises BagError that lists what there is."""
        return self._only('depth images', [t for t in self._images() if 'depth' in t and 'color' not in t])

    def info_topic(self, topic: str) -> str:
        """Return the camera_info beside a topic, or in the nearest namespace around it; '' if there is none."""
        namespaces = topic.split('/')[:-1]
        while namespaces:
            if self.topics.get(found := '/'.join([*namespaces, 'camera_info'])) == CAMERA_INFO:
                return found
            namespaces.pop()
        return ''

    def _images(self) -> list[str]:
        return [topic for topic, kind in self.topics.items() if kind in (IMAGE, COMPRESSED)]

    def _only(self, what: str, found: list[str]) -> str:
        if len(found) == 1:
            return found[0]
        there = ', '.join(sorted(found or self.topics)) or 'nothing'
        raise BagError(f'{self.path} has {len(found)} topics of {what}: name one of {there}.')


class Cameras:
    """The calibrations of a recording by stamp."""

    def __init__(self, bag: BagReader, topic: str) -> None:
        infos = [bag.decode(recorded) for recorded in bag.raw(topic)] if topic else []
        infos.sort(key=stamp_ns)
        self._stamps = [stamp_ns(info) for info in infos]
        self._cameras = [messages.camera(info) for info in infos]

    def at(self, stamp: int) -> Camera | None:
        """Return the camera of this stamp, else of the latest before it, else the first; None if there is none."""
        return self._cameras[max(bisect_right(self._stamps, stamp) - 1, 0)] if self._cameras else None
