# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recover a recording from front to back as far as it goes: without an index, cut off, or damaged.

A recorder that lost its power leaves an MCAP without its summary, or a database whose pages point past its end.
"""

from __future__ import annotations

import sqlite3
import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.records import RecordedMessage, StoredTopic, full_type, inflated

MAGIC = b'\x89MCAP0\r\n'
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 3, 4, 5, 6, 15
MOST_BYTES = 2**29  # of one record: a length beyond that is damage, and not worth the memory


class McapScan:
    """An MCAP file as a stream. Opening it counts what is readable; `note` says where it ends if that is early."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = ''
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Any] = {}
        counts, self.span_ns = _counted(self.messages(None))
        self.connections = [self._stored(channel, counts) for channel in self._channels.values()]

    def close(self) -> None:
        """Nothing is held open."""

    def _stored(self, channel: Any, counts: Counter[str]) -> StoredTopic:
        schema = self._schemas.get(channel.schema_id)
        text = schema.data.decode(errors='replace') if schema and schema.encoding == 'ros2msg' else ''
        qos = channel.metadata.get('offered_qos_profiles', '')
        return StoredTopic(channel.topic, full_type(schema.name) if schema else '', counts[channel.topic], text, qos)

    def messages(self, topics: Collection[str] | None) -> Iterator[RecordedMessage]:
        """Yield the messages of these topics in the order of the file."""
        last_ns = 0
        with self.path.open('rb') as file:
            for message in self._walk(file):
                last_ns = message.log_time
                channel = self._channels.get(message.channel_id)
                schema = self._schemas.get(channel.schema_id) if channel else None
                if channel and schema and (topics is None or channel.topic in topics):
                    yield RecordedMessage(channel.topic, full_type(schema.name), last_ns, inflated(message.data))
        if self.note and last_ns:
            self.note = f'{self.note.partition("; ")[0]}; the last readable message is of {1e-9 * last_ns:.3f} s'

    def _walk(self, file: Any) -> Iterator[Any]:
        """Yield the messages of a file, in chunks or not, and keep its schemas and channels."""
        for opcode, content in self._records(file):
            if opcode != CHUNK:
                yield from self._record(opcode, content)
                continue
            try:
                inside = BytesIO(_chunk(content))
            except Exception as error:  # whatever a decompressor says of damage
                self.note = f'{self.path.name} has damaged chunks ({type(error).__name__})'
                continue
            for within, record in self._split(inside, len(inside.getvalue())):
                yield from self._record(within, record)

    def _records(self, file: Any) -> Iterator[tuple[int, bytes]]:
        size = self.path.stat().st_size
        if file.read(8) != MAGIC:
            raise BagError(f'{self.path} is not an MCAP file.')
        yield from self._split(file, size)

    def _split(self, file: Any, size: int) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and content of each record up to the end of the data; the last may be cut off."""
        while len(head := file.read(9)) == 9:
            opcode, length = struct.unpack('<BQ', head)
            if opcode == DATA_END:
                return
            left = size - file.tell()
            if length > min(left, MOST_BYTES):
                break
            if opcode in (SCHEMA, CHANNEL, MESSAGE, CHUNK):
                yield opcode, file.read(length)
            else:
                file.seek(length, 1)
        else:
            if not head and isinstance(file, BytesIO):
                return  # a chunk ends without a mark
            opcode = 0
        self.note = self.note or f'{self.path.name} ends early, at byte {min(file.tell(), size)} of a cut-off record'
        if opcode == CHUNK:
            yield opcode, file.read(min(left, MOST_BYTES))

    def _record(self, opcode: int, content: bytes) -> Iterator[Any]:
        try:
            message = self._parsed(opcode, content)
        except Exception as error:  # whatever is said of bytes that are no record
            self.note = f'{self.path.name} has damaged records ({type(error).__name__})'
            return
        if message is not None:
            yield message

    def _parsed(self, opcode: int, content: bytes) -> Any:
        """Keep a schema or a channel, return a message."""
        from mcap.data_stream import ReadDataStream
        from mcap.records import Channel, Message, Schema

        stream = ReadDataStream(BytesIO(content))
        if opcode == MESSAGE:
            return Message.read(stream, len(content))
        if opcode == SCHEMA:
            schema = Schema.read(stream)
            self._schemas[schema.id] = schema
        elif opcode == CHANNEL:
            channel = Channel.read(stream)
            if channel.message_encoding == 'cdr':
                self._channels[channel.id] = channel
        return None


def _counted(messages: Iterable[RecordedMessage]) -> tuple[Counter[str], tuple[int, int] | None]:
    """Count messages by topic, and return the times of the first and the last."""
    counts: Counter[str] = Counter()
    span_ns: tuple[int, int] | None = None
    for each in messages:
        counts[each.topic] += 1
        first_ns, last_ns = span_ns or (each.log_ns, each.log_ns)
        span_ns = min(first_ns, each.log_ns), max(last_ns, each.log_ns)
    return counts, span_ns


def _chunk(content: bytes) -> bytes:
    """Return what a chunk record holds, as far as it can be decompressed."""
    kind_length = struct.unpack_from('<I', content, 28)[0]
    kind = content[32 : 32 + kind_length]
    packed = content[40 + kind_length :]
    if kind == b'zstd':
        import zstandard

        return b''.join(zstandard.ZstdDecompressor().read_to_iter(BytesIO(packed)))
    if kind == b'lz4':
        import lz4.frame

        return lz4.frame.LZ4FrameDecompressor().decompress(packed)
    return packed


class SqliteScan:
    """A rosbag2 database in the order of its rows, which is that of recording: no index is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = ''
        try:
            self._database = self._open()
            rows = self._database.execute('SELECT id, name, type, serialization_format FROM topics').fetchall()
            self._names = {number: (name, kind) for number, name, kind, form in rows if form == 'cdr'}
            texts = self._texts()
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise BagError(f'{path} is no rosbag2 database ({error}).') from error
        counts, self.span_ns = _counted(self.messages(None))
        self.connections = [
            StoredTopic(name, kind, counts[name], texts.get(kind, ''), self._qos(number))
            for number, (name, kind) in self._names.items()
        ]

    def _open(self) -> sqlite3.Connection:
        """Open for reading; with the write-ahead log of a recorder that was killed, if there is one."""
        wal = self.path.with_name(f'{self.path.name}-wal')
        how = 'mode=ro' if wal.exists() and wal.stat().st_size else 'immutable=1'
        database = sqlite3.connect(f'{self.path.resolve().as_uri()}?{how}', uri=True, check_same_thread=False)
        database.text_factory = lambda text: text.decode(errors='replace')
        return database

    def _texts(self) -> dict[str, str]:
        try:
            asked = "SELECT topic_type, encoded_message_definition FROM message_definitions WHERE encoding = 'ros2msg'"
            return dict(self._database.execute(asked).fetchall())
        except sqlite3.Error:  # before Iron
            return {}

    def _qos(self, number: int) -> str:
        try:
            asked = 'SELECT offered_qos_profiles FROM topics WHERE id = ?'
            return self._database.execute(asked, (number,)).fetchone()[0]
        except sqlite3.Error:  # before Foxy
            return ''

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def messages(self, topics: Collection[str] | None) -> Iterator[RecordedMessage]:
        """Yield the messages of these topics in the order of the rows."""
        wanted = [number for number, (name, _) in self._names.items() if topics is None or name in topics]
        asked = f'SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({",".join(map(str, wanted))})'
        last_ns: int | None = None
        try:
            for number, log_ns, data in self._database.execute(f'{asked} ORDER BY rowid'):
                if isinstance(log_ns, int) and isinstance(data, bytes):
                    last_ns = log_ns
                    yield RecordedMessage(*self._names[number], log_ns, inflated(data))
        except sqlite3.Error as error:
            ends = f'; the last readable message is of {1e-9 * last_ns:.3f} s' if last_ns is not None else ''
            self.note = f'{self.path.name} ends early ({error}){ends}'
