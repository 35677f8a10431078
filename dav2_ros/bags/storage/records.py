# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describe what a file of a recording holds: topics, and messages in CDR."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'  # no CDR begins so: rosbag2 compressed each message on its own


@dataclass(frozen=True, eq=False)
class RecordedMessage:
    """One message of a recording."""

    topic: str
    msgtype: str
    log_ns: int  # when it was recorded
    data: bytes  # CDR


@dataclass(frozen=True, eq=False)
class StoredTopic:
    """One topic of a file."""

    topic: str
    msgtype: str
    count: int
    definition: str = ''  # .msg text with all that it names; '' if the recording does not carry it
    qos: Any = ''  # offered profiles: rosbags' list, or YAML


class StoredFile(Protocol):
    """A file of a recording, open."""

    connections: list[StoredTopic]
    span_ns: tuple[int, int] | None  # when the first and the last message were recorded; None: there is none
    note: str  # where it ends, if that is early; ''

    def messages(self, topics: Collection[str] | None) -> Iterator[RecordedMessage]:
        """Yield the messages of these topics, or all."""

    def close(self) -> None:
        """Let go of the file."""


def inflated(data: bytes) -> bytes:
    """Return the message of a record, which rosbag2 may have compressed."""
    if data[:4] != ZSTD_MAGIC:
        return data
    import zstandard

    try:
        return zstandard.decompress(data)
    except zstandard.ZstdError:  # damaged: who decodes it says so
        return data


def full_type(name: str) -> str:
    """Return package/msg/Name, which some writers of MCAP shorten to package/Name."""
    return name.replace('/', '/msg/') if name.count('/') == 1 else name
