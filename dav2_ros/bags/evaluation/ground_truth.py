# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Put known distances of a picture beside what depth says of the same: pixel by pixel, or point by point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dav2_ros.bags.camera_stream import CameraFrame
from dav2_ros.bags.known_distances import TapeMeasure
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.frames import DepthMap, Frame, is_same_frame
from dav2_ros.scale.measurements import Measurement

SAME_CAMERA = 0.01  # of focal lengths and principal points, relative to the width: calibrations of one camera differ so


@dataclass(frozen=True, eq=False)
class ComparedDepth:
    """Known distances and what depth says of them, both of one shape; NaN where depth says nothing."""

    true_m: np.ndarray  # (H, W), or (N,)
    z_m: np.ndarray  # the same
    coverage: float  # share of the known pixels, or for points of the whole picture, that have a finite depth

    @property
    def is_dense(self) -> bool:
        """Whether they are pictures."""
        return self.true_m.ndim == 2


class GroundTruth(Protocol):
    """Anything that knows distances."""

    name: str
    why_not: str  # the last reason why there was nothing

    @property
    def handlers(self) -> Mapping[str, Callable[[RecordedMessage], None]]:
        """What it reads of a recording, by topic."""

    def at(self, picture: CameraFrame, frame: Frame) -> DepthMap | Measurement | None:
        """Return what is known of a recorded picture, as `frame` shows it (rectified); None if nothing is."""


class SensorTruth:
    """A depth camera's images, or a LiDAR's points."""

    def __init__(self, sensor: RecordedSensor) -> None:
        self._sensor = sensor
        self.handlers = sensor.handlers
        where = 'by TF' if sensor.by_tf else 'by the parameters scale_sensor_*'
        self.name = f"{sensor.topic} ({sensor.source}, its place {where} unless it is the camera's own)"
        self.why_not = ''

    def at(self, picture: CameraFrame, frame: Frame) -> DepthMap | Measurement | None:
        """Return a depth image of the same camera as it is, anything else as points in the camera's frame."""
        message, why = self._sensor.message_at(frame.stamp_ns)
        if message is None:
            self.why_not = why
            return None
        try:
            if self._sensor.source == 'depth':
                depth = self._sensor.depth(message)
                if is_aligned(depth, frame):
                    return depth
            return self._sensor.measurement(message, frame.frame_id)
        except ValueError as error:
            self.why_not = str(error)
            return None


class TapeTruth:
    """Distances that somebody measured while the camera stood."""

    def __init__(self, tape: TapeMeasure) -> None:
        self._tape = tape
        self.handlers = tape.handlers
        self.name = f'{len(tape)} distances by tape measure'
        self.why_not = ''

    def at(self, picture: CameraFrame, frame: Frame) -> Measurement | None:
        """Return the same for every picture."""
        return self._tape.at(picture, frame)


def is_aligned(depth: DepthMap, frame: Frame) -> bool:
    """Tell whether a depth image shows what a picture shows, pixel by pixel."""
    camera, other = frame.camera, depth.camera
    if not is_same_frame(depth.frame_id, frame.frame_id) or depth.z_m.shape != frame.rgb.shape[:2]:
        return False
    if camera is None or other is None:
        return True
    apart = np.subtract([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px],
                        [other.fx_px, other.fy_px, other.cx_px, other.cy_px])  # fmt: skip
    return bool(np.abs(apart).max() <= SAME_CAMERA * camera.width)


def compare(known: DepthMap | Measurement, depth: DepthMap) -> ComparedDepth:
    """Put what is known beside what depth says of it; raises ValueError if that takes a camera and there is none."""
    finite = np.isfinite(depth.z_m)
    if isinstance(known, DepthMap):
        there = np.isfinite(known.z_m) & (known.z_m > 0)
        return ComparedDepth(known.z_m, depth.z_m, float(finite[there].mean()) if there.any() else np.nan)
    pairs = known.pairs(depth)
    return ComparedDepth(pairs.known_m, pairs.model_m, float(finite.mean()))
