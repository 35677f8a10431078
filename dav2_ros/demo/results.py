# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read a recorded run of the demo: counts, times, and depth against the truth."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.demo.processes import DemoError
from dav2_ros.evaluation.metrics import DepthMetrics, depth_metrics, mean
from dav2_ros.files.atomic import write_json
from dav2_ros.frames import stamp_ns
from dav2_ros.media.contact_sheet import SheetRow

IMAGE, TRUTH = '/camera/image/compressed', '/camera/depth/image/compressedDepth'
DEPTH, POINTS, STATS = '/depth/image', '/points', '/stats'
TRUTH_MAX_M = 65.535  # 16-bit millimetres end there


@dataclass(frozen=True)
class FrameResult:
    """One frame that became depth."""

    number: int  # among the published ones
    stamp_ns: int
    latency_ms: float  # image stamp to depth received
    engine_ms: float | None
    metrics: DepthMetrics


@dataclass(frozen=True)
class DemoResult:
    """A whole run."""

    frames_in: int  # pictures published
    frames_out: int  # depth images received
    frames_dropped: int  # pictures that became no depth: a newer one replaced them, or they never came
    frames_failed: int  # refused or lost to an error, as the node counted
    latency_p50_ms: float
    latency_p95_ms: float
    engine_p50_ms: float
    engine_p95_ms: float
    abs_rel: float  # mean over frames
    d1: float
    compared: float  # share of the truth's known pixels where the node gave a distance
    model: str
    engine: str
    precision: str
    machine: str
    frames: tuple[FrameResult, ...]

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        write_json(path, self)


class DemoRun:
    """The recording of a run, sorted by stamp; raises DemoError when nothing came out."""

    def __init__(self, bag: BagReader) -> None:
        self._bag = bag
        self._by_topic: dict[str, dict[int, RecordedMessage]] = {}
        for recorded in bag.raw():
            stamps = self._by_topic.setdefault(recorded.topic, {})
            stamps[stamp_ns(bag.decode(recorded))] = recorded
        self.numbers = {stamp: i for i, stamp in enumerate(sorted(self.of(IMAGE)))}
        self.matched = [s for s in sorted(self.of(DEPTH)) if s in self.of(TRUTH) and s in self.numbers]
        if not self.matched:
            raise DemoError(
                f'No depth came: {len(self.of(IMAGE))} pictures, {len(self.of(DEPTH))} depth images and '
                f'{len(self.of(TRUTH))} truths were recorded; see node.log.'
            )

    def of(self, topic: str) -> dict[int, RecordedMessage]:
        """Return the messages of a topic by stamp."""
        return self._by_topic.get(topic, {})

    def message(self, topic: str, stamp: int) -> Any:
        """Return one message."""
        return self._bag.decode(self.of(topic)[stamp])

    def row(self, stamp: int) -> SheetRow:
        """Return picture, depth and truth of one stamp; the caption is left to who knows the numbers."""
        return SheetRow(
            caption='',
            rgb=messages.picture(self.message(IMAGE, stamp)),
            z_m=messages.depth(self.message(DEPTH, stamp), None).z_m,
            true_z_m=messages.depth(self.message(TRUTH, stamp), None).z_m,
        )

    def frame(self, stamp: int) -> FrameResult | None:
        """Score one frame; None where nothing can be compared."""
        z_m = messages.depth(self.message(DEPTH, stamp), None).z_m
        truth_m = messages.depth(self.message(TRUTH, stamp), None).z_m
        metrics = depth_metrics(z_m, truth_m, max_m=TRUTH_MAX_M)
        if metrics is None:
            return None
        latency_ms = 1e-6 * (self.of(DEPTH)[stamp].log_ns - stamp)
        engine_ms = float(self.message(STATS, stamp).engine_ms) if stamp in self.of(STATS) else None
        return FrameResult(self.numbers[stamp], stamp, latency_ms, engine_ms, metrics)

    def result(self) -> DemoResult:
        """Score the whole run; raises DemoError when no frame can be compared."""
        scored = [frame for frame in map(self.frame, self.matched) if frame]
        if not scored:
            raise DemoError(f'{len(self.matched)} depth images came, and none has a pixel to compare with the truth.')
        total = mean([frame.metrics for frame in scored])
        known = sum(int(np.isfinite(messages.depth(self.message(TRUTH, s), None).z_m).sum()) for s in self.matched)
        latencies = [frame.latency_ms for frame in scored]
        engine = [frame.engine_ms for frame in scored if frame.engine_ms is not None] or [float('nan')]
        last = self.message(STATS, max(self.of(STATS))) if self.of(STATS) else None
        return DemoResult(
            frames_in=len(self.of(IMAGE)),
            frames_out=len(self.of(DEPTH)),
            frames_dropped=len(self.of(IMAGE)) - len(self.of(DEPTH)),
            frames_failed=int(last.frames_failed) if last else 0,
            latency_p50_ms=float(np.percentile(latencies, 50)),
            latency_p95_ms=float(np.percentile(latencies, 95)),
            engine_p50_ms=float(np.percentile(engine, 50)),
            engine_p95_ms=float(np.percentile(engine, 95)),
            abs_rel=total.abs_rel,
            d1=total.d1,
            compared=total.pixels / known,
            model=last.model if last else '',
            engine=last.engine if last else '',
            precision=last.precision if last else '',
            machine=f'{os.cpu_count()} cores, {platform.machine()}',
            frames=tuple(scored),
        )
