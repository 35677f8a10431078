# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read a recording in one pass: each picture comes when all that was recorded around its time is known.

What a picture needs (its camera_info, the nearest scan, a transform) may have been recorded a moment after it. So a
picture waits until the recording is AHEAD_S further; memory holds that moment, and never the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.frames import StampHistory, stamp_ns
from dav2_ros.image.camera_info import info_of_image

AHEAD_S = 0.5
MOST_WAITING = 64  # pictures; a recording whose clock stands still is not kept in memory


def sweep(
    bag: BagReader,
    picture_topic: str,
    others: Mapping[str, Callable[[RecordedMessage], None]],
    ahead_s: float = AHEAD_S,
) -> Iterator[RecordedMessage]:
    """Yield the pictures of a topic in order; messages of other topics go to their handlers as they are read."""
    waiting: deque[RecordedMessage] = deque()
    for recorded in bag.raw(picture_topic, *others):
        if recorded.topic in others:
            others[recorded.topic](recorded)
        if recorded.topic == picture_topic:
            waiting.append(recorded)
        while waiting and (
            not others or len(waiting) > MOST_WAITING or abs(recorded.log_ns - waiting[0].log_ns) > 1e9 * ahead_s
        ):
            yield waiting.popleft()
    yield from waiting


class CameraInfoStream:
    """The latest CameraInfos of one camera, by stamp; at least one for ever."""

    def __init__(self, bag: BagReader, topic: str, most: int = 512) -> None:
        self._bag = bag
        self._infos: StampHistory[Any] = StampHistory(most)
        first = next(iter(bag.raw(topic)), None) if topic else None
        if first is not None:
            self.add(first)

    def add(self, recorded: RecordedMessage) -> None:
        """Take one in; the oldest is forgotten."""
        info = self._bag.decode(recorded)
        self._infos.add(stamp_ns(info), info)

    def at(self, stamp: int) -> Any | None:
        """Return the info of this stamp, else the latest before it, else the first; None if there is none."""
        return self._infos.at(stamp)

    def of(self, stamp: int, shape: tuple[int, int]) -> Any | None:
        """Return the info of a picture (height, width), with its size if the driver left it 0; None if there is none.

        Raises ValueError if it is of pictures of another size.
        """
        info = self.at(stamp)
        return None if info is None else info_of_image(info, *shape[::-1], 'name the right one with --info-topic.')
