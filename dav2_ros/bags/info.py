# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Inspect a recording: its cameras, what knows distances beside them, and what is missing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dav2_ros.bags import BagError
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.messages import CAMERA_INFO, COMPRESSED, IMAGE, POINT_CLOUD, RANGE, SCAN
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage, StoredTopic
from dav2_ros.bags.transforms import TF, TF_STATIC, TF_TYPE, Transforms
from dav2_ros.frames import is_same_frame, stamp_ns
from dav2_ros.image.camera_info import info_of_image

USES = {CAMERA_INFO: 'calibration', POINT_CLOUD: 'lidar', SCAN: 'scan', RANGE: 'range', TF_TYPE: 'transforms'}
SOURCES = ('depth', 'lidar', 'scan', 'range')
NOT_ITS_OWN = 'it is not of these pictures, name theirs with --info-topic.'
TF_READ = 500  # messages of /tf: all frames have moved by then


@dataclass(frozen=True)
class TopicListing:
    """One topic."""

    topic: str
    type: str
    messages: int
    hz: float  # NaN for a single message
    use: str  # picture, depth, calibration, lidar, scan, range, transforms; '' if we have none for it


@dataclass(frozen=True)
class SensorListing:
    """A topic that knows distances, and whether it is known where its sensor is."""

    topic: str
    source: str
    where: str  # 'same frame', 'by tf', or why its place is not known


@dataclass(frozen=True)
class CameraListing:
    """A topic of pictures, and what belongs to it."""

    topic: str
    encoding: str
    width: int
    height: int
    frame_id: str
    info_topic: str
    lens: str  # field of view and distortion; '' if it is not calibrated
    partners: tuple[SensorListing, ...]
    missing: tuple[str, ...]  # sentences


@dataclass(frozen=True)
class Overview:
    """A recording at a glance."""

    path: str
    files: tuple[str, ...]
    duration_s: float
    topics: tuple[TopicListing, ...]
    cameras: tuple[CameraListing, ...]
    notes: tuple[str, ...]


def overview(path: Path) -> Overview:
    """Look at a recording: at the first message of each topic, and at the counts of all. Raises BagError."""
    with BagReader(path) as bag:
        span = bag.span_ns or (0, 0)
        duration_s = 1e-9 * (span[1] - span[0])
        firsts = {topic: _first(bag, topic) for topic in bag.topics}
        listed = tuple(
            TopicListing(topic, each.msgtype, each.count, _hz(each.count, duration_s), _use(each, firsts[topic]))
            for topic, each in sorted(bag.stored.items())
        )
        transforms = _transforms(bag)
        pictures = [each.topic for each in listed if each.use == 'picture']
        sensors = {each.topic: each.use for each in listed if each.use in SOURCES}
        cameras = tuple(_camera(bag, topic, firsts, sensors, transforms) for topic in pictures)
        names = tuple(file.name for file in bag.paths)
        return Overview(str(path), names, duration_s, listed, cameras, tuple(bag.notes))


def _first(bag: BagReader, topic: str) -> Any | None:
    recorded: RecordedMessage | None = next(iter(bag.raw(topic)), None)
    try:
        return bag.decode(recorded) if recorded else None
    except BagError:
        return None


def _hz(count: int, duration_s: float) -> float:
    return (count - 1) / duration_s if count > 1 and duration_s else math.nan


def _use(stored: StoredTopic, first: Any | None) -> str:
    if stored.msgtype not in (IMAGE, COMPRESSED):
        return USES.get(stored.msgtype, '')
    form = getattr(first, 'encoding', '') or getattr(first, 'format', '')
    is_depth = form in ('32FC1', '16UC1') or 'compressedDepth' in form
    return 'depth' if is_depth else '' if 'disparity' in stored.topic else 'picture'


def _transforms(bag: BagReader) -> Transforms | None:
    if not {TF, TF_STATIC} & bag.topics.keys():
        return None
    found = Transforms()
    for topic, most in ((TF_STATIC, None), (TF, TF_READ)):
        for i, recorded in enumerate(bag.raw(topic)):
            if i == most:
                break
            try:
                found.add(bag.decode(recorded), static=topic == TF_STATIC)
            except BagError:
                continue
    return found


def _camera(
    bag: BagReader, topic: str, firsts: dict[str, Any], sensors: dict[str, str], transforms: Transforms | None
) -> CameraListing:
    first, info_topic, missing = firsts[topic], bag.info_topic(topic), []
    encoding, size, frame_id = '', (0, 0), ''
    try:
        if first is None:
            raise BagError('its first message cannot be read')
        encoding, frame_id = getattr(first, 'encoding', '') or first.format, first.header.frame_id
        size = messages.picture(first).shape[:2]
    except BagError as error:
        missing.append(f'Its first picture cannot be used: {error}')
    lens = ''
    if not info_topic:
        missing.append(f'No camera_info beside {topic}: no points, and its focal length is assumed; --info-topic.')
    else:
        lens, why = _lens(firsts[info_topic], size)
        missing += [f'{info_topic}: {why}'] if why else []
    partners = tuple(
        SensorListing(name, source, _where(firsts[name], frame_id, transforms)) for name, source in sensors.items()
    )
    if not partners:
        missing.append('Nothing knows distances: evaluate against a tape measure (--distance U,V,METRES).')
    return CameraListing(topic, encoding, size[1], size[0], frame_id, info_topic, lens, partners, tuple(missing))


def _lens(info: Any | None, size: tuple[int, int]) -> tuple[str, str]:
    """Return what a CameraInfo says of a lens, and what is wrong with it."""
    try:
        fitting = info_of_image(info, size[1], size[0], NOT_ITS_OWN) if info is not None and all(size) else info
        camera = messages.camera(fitting) if fitting is not None else None
    except ValueError as error:  # BagError is one
        return '', str(error)
    if camera is None:
        return '', 'the camera is not calibrated (K is zero).'
    bent = camera.distortion_model if camera.is_distorted else 'no distortion'
    return f'{math.degrees(camera.hfov_rad):.1f} deg across, {bent}', ''


def _where(first: Any | None, camera_frame: str, transforms: Transforms | None) -> str:
    if first is None:
        return 'its first message cannot be read'
    if camera_frame and is_same_frame(first.header.frame_id, camera_frame):
        return 'same frame'
    if transforms is None:
        return 'no TF in the recording: give its pose (-p scale_sensor_x_m:=... )'
    try:
        transforms.pose(camera_frame, first.header.frame_id, stamp_ns(first))
    except BagError as error:
        return str(error)
    return 'by TF'


def to_json(found: Overview) -> str:
    """Return an overview as JSON; a rate that there is not is null."""
    value = asdict(found)
    for each in value['topics']:
        each['hz'] = None if math.isnan(each['hz']) else each['hz']
    return json.dumps(value, indent=1)


def to_text(found: Overview) -> str:
    """Return an overview for people."""
    lines = [f'{found.path}: {", ".join(found.files)}; {found.duration_s:.1f} s', '']
    rows = [('TOPIC', 'TYPE', 'MESSAGES', 'HZ', 'USE')]
    for each in found.topics:
        hz = '-' if math.isnan(each.hz) else f'{each.hz:.1f}'
        rows.append((each.topic, each.type, str(each.messages), hz, each.use or '-'))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines += ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for camera in found.cameras:
        size = f'{camera.width}x{camera.height}' if camera.width else 'unknown size'
        lines += ['', f'Camera {camera.topic}: {size} {camera.encoding}, frame {camera.frame_id!r}']
        lines += [f'  camera_info  {camera.info_topic}: {camera.lens}'] if camera.lens else []
        lines += [f'  {partner.source:11}  {partner.topic}: {partner.where}' for partner in camera.partners]
        lines += [f'  missing      {sentence}' for sentence in camera.missing]
    if not found.cameras:
        lines += ['', 'There are no pictures in it.']
    lines += [f'Damage: {note}' for note in found.notes]
    return '\n'.join(lines)
