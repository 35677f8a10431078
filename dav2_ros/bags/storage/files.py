# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Open the files of a recording, each by its index, or else from front to back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.records import RecordedMessage, StoredFile, StoredTopic, full_type, inflated
from dav2_ros.bags.storage.recovery import McapScan, SqliteScan

SCANS: dict[str, Callable[[Path], StoredFile]] = {'.mcap': McapScan, '.db3': SqliteScan}
PIECE = 2**22  # bytes read at once from a compressed file


class IndexedFile:
    """A whole file, by rosbags. What turns out to be damaged while it is read is read on from front to back."""

    def __init__(self, path: Path) -> None:
        from rosbags.rosbag2 import Reader

        self.path = path
        self.note = ''
        self._reader = Reader(path)
        self._reader.open()
        try:
            _check_index(path, self._reader)
            self._connections = [c for c in self._reader.connections if c.ext.serialization_format == 'cdr']
            self.connections = [_stored(connection) for connection in self._connections]
            whole = self._reader.message_count
            self.span_ns = (self._reader.start_time, self._reader.end_time - 1) if whole else None
        except BaseException:
            self._reader.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with suppress(Exception):  # a damaged one may not even close
            self._reader.close()

    def messages(self, topics: Collection[str] | None) -> Iterator[RecordedMessage]:
        """Yield the messages of these topics in order of time."""
        wanted = [c for c in self._connections if topics is None or c.topic in topics]
        last_ns: int | None = None  # the time of the last message
        at_last: list[Any] = []  # all messages of that time
        try:
            for connection, log_ns, data in self._reader.messages(wanted) if wanted else ():
                at_last = [*at_last, data] if log_ns == last_ns else [data]
                last_ns = log_ns
                yield RecordedMessage(connection.topic, full_type(connection.msgtype), log_ns, inflated(bytes(data)))
            return
        except Exception as error:  # a border: rosbags, SQLite and decompressors raise all sorts for damage
            why = f'{type(error).__name__}: {error}'
        yield from self._rest(topics, last_ns, at_last, why)

    def _rest(
        self, topics: Collection[str] | None, last_ns: int | None, at_last: list[Any], why: str
    ) -> Iterator[RecordedMessage]:
        """Yield what comes after the damage, as far as it can be read without the index."""
        self.note = f'{self.path.name} is damaged ({" ".join(why.split())})'
        with suppress(BagError), closing(SCANS[self.path.suffix](self.path)) as scan:
            for each in scan.messages(topics):
                if last_ns is None or each.log_ns > last_ns or (each.log_ns == last_ns and each.data not in at_last):
                    yield each
            self.note = scan.note or self.note


def _check_index(path: Path, reader: Any) -> None:
    """Raise BagError for a file that is read better from front to back."""
    if path.suffix == '.mcap' and not reader.storage.chunks and reader.message_count:
        raise BagError('without an index')
    if path.suffix == '.db3':
        wal = path.with_name(f'{path.name}-wal')
        if wal.exists() and wal.stat().st_size:
            raise BagError('with a write-ahead log')
        with closing(sqlite3.connect(f'{path.resolve().as_uri()}?immutable=1', uri=True)) as database:
            indices = [row[1] for row in database.execute('PRAGMA index_list(messages)')]
            columns = [database.execute(f'PRAGMA index_info({name!r})').fetchone()[2] for name in indices]
            if 'timestamp' not in columns:  # SQLite would sort all that was recorded on disk
                raise BagError('without an index')


def _stored(connection: Any) -> StoredTopic:
    from rosbags.interfaces import MessageDefinitionFormat

    text = connection.msgdef.data if connection.msgdef.format == MessageDefinitionFormat.MSG else ''
    qos = connection.ext.offered_qos_profiles
    return StoredTopic(connection.topic, full_type(connection.msgtype), connection.msgcount, text, qos)


def open_file(path: Path, folder: Path) -> StoredFile:
    """Open a file of a recording; `folder` is for what must be decompressed. Raises BagError, one sentence."""
    cut = ''
    if path.suffix == '.zstd':
        path, cut = _decompressed(path, folder)
    if path.suffix not in SCANS:
        raise BagError(f'{path} is no .mcap and no .db3 file.')
    try:
        opened: StoredFile = IndexedFile(path)
    except Exception:  # a border: whatever keeps rosbags from opening it, what is in it may be read all the same
        try:
            opened = SCANS[path.suffix](path)
        except OSError as error:
            raise BagError(f'{path} cannot be read ({error}).') from error
    opened.note = opened.note or cut
    if not opened.connections and opened.note:
        opened.close()
        raise BagError(f'{path} is not a whole recording, and nothing in it is readable ({opened.note}).')
    return opened


def _decompressed(path: Path, folder: Path) -> tuple[Path, str]:
    """Decompress a file, as far as it goes; return where to, and where it was cut off."""
    import zstandard

    out = folder / path.stem
    with path.open('rb') as packed, out.open('wb') as plain:
        try:
            for piece in zstandard.ZstdDecompressor().read_to_iter(packed, read_size=PIECE):
                plain.write(piece)
        except zstandard.ZstdError as error:
            return out, f'{path.name} ends early ({error})'
    return out, ''


def find_files(path: Path) -> tuple[list[Path], list[str]]:
    """Return the files of a recording in order, and a sentence for each that is missing; raises BagError."""
    if not path.exists():
        raise BagError(f'There is no recording at {path}.')
    if path.is_file():
        return [path], []
    names, notes = _listed(path)
    there = [path / name for name in names if (path / name).is_file()]
    notes += [f'{name} is missing' for name in names if not (path / name).is_file()]
    if not there:
        patterns = ('*.mcap', '*.db3', '*.mcap.zstd', '*.db3.zstd')
        there = sorted((file for pattern in patterns for file in path.glob(pattern)), key=_number)
    if not there:
        raise BagError(f'{path} is not a whole recording: there is no .mcap and no .db3 file in it.')
    return there, notes


def _listed(path: Path) -> tuple[list[str], list[str]]:
    """Read the names of the files in metadata.yaml, which a recorder writes last."""
    import yaml

    try:
        about = yaml.safe_load((path / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
        return [Path(str(name)).name for name in about['relative_file_paths']], []
    except OSError:
        return [], ['metadata.yaml is missing: the recording did not end well']
    except (yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        return [], [f'metadata.yaml is damaged ({type(error).__name__})']


def _number(file: Path) -> tuple[str, int]:
    """Sort drive_10 after drive_9."""
    stem = file.name.partition('.')[0]
    found = re.fullmatch(r'(?s)(.*?)_?(\d*)', stem)
    assert found is not None, 'whatever a file is called, this fits'
    return found[1], int(found[2] or 0)
