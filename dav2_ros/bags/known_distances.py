# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure distances of a picture by tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraFrame
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.frames import Frame
from dav2_ros.image.rectify import rectified_pixels, rotation_of
from dav2_ros.scale.measurements import Distances


class TapeMeasure:
    """Distances that somebody measured while the camera stood: u, v, metres along the ray. Raises BagError.

    Pixels are those of the pictures as they were recorded, whatever is rectified afterwards.
    """

    def __init__(self, distances: Sequence[tuple[float, ...]]) -> None:
        self._uvm = np.array(distances, np.float32)  # (N, 3)
        self.handlers: dict[str, Callable[[RecordedMessage], None]] = {}  # nothing of a recording is read for it

    def __len__(self) -> int:
        return len(self._uvm)

    def at(self, picture: CameraFrame, frame: Frame) -> Distances:
        """Return the same for every picture, on what it was rectified to; raises BagError for a pixel outside of it."""
        height, width = picture.frame.rgb.shape[:2]
        for u, v, metres in self._uvm.tolist():
            if not (0 <= u < width and 0 <= v < height and metres > 0):
                raise BagError(
                    f'{u:g},{v:g},{metres:g} is no distance in a picture of {width}x{height}: give u,v,metres, the '
                    'metres from the lens.'
                )
        pixels, range_m = self._uvm[:, :2], self._uvm[:, 2]
        camera, target = picture.frame.camera, frame.camera
        if camera and target and camera != target:
            rotation = rotation_of(picture.info) if picture.info is not None else None
            pixels = rectified_pixels(pixels, camera, target, rotation).astype(np.float32)
            last = frame.rgb.shape[1] - 1, frame.rgb.shape[0] - 1
            seen = ((pixels >= -0.5) & (pixels <= np.add(last, 0.5))).all(axis=1)
            pixels, range_m = np.clip(pixels[seen], 0, last).astype(np.float32), range_m[seen]
        return Distances(pixels, range_m, frame.stamp_ns)
