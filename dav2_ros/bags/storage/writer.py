# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a rosbag2 folder with one MCAP file that `ros2 bag play` and Foxglove open."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.messages import depth_message, info_message, jpeg_message, kilted, learn, store_with
from dav2_ros.bags.storage.records import RecordedMessage, StoredTopic
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame

if TYPE_CHECKING:
    from rosbags.interfaces import Qos


def reliable(depth: int = 10) -> Qos:
    """Return the quality of service that `ros2 bag play` offers for a topic: reliable, volatile."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

    never = QosTime(9223372036, 854775807)  # how rosbag2 writes an infinite duration
    kinds = (QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE, QosDurability.VOLATILE)
    return Qos(*kinds, never, never, QosLiveliness.AUTOMATIC, never, False)


def profiles(qos: Any) -> list[Qos]:
    """Return the profiles that a recording tells, or ours if it tells none."""
    from rosbags.rosbag2.metadata import parse_qos

    try:
        found = list(qos) if isinstance(qos, list) else parse_qos(qos) if qos else []
    except Exception:  # a border: what is written there is the recorder's
        found = []
    return found or [reliable()]


class BagWriter:
    """A recording in the making; whole when the `with` block ends well, absent when it does not.

    Topics appear with their first message. An existing recording at `path` is replaced.

    Args:
        path: folder to write; the file in it is `<folder>.mcap`.
        compressed: pack chunks with zstd; not worth it for jpeg and png.
        beside: folder to write in meanwhile, on the same disk. What is written there stays if the block does not end
            well, readable but without an index; by default nothing stays.
    """

    def __init__(self, path: str | Path, *, compressed: bool = False, beside: Path | None = None) -> None:
        self.path = Path(path)
        self._compressed, self._kept = compressed, beside
        self._connections: dict[str, Any] = {}
        if self.path.exists() and not (self.path / 'metadata.yaml').is_file():
            raise BagError(f'{self.path} is there and is no recording: choose another place.')

    def __enter__(self) -> BagWriter:
        kilted()  # says what to install if rosbags is missing
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

        self.path.parent.mkdir(parents=True, exist_ok=True)
        # a folder of its own, since the name of the file inside is that of the recording
        self._beside = self._kept or Path(tempfile.mkdtemp(prefix=f'.{self.path.name}-', dir=self.path.parent))
        self._writer = Writer(self._beside / self.path.name, version=9, storage_plugin=StoragePlugin.MCAP)
        if self._compressed:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        try:
            if kind is None:
                self._writer.close()
                self._take_its_place()
            else:
                self._writer.abort()
        finally:
            if kind is None or not self._kept:
                shutil.rmtree(self._beside)

    def _take_its_place(self) -> None:
        """Rename: a kill between the two leaves one whole recording, under this name or in the folder beside."""
        if self.path.exists():
            self.path.rename(self._beside / 'replaced')
        (self._beside / self.path.name).rename(self.path)

    def write(self, topic: str, message: Any, log_ns: int) -> None:
        """Write a message of rosbags' Kilted types."""
        data = kilted().serialize_cdr(message, message.__msgtype__)
        self.write_raw(topic, message.__msgtype__, data, log_ns)

    def write_raw(
        self, topic: str, msgtype: str, data: bytes | memoryview, log_ns: int, *, definition: str | None = None
    ) -> None:
        """Write a message in CDR, as it came from the wire; `definition` is the .msg text of a type of our own."""
        if topic not in self._connections:
            learn(msgtype, definition)
            if msgtype not in kilted().types:
                raise BagError(f'{topic} has type {msgtype}, unknown to ROS 2 Kilted: give its definition.')
            self._connections[topic] = self._writer.add_connection(
                topic, msgtype, typestore=kilted(), offered_qos_profiles=[reliable()]
            )
        self._writer.write(self._connections[topic], log_ns, data)

    def copy(self, recorded: RecordedMessage, stored: StoredTopic) -> None:
        """Write a message of another recording as it is, with the quality of service that was offered there."""
        if recorded.topic not in self._connections:
            store = kilted()
            if recorded.msgtype not in store.types:
                store = store_with(stored)
            self._connections[recorded.topic] = self._writer.add_connection(
                recorded.topic, recorded.msgtype, typestore=store, offered_qos_profiles=profiles(stored.qos)
            )
        self._writer.write(self._connections[recorded.topic], recorded.log_ns, recorded.data)

    def picture(self, topic: str, frame: Frame, *, quality: int = 90) -> None:
        """Write a frame's picture as `topic`/compressed, a jpeg."""
        message = jpeg_message(frame.rgb, frame.stamp_ns, frame.frame_id, quality)
        self.write(f'{topic}/compressed', message, frame.stamp_ns)

    def camera_info(self, topic: str, camera: Camera, stamp_ns: int, frame_id: str) -> None:
        """Write a CameraInfo."""
        message = info_message(camera, stamp_ns, frame_id)
        self.write(topic, message, stamp_ns)

    def depth(self, topic: str, depth: DepthMap) -> None:
        """Write a depth map as `topic`/compressedDepth: millimetres in a 16-bit PNG, 0 for unknown."""
        self.write(f'{topic}/compressedDepth', depth_message(depth), depth.stamp_ns)
