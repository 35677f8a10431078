# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every picture of a recording through the estimator, into a recording: what the node would have published.

    pictures -> [a thread reads and decodes] -> estimate -> [a thread scales, encodes and writes] -> OUT

What was written stays beside OUT until it is whole; the same run again goes on where it was killed.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.bags import BagError
from dav2_ros.bags.frames import Pictures, Refused, Seen
from dav2_ros.bags.outputs import BagOutputs, Estimated
from dav2_ros.bags.parameters import BagParameters
from dav2_ros.bags.reader import BagReader
from dav2_ros.bags.resume import Unfinished
from dav2_ros.bags.sensor import KINDS, Sensor
from dav2_ros.bags.stored import Recorded
from dav2_ros.bags.writer import BagWriter
from dav2_ros.estimator import DepthEstimator
from dav2_ros.estimator_parameters import TURNS, make_estimator
from dav2_ros.finish import Finish
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.look import Look
from dav2_ros.overlap import Behind, ahead, quick_turns
from dav2_ros.scale.filter import Scale
from dav2_ros.scale.stated import KnownHeight, StatedScale, filter_settings
from dav2_ros.scale.tracker import ScaleTracker

WARM_UP = 30  # pictures: the filter of the scale has settled by then
TOGETHER = 4  # pictures go to the engine: on a CPU two at once take less time than one after the other on all cores
BETWEEN = 64  # messages at most that wait for pictures to come together


@dataclass(frozen=True)
class RunOptions:
    """What is read and written."""

    topic: str = ''  # of the pictures; found if there is only one
    info_topic: str = ''
    sensor_topic: str = ''
    prefix: str = '/dav2'
    wanted: tuple[str, ...] = ('depth', 'points', 'stats')
    copy: bool = False
    compressed: bool = False


@dataclass(frozen=True)
class RunResult:
    """What came of it."""

    frames: int  # estimated, those of an earlier run included
    resumed: int  # of these, the ones an earlier run had done
    refused: dict[str, int]  # why pictures gave no depth, and how many
    notes: tuple[str, ...]  # what is missing or damaged in the recording, and why there are no points
    elapsed_s: float
    engine_s: float  # of that, spent in the engine


@dataclass(frozen=True)
class Progress:
    """Where a run is, for who watches."""

    done: int
    total: int
    fresh: int  # done by this run
    elapsed_s: float

    @property
    def fps(self) -> float:
        """Frames per second of this run."""
        return self.fresh / self.elapsed_s if self.elapsed_s else 0.0


class BagScale:
    """Right metres, by whatever the parameters name."""

    def __init__(self, given: BagParameters) -> None:
        self._max_range_m = given.max_range_m
        kinds = {'none': StatedScale, 'fixed': StatedScale, 'height': KnownHeight}
        kind = kinds.get(given.scale_source)
        self._stated = kind(given) if kind else None
        self._tracker = ScaleTracker(filter_settings(given), given.scale_source, given.scale_noise_m)

    def correct(self, depth: DepthMap, seen: Seen) -> tuple[DepthMap, Scale]:
        """Bring depth to right metres, in place; beyond the range it becomes +inf."""
        if self._stated:
            depth, scale = self._stated.correct(depth)
        else:
            depth, scale = self._tracker.correct(depth, seen.evidence, seen.missing)
        if self._max_range_m:
            depth.z_m[depth.z_m > self._max_range_m] = float('inf')
        return depth, scale


def run(
    path: Path,
    out: Path,
    given: BagParameters,
    options: RunOptions,
    *,
    say: Callable[[str], None] = lambda sentence: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> RunResult:
    """Estimate every picture of the recording at `path` into the one at `out`; raises BagError, one sentence."""
    with ExitStack() as opened:
        bag = opened.enter_context(BagReader(path))
        sensor = None
        if given.scale_source in KINDS:
            sensor = Sensor(bag, given.scale_source, options.sensor_topic, given)
        pictures = Pictures(bag, given, topic=options.topic, info_topic=options.info_topic, sensor=sensor, say=say)
        estimator = opened.enter_context(make_estimator(given, batch=TOGETHER, background=False, say=say, warn=say))
        asked = [(str(file.resolve()), file.stat().st_size) for file in bag.paths], given, options
        remembers = given.scale_source not in ('none', 'fixed') or given.steady != 'none'
        unfinished = opened.enter_context(Unfinished(out, asked, warm_up=WARM_UP if remembers else 0))
        with BagWriter(out, compressed=options.compressed, beside=unfinished.folder) as writer:
            outputs = BagOutputs(writer, given, options.prefix, options.wanted)
            unfinished.take_over(writer, outputs.topics())
            job = _Job(bag, pictures, estimator, outputs, writer, unfinished, given)
            job.run(options.copy, watch)
        return job.result(say)


def look_at(frame: Frame, given: BagParameters, *, confidence: bool) -> Look:
    """Say what is asked of a frame's depth."""
    return Look(
        frame,
        confidence=given.confidence if confidence or given.min_confidence else '',
        min_confidence=given.min_confidence,
        turns=TURNS[given.turn_upright],
        assumed_hfov_rad=math.radians(given.assumed_hfov_deg),
    )


def _together(items: Iterable[Seen | Refused | Recorded]) -> Iterator[list[Seen | Refused | Recorded]]:
    """Yield what was read in its order, up to TOGETHER pictures and what lies between them at a time."""
    some, pictures = [], 0
    for item in items:
        some.append(item)
        pictures += isinstance(item, Seen)
        if pictures == TOGETHER or len(some) == BETWEEN:
            yield some
            some, pictures = [], 0
    yield some


class _Job:
    """One run, between reading and writing."""

    def __init__(
        self,
        bag: BagReader,
        pictures: Pictures,
        estimator: DepthEstimator,
        outputs: BagOutputs,
        writer: BagWriter,
        unfinished: Unfinished,
        given: BagParameters,
    ) -> None:
        self._bag, self._pictures, self._estimator, self._outputs = bag, pictures, estimator, outputs
        self._writer, self._unfinished, self._given = writer, unfinished, given
        self._finish, self._scale = Finish(), BagScale(given)
        self._fresh, self._engine_s, self._refused = 0, 0.0, Counter()

    def run(self, copy: bool, watch: Callable[[Progress], None]) -> None:
        self._started_s = time.monotonic()
        with quick_turns(), Behind(most=4) as behind, ahead(self._read(copy), most=4) as items:
            for some in _together(items):
                estimated = self._estimate([item for item in some if isinstance(item, Seen)])
                for item in some:
                    if isinstance(item, Recorded):
                        behind.call(self._writer.copy, item, self._bag.stored[item.topic])
                    elif isinstance(item, Refused):
                        self._refused[item.why] += 1
                    else:
                        is_new = item.log_ns not in self._unfinished.done
                        self._fresh += is_new
                        done, failed = self._progress().done, self._refused.total()
                        counts = {'frames_received': done + failed, 'frames_processed': done, 'frames_failed': failed}
                        depth, stats = next(estimated)
                        behind.call(self._finish_one, item, depth, stats | counts, is_new)
                    watch(self._progress())
            behind.rest()
        self._elapsed_s = time.monotonic() - self._started_s
        if not self._fresh and not self._unfinished.done:
            why = self._refused.most_common(1)
            raise BagError(f'No picture of {self._pictures.topic} gave depth: {why[0][0] if why else "there is none"}')

    def _read(self, copy: bool) -> Iterator[Seen | Refused | Recorded]:
        """Yield what is to be copied, and pictures, in the order of the recording."""
        copies: list[Recorded] = []
        others = {}
        if copy:
            names = self._bag.topics.keys() - set(self._outputs.topics())
            others = dict.fromkeys(names, copies.append)
        skipped = Counter()
        for picture in self._pictures.read(others, skip=self._unfinished.skips):
            yield from self._unfinished.fresh(copies, skipped)
            copies.clear()
            yield picture
        yield from self._unfinished.fresh(copies, skipped)

    def _estimate(self, pictures: list[Seen]) -> Iterator[tuple[DepthMap, dict[str, object]]]:
        """Give depth of pictures together, and what InferenceStats tells of it; they share the engine's time."""
        estimator, confidence = self._estimator, 'confidence' in self._outputs.wanted
        looks = [look_at(seen.frame, self._given, confidence=confidence) for seen in pictures]
        plans = [look.plan(estimator.size) for look in looks]
        if plans:
            estimator.keep(set(plans))
        estimated = estimator.estimate_many(looks)
        for seen, look, plan, (depth, timings) in zip(pictures, looks, plans, estimated, strict=True):
            engine_ms = timings.engine_ms / plans.count(plan)
            self._engine_s += 1e-3 * engine_ms
            about = estimator.describe(plan)
            stats = {
                'pre_ms': seen.decode_ms + timings.pre_ms,
                'engine_ms': engine_ms,
                'post_ms': timings.post_ms,
                'focal_correction': estimator.focal_factor(look),
                'frames_dropped': 0,
                **{key: about[key] for key in ('model', 'engine', 'precision')},
            }
            yield depth, stats

    def _finish_one(self, seen: Seen, depth: DepthMap, stats: dict[str, object], is_new: bool) -> None:
        """Bring depth to right metres, and write it if it is new: what was written before only warms the filters up."""
        depth = self._finish.apply(depth, seen.frame.rgb, self._given)
        depth, scale = self._scale.correct(depth, seen)
        if is_new:
            self._outputs.write(Estimated(seen.frame, seen.info, seen.log_ns, depth, scale, stats))

    def _progress(self) -> Progress:
        done = len(self._unfinished.done) + self._fresh
        return Progress(done, self._pictures.count, self._fresh, time.monotonic() - self._started_s)

    def result(self, say: Callable[[str], None]) -> RunResult:
        resumed = len(self._unfinished.done)
        notes = (*self._bag.notes, *self._pictures.notes)
        return RunResult(resumed + self._fresh, resumed, dict(self._refused), notes, self._elapsed_s, self._engine_s)
