# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read a rosbag2 recording as frames and depth maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dav2_ros.bags import BagError
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.files import find_files, open_file
from dav2_ros.bags.storage.messages import CAMERA_INFO, COMPRESSED, IMAGE
from dav2_ros.bags.storage.records import RecordedMessage, StoredFile, StoredTopic
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame, StampHistory, stamp_ns
from dav2_ros.image.camera_info import CameraReading, info_of_image, read_camera

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

DEPTH_NAMES = ('depth', 'disparity')  # in the name of a topic: not a colour picture


class BagReader:
    """A recording, open for reading: a folder, an .mcap or a .db3 file. Raises BagError, one sentence.

        with BagReader(DEMO_BAG) as bag:
            for frame in bag.frames():
                ...

    Topics need naming only where the recording has several of a kind. Messages are read as they are asked for, so
    memory does not grow with the recording. Of one that is damaged or cut off, what is readable is read, and `notes`
    tell where it ends. (A file that was compressed as a whole is decompressed to the folder of temporary files.)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.topics: dict[str, str] = {}  # name -> type, while open
        self.stored: dict[str, StoredTopic] = {}  # name -> the same and more, counts over all files

    def __enter__(self) -> BagReader:
        messages.kilted()  # says what to install if rosbags is missing
        self.paths, self._notes = find_files(self.path)
        self._files: list[StoredFile] = []
        self._opened = ExitStack()
        folder = Path(self._opened.enter_context(TemporaryDirectory(prefix='dav2-bag-')))
        for path in self.paths:
            try:
                self._files.append(open_file(path, folder))
                self._opened.callback(self._files[-1].close)
            except (BagError, OSError) as error:
                self._notes.append(str(error))
        if not self._files:
            self._opened.close()
            raise BagError(f'{self.path} is not a whole recording ({" ".join(self._notes)}): record or copy it again.')
        for each in (connection for file in self._files for connection in file.connections):
            before = self.stored.get(each.topic)
            self.stored[each.topic] = replace(each, count=each.count + before.count) if before else each
        self.topics = {topic: each.msgtype for topic, each in self.stored.items()}
        self._types: Typestore | None = None
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    @property
    def notes(self) -> list[str]:
        """What is missing or damaged, a sentence each; complete once all was read."""
        return [' '.join(note.split()) for note in [*self._notes, *(file.note for file in self._files)] if note]

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """When the first and the last message were recorded; None if there is none."""
        spans = [file.span_ns for file in self._files if file.span_ns]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def raw(self, *topics: str) -> Iterator[RecordedMessage]:
        """Yield the messages of these topics (or all) as they were recorded, in order of time."""
        for file in self._files:
            yield from file.messages(topics or None)

    def decode(self, recorded: RecordedMessage) -> Any:
        """Return the message itself; types of nobody's else are explained by the recording. Raises BagError."""
        store = messages.kilted()
        if recorded.msgtype not in store.types:
            store = self._types = self._types or messages.store_with(*self.stored.values())
        try:
            return store.deserialize_cdr(recorded.data, recorded.msgtype)
        except Exception as error:  # a border: damaged bytes fail in any way
            raise BagError(
                f'A message of {recorded.topic} is damaged, or no {recorded.msgtype} ({type(error).__name__}).'
            ) from error

    def frames(self, topic: str = '', info_topic: str = '') -> Iterator[Frame]:
        """Yield the pictures of a camera, each with the Camera of its stamp (else of the latest before it)."""
        topic = topic or self.picture_topic()
        cameras = CameraLookup(self, info_topic or self.info_topic(topic), topic)
        for recorded in self.raw(topic):
            message = self.decode(recorded)
            at = stamp_ns(message)
            reading = cameras.reading(at)
            rgb, frame_id = messages.picture(message), message.header.frame_id
            yield Frame(rgb, reading.camera, at, frame_id, hfov_rad=reading.hfov_rad)

    def depths(self, topic: str = '', info_topic: str = '') -> Iterator[DepthMap]:
        """Yield the depth maps of a topic; unknown is NaN."""
        topic = topic or self.depth_topic()
        cameras = CameraLookup(self, info_topic or self.info_topic(topic), topic)
        for recorded in self.raw(topic):
            message = self.decode(recorded)
            yield messages.depth(message, cameras.reading(stamp_ns(message)).camera)

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


class CameraLookup:
    """The calibrations of the images of a topic by stamp; those that say the same as the one before are not kept.

    Raises BagError, one sentence, for numbers that no camera has.
    """

    def __init__(self, bag: BagReader, topic: str, image_topic: str) -> None:
        self._bag, self._image_topic = bag, image_topic
        infos = map(bag.decode, bag.raw(topic) if topic else ())
        self._readings: StampHistory[CameraReading] = StampHistory()
        last_ns, last = 0, None
        for at_ns, reading in ((stamp_ns(info), self._read(info)) for info in infos):
            if reading != last or at_ns < last_ns:
                self._readings.add(at_ns, reading)
                last_ns, last = at_ns, reading

    def reading(self, stamp: int) -> CameraReading:
        """Return what the info of this stamp says, else the latest before it, else the first; nothing without one."""
        return self._readings.at(stamp) or CameraReading()

    def at(self, stamp: int) -> Camera | None:
        """Return the camera of this stamp; None if nobody calibrated it. Raises BagError for a lens we do not know."""
        reading = self.reading(stamp)
        if reading.hfov_rad is not None:
            raise BagError(reading.why)
        return reading.camera

    def _read(self, info: Any) -> CameraReading:
        try:
            if not (info.width and info.height):
                info = info_of_image(info, *self._image_size, 'name the right one with --info-topic.')
            return read_camera(info, rectified=False)
        except ValueError as error:
            raise BagError(str(error)) from error

    @cached_property
    def _image_size(self) -> tuple[int, int]:
        """Width and height of the first image that can be read, for drivers that leave those of camera_info 0."""
        for recorded in self._bag.raw(self._image_topic):
            with suppress(BagError):
                return messages.size(self._bag.decode(recorded))
        raise BagError(f'{self._bag.path} has no image on {self._image_topic} that can be read.')
