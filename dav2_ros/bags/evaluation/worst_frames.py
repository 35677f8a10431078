# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep the worst frames of an evaluation, as pictures."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import cv2
import numpy as np

from dav2_ros.evaluation.metrics import DepthMetrics
from dav2_ros.evaluation.page import FramePictures
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.scale.measurements import Measurement, Points
from dav2_ros.scale.projection import in_picture, nearest_returns

SHOWN_PX = 480  # across


class WorstFrames:
    """Keeps the frames with the largest AbsRel, small."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._heap: list[tuple[float, int, FramePictures]] = []

    def offer(
        self, metrics: DepthMetrics, at_s: float, frame: Frame, known: DepthMap | Measurement, depth: DepthMap
    ) -> None:
        """Keep a frame, if it is bad enough."""
        self._count += 1
        if not self._most or (len(self._heap) >= self._most and metrics.abs_rel <= self._heap[0][0]):
            return
        caption = f'{at_s:.1f} s: AbsRel {metrics.abs_rel:.3f}, of {metrics.pixels} known distances'
        shown = FramePictures(caption, *_small(frame.rgb, truth_picture(known, depth), depth.z_m))
        heapq.heappush(self._heap, (metrics.abs_rel, self._count, shown))
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)

    def pictures(self) -> tuple[FramePictures, ...]:
        """Return them, the worst first."""
        return tuple(shown for _, _, shown in sorted(self._heap, key=lambda each: -each[0]))


def truth_picture(known: DepthMap | Measurement, depth: DepthMap) -> np.ndarray:
    """Return (H, W) float32: known distances where they fall on the picture, NaN elsewhere."""
    if isinstance(known, DepthMap):
        return known.z_m
    height, width = depth.z_m.shape
    sparse = np.full((height, width), np.nan, np.float32)
    if isinstance(known, Points) and depth.camera:
        xyz_m, at = in_picture(known.xyz_m, depth.camera)
        seen = nearest_returns(at, xyz_m[:, 2], (height, width))
        u, v = np.rint(at[seen]).astype(np.intp).T
        inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
        sparse[v[inside], u[inside]] = xyz_m[seen, 2][inside]
    return sparse


def _small(rgb: np.ndarray, *maps: np.ndarray) -> Iterable[np.ndarray]:
    """Return a picture and maps, small enough to keep."""
    step = max(1, round(rgb.shape[1] / SHOWN_PX))
    size = (-(-rgb.shape[1] // step), -(-rgb.shape[0] // step))
    yield cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if step > 1 else rgb
    for each in maps:
        yield each[::step, ::step].copy()
