# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where moments come from: depth that a recording holds, or depth estimated of a recording, pictures and videos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.messages import stamp_ns
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.media import sources
from dav2_ros.media.images import MediaError, read_photo
from dav2_ros.media.video import Clip
from dav2_ros.view.scene import CURVES, Moment

STATS = 'dav2_ros/msg/InferenceStats'
WAITING = 64  # pictures, or numbers, that wait for depth of their stamp


def is_recording(path: Path) -> bool:
    """Whether a path is called as recordings are."""
    return path.suffix in ('.mcap', '.db3') or (path / 'metadata.yaml').is_file() or any(path.glob('*.mcap'))


def recorded(bag: BagReader, topic: str) -> Iterator[Moment]:
    """Yield the depth that a recording holds, with the picture and the numbers of its stamp. Raises BagError."""
    pictures, numbers = _by_stamp(_pictures(bag)), _by_stamp(_numbers(bag))
    for depth in bag.depths(topic):
        frame, found = pictures(depth.stamp_ns), numbers(depth.stamp_ns)
        yield Moment(depth, frame.rgb if frame else None, {**(found or {}), 'median_z_m': median_m(depth)})


def estimated(frames: Iterable[Frame], estimator: DepthEstimator) -> Iterator[Moment]:
    """Yield the estimated depth of frames."""
    for frame in frames:
        depth, timings = estimator.estimate(frame)
        yield Moment(depth, frame.rgb, {'engine_ms': timings.engine_ms, 'median_z_m': median_m(depth)})


def filmed(path: Path, hfov_deg: float) -> Iterator[Frame]:
    """Yield the frames of a video, or the pictures of a folder, one a second. Raises MediaError."""
    second = 1_000_000_000
    for number, source in enumerate(sources.find([path], path / 'out')):
        if isinstance(source, MediaError):
            raise source
        if not source.is_video:
            frame = read_photo(source.path, hfov_deg).frame
            yield Frame(frame.rgb, frame.camera, number * second)
            continue
        with Clip(source.path) as clip:
            for picture in clip:
                height, width = picture.rgb.shape[:2]
                camera = Camera.from_hfov(width, height, math.radians(hfov_deg))
                yield Frame(picture.rgb, camera, round(picture.time_s * second))


def median_m(depth: DepthMap) -> float:
    """Return the median of the known metres; NaN if there are none."""
    known_m = depth.z_m[::4, ::4][np.isfinite(depth.z_m[::4, ::4])]
    return float(np.median(known_m)) if known_m.size else math.nan


def _pictures(bag: BagReader) -> Iterator[tuple[int, Frame]]:
    try:
        topic = bag.picture_topic()
    except BagError:  # none, or nobody says which
        return
    for frame in bag.frames(topic):
        yield frame.stamp_ns, frame


def _numbers(bag: BagReader) -> Iterator[tuple[int, dict[str, float]]]:
    topics = [topic for topic, kind in bag.topics.items() if kind == STATS]
    for each in bag.raw(*topics) if topics else ():
        message = bag.decode(each)
        yield stamp_ns(message), {name: float(getattr(message, name)) for name in CURVES}


def _by_stamp(items: Iterator[tuple[int, object]]):
    """Return a function from a stamp to the item that has it, reading no further than needed; stamps only grow."""
    waiting: dict[int, object] = {}

    def find(at_ns: int):
        while at_ns not in waiting and (not waiting or max(waiting) < at_ns):
            item = next(items, None)
            if item is None:
                break
            waiting[item[0]] = item[1]
            if len(waiting) > WAITING:
                waiting.pop(min(waiting))
        return waiting.pop(at_ns, None)

    return find


def depth_topic(bag: BagReader) -> str:
    """Return the topic of recorded depth; '' if there is none. Raises BagError if there are several."""
    try:
        return bag.depth_topic()
    except BagError:
        if any('depth' in topic for topic in bag.topics):
            raise
        return ''
