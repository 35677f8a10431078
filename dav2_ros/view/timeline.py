# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read or estimate depth along time: of a recording that holds it, or of pictures, videos and recordings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraFrame, CameraStream
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.frames import Frame, stamp_ns
from dav2_ros.media import sources
from dav2_ros.media.images import MediaError, check_picture, read_photo
from dav2_ros.media.video import VideoClip
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.stats import depth_range
from dav2_ros.view.scene import CURVES, TimelineFrame

T = TypeVar('T')
STATS = 'dav2_ros/msg/InferenceStats'
WAITING = 64  # pictures, or numbers, that wait for depth of their stamp


def is_recording(path: Path) -> bool:
    """Whether a path is called as recordings are."""
    return path.suffix in ('.mcap', '.db3') or (path / 'metadata.yaml').is_file() or any(path.glob('*.mcap'))


def recorded(bag: BagReader, topic: str) -> Iterator[TimelineFrame]:
    """Yield the depth that a recording holds, with the picture and the numbers of its stamp. Raises BagError."""
    pictures, numbers = _by_stamp(_pictures(bag)), _by_stamp(_numbers(bag))
    for depth in bag.depths(topic):
        frame, found = pictures(depth.stamp_ns), numbers(depth.stamp_ns)
        found = {**(found or {}), 'median_z_m': depth_range(depth.z_m).median_z_m}
        yield TimelineFrame(depth, frame.rgb if frame else None, found)


def estimated(clips: Iterable[Iterable[CameraFrame]], pipeline: DepthPipeline) -> Iterator[TimelineFrame]:
    """Yield the estimated depth of clips: what the frames of one have taught says nothing about the next."""
    for clip in clips:
        pipeline.reset()
        for each in clip:
            result = pipeline.process(each.frame, each.measurement, each.missing, info=each.info)
            numbers = {
                'engine_ms': result.stats.engine_ms,
                'scale': result.stats.scale,
                'median_z_m': depth_range(result.depth.z_m).median_z_m,
            }
            yield TimelineFrame(result.depth, result.frame.rgb, numbers)


def recorded_clip(stream: CameraStream) -> Iterator[CameraFrame]:
    """Yield the pictures of a recording's camera; damaged ones are left out. Raises BagError."""
    for picture in stream.read(skip=lambda recorded: False):
        if isinstance(picture, CameraFrame):
            yield picture


def filmed_clips(path: Path, hfov_deg: float) -> Iterator[Iterable[CameraFrame]]:
    """Yield each video, and each picture of a folder, one a second, as a clip of its own. Raises MediaError."""
    second = 1_000_000_000
    for number, source in enumerate(sources.find([path], path / 'out')):
        if isinstance(source, MediaError):
            raise source
        if not source.is_video:
            frame = read_photo(source.path, hfov_deg).frame
            yield [_without_sensor(Frame(frame.rgb, frame.camera, number * second))]
        else:
            yield _video(source.path, hfov_deg)


def _video(path: Path, hfov_deg: float) -> Iterator[CameraFrame]:
    with VideoClip(path) as clip:
        for picture in clip:
            height, width = check_picture(picture.rgb, path)
            camera = Camera.from_hfov(width, height, math.radians(hfov_deg))
            yield _without_sensor(Frame(picture.rgb, camera, round(picture.time_s * 1e9)))


def _without_sensor(frame: Frame) -> CameraFrame:
    return CameraFrame(frame, None, frame.stamp_ns, None, '', 0.0)


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


def _by_stamp(items: Iterator[tuple[int, T]]) -> Callable[[int], T | None]:
    """Return a function from a stamp to the item that has it, reading no further than needed; stamps only grow."""
    waiting: dict[int, T] = {}

    def find(at_ns: int) -> T | None:
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
