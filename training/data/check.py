# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Check a data set before a training reads it: sizes, ranges, how much is known, what cannot be read."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dav2_training.data.sample import DataError, DepthSet, Sample

VALUES_PER_FRAME = 4096  # that count for the percentiles


@dataclass(frozen=True)
class SetStatistics:
    """What some frames of a data set have in common."""

    frames: int  # in the split
    read: int
    broken: tuple[str, ...]  # a sentence each
    sizes: tuple[tuple[str, int], ...]  # '640x480' and how many, the most frequent first
    without_camera: int
    hfov_deg: tuple[float, float]  # narrowest and widest; NaN without cameras
    known: float  # share of the pixels; NaN without truth
    sky: float  # share of the pixels
    low: float  # of what is known and no sky: metres, or disparity
    high: float
    percentiles: tuple[float, float, float]  # 1, 50 and 99
    read_s: float

    @property
    def per_second(self) -> float:
        """Frames read in a second by one process."""
        return self.read / self.read_s if self.read_s else math.nan


def collect_statistics(
    opened: DepthSet, numbers: list[int], keep: dict[int, Sample], tick: Callable[[], None]
) -> SetStatistics:
    """Read the frames with these numbers; those that are keys of `keep` are put there. Calls `tick` after each."""
    parts, broken, sizes = [], [], Counter()
    started = time.perf_counter()
    for number in numbers:
        try:
            sample = opened[number]
        except DataError as error:
            broken.append(str(error))
        else:
            height, width = sample.rgb.shape[:2]
            sizes[f'{width}x{height}'] += 1
            parts.append(_frame(sample))
            if number in keep:
                keep[number] = sample
        tick()
    read_s = time.perf_counter() - started
    hfovs_deg = [part.hfov_deg for part in parts if not math.isnan(part.hfov_deg)]
    values = np.concatenate([part.values for part in parts]) if parts else np.zeros(0)
    some = values.size > 0
    return SetStatistics(
        frames=len(opened),
        read=len(parts),
        broken=tuple(broken),
        sizes=tuple(sizes.most_common()),
        without_camera=len(parts) - len(hfovs_deg),
        hfov_deg=(min(hfovs_deg), max(hfovs_deg)) if hfovs_deg else (math.nan, math.nan),
        known=float(np.mean([part.known for part in parts])) if parts else math.nan,
        sky=float(np.mean([part.sky for part in parts])) if parts else math.nan,
        low=float(min(part.low for part in parts)) if some else math.nan,
        high=float(max(part.high for part in parts)) if some else math.nan,
        percentiles=tuple(np.percentile(values, (1, 50, 99)).tolist()) if some else (math.nan,) * 3,
        read_s=read_s,
    )


@dataclass(frozen=True, eq=False)
class _FrameStatistics:
    known: float
    sky: float
    low: float  # +inf where nothing is known
    high: float  # 0 likewise
    values: np.ndarray
    hfov_deg: float


def _frame(sample: Sample) -> _FrameStatistics:
    hfov_deg = math.degrees(sample.camera.hfov_rad) if sample.camera else math.nan
    if sample.z_m is None and sample.disparity is None:
        return _FrameStatistics(math.nan, math.nan, math.inf, 0.0, np.zeros(0), hfov_deg)
    truth = sample.z_m if sample.z_m is not None else sample.disparity
    sky = np.isposinf(truth) if sample.z_m is not None else truth == 0
    values = truth[np.isfinite(truth) & ~sky]
    step = max(1, values.size // VALUES_PER_FRAME)
    low, high = (values.min(), values.max()) if values.size else (math.inf, 0.0)
    return _FrameStatistics(float(sample.valid.mean()), float(sky.mean()), low, high, values[::step], hfov_deg)
