# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a picture's distances, beside what depth says of the same: pixel by pixel, or point by point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.frames import Seen
from dav2_ros.bags.sensor import Sensor
from dav2_ros.frames import DepthMap, is_same_frame
from dav2_ros.scale.evidence import Distances, Evidence

SAME_CAMERA = 0.01  # of focal lengths and principal points, relative to the width: calibrations of one camera differ so


@dataclass(frozen=True, eq=False)
class Compared:
    """Known distances and what depth says of them, both of one shape; NaN where depth says nothing."""

    true_m: np.ndarray  # (H, W), or (N,)
    z_m: np.ndarray  # the same
    coverage: float  # share of the known pixels, or for points of the whole picture, that have a finite depth

    @property
    def is_dense(self) -> bool:
        """Whether they are pictures."""
        return self.true_m.ndim == 2


class Truth(Protocol):
    """Anything that knows distances."""

    name: str

    def at(self, seen: Seen) -> DepthMap | Evidence | None:
        """Return what is known at a picture's moment; None if nothing is."""


class SensorTruth:
    """A depth camera's images, or a LiDAR's points."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        where = 'by TF' if sensor.by_tf else 'by the parameters scale_sensor_*'
        self.name = f"{sensor.topic} ({sensor.source}, its place {where} unless it is the camera's own)"
        self.why_not = ''  # the last reason why there was nothing

    def at(self, seen: Seen) -> DepthMap | Evidence | None:
        """Return a depth image of the same camera as it is, anything else as points in the camera's frame."""
        message, why = self.sensor.heard(seen.frame.stamp_ns)
        if message is None:
            self.why_not = why
            return None
        try:
            if self.sensor.source == 'depth':
                depth = self.sensor.depth(message)
                if is_of(depth, seen):
                    return depth
            return self.sensor.evidence(message, seen.frame.frame_id)
        except ValueError as error:
            self.why_not = str(error)
            return None


class TapeTruth:
    """Distances that somebody measured while the camera stood: u, v, metres along the ray."""

    def __init__(self, distances: list[tuple[float, ...]]) -> None:
        uvm = np.array(distances, np.float32)
        self._pixels, self._range_m = uvm[:, :2], uvm[:, 2]
        if not ((uvm >= 0).all() and (self._range_m > 0).all()):
            raise BagError('A distance is U,V,METRES with a pixel of the picture and metres from the lens.')
        self.name = f'{len(uvm)} distances by tape measure'
        self.why_not = ''

    def at(self, seen: Seen) -> Evidence | None:
        """Return the same for every picture."""
        height, width = seen.frame.rgb.shape[:2]
        if (self._pixels > (width - 1, height - 1)).any():
            raise BagError(f'A --distance is outside of a picture of {width}x{height} pixels.')
        return Distances(self._pixels, self._range_m, seen.frame.stamp_ns)


def is_of(depth: DepthMap, seen: Seen) -> bool:
    """Tell whether a depth image shows what a picture shows, pixel by pixel."""
    camera, other = seen.frame.camera, depth.camera
    if not is_same_frame(depth.frame_id, seen.frame.frame_id) or depth.z_m.shape != seen.frame.rgb.shape[:2]:
        return False
    if camera is None or other is None:
        return True
    apart = np.subtract([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px],
                        [other.fx_px, other.fy_px, other.cx_px, other.cy_px])  # fmt: skip
    return bool(np.abs(apart).max() <= SAME_CAMERA * camera.width)


def compare(known: DepthMap | Evidence, depth: DepthMap) -> Compared:
    """Put what is known beside what depth says of it; raises ValueError if that takes a camera and there is none."""
    finite = np.isfinite(depth.z_m)
    if isinstance(known, DepthMap):
        there = np.isfinite(known.z_m) & (known.z_m > 0)
        return Compared(known.z_m, depth.z_m, float(finite[there].mean()) if there.any() else np.nan)
    pairs = known.pairs(depth)
    return Compared(pairs.known_m, pairs.model_m, float(finite.mean()))
