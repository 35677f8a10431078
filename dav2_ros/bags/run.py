# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run every picture of a recording through the pipeline, into a recording: what the node would have published.

    pictures -> [a thread reads, decodes, rectifies] -> estimate -> [a thread finishes, encodes and writes] -> OUT

What was written stays beside OUT until it is whole; the same run again goes on where it was killed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraFrame, CameraStream, RefusedPicture, stream_with_sensor
from dav2_ros.bags.outputs import BagOutputs, EstimatedFrame
from dav2_ros.bags.resume import PartialRun
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.estimator import Estimate
from dav2_ros.files.prefetch import BackgroundWriter, prefetch, quick_turns
from dav2_ros.image.request import EstimateRequest
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthPipeline, make_estimator

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
class RunProgress:
    """Where a run is, for who watches."""

    done: int
    total: int
    fresh: int  # done by this run
    elapsed_s: float

    @property
    def fps(self) -> float:
        """Frames per second of this run."""
        return self.fresh / self.elapsed_s if self.elapsed_s else 0.0


def run(
    path: Path,
    out: Path,
    params: BagParameters,
    options: RunOptions,
    *,
    say: Callable[[str], None] = lambda sentence: None,
    watch: Callable[[RunProgress], None] = lambda progress: None,
) -> RunResult:
    """Estimate every picture of the recording at `path` into the one at `out`; raises BagError, one sentence."""
    source = params.scale.scale_source
    with ExitStack() as opened:
        bag = opened.enter_context(BagReader(path))
        stream = stream_with_sensor(
            bag, params, topic=options.topic, info_topic=options.info_topic, sensor_topic=options.sensor_topic
        )
        estimator = opened.enter_context(make_estimator(params.estimator, batch=TOGETHER, log=say, warn=say))
        pipeline = opened.enter_context(DepthPipeline(params, estimator, log=say))
        asked = [(str(file.resolve()), file.stat().st_size) for file in bag.paths], params, options
        remembers = source not in ('none', 'fixed') or params.estimator.steady != 'none'
        unfinished = opened.enter_context(PartialRun(out, asked, warm_up=WARM_UP if remembers else 0))
        with BagWriter(out, compressed=options.compressed, beside=unfinished.folder) as writer:
            outputs = BagOutputs(writer, params, options.prefix, options.wanted)
            unfinished.take_over(writer, outputs.topics())
            job = _Job(bag, stream, pipeline, outputs, writer, unfinished)
            job.run(options.copy, watch)
        return job.result()


@dataclass(frozen=True, eq=False)
class _Requested:
    """A picture, and what is asked of its depth."""

    picture: CameraFrame
    request: EstimateRequest
    request_ms: float


_Item = _Requested | RefusedPicture | RecordedMessage


def _together(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield what was read in its order, up to TOGETHER pictures and what lies between them at a time."""
    some, pictures = [], 0
    for item in items:
        some.append(item)
        pictures += isinstance(item, _Requested)
        if pictures == TOGETHER or len(some) == BETWEEN:
            yield some
            some, pictures = [], 0
    yield some


class _Job:
    """One run, between reading and writing."""

    def __init__(
        self,
        bag: BagReader,
        stream: CameraStream,
        pipeline: DepthPipeline,
        outputs: BagOutputs,
        writer: BagWriter,
        unfinished: PartialRun,
    ) -> None:
        self._bag, self._stream, self._pipeline, self._outputs = bag, stream, pipeline, outputs
        self._writer, self._unfinished = writer, unfinished
        self._fresh, self._engine_s = 0, 0.0
        self._refused: Counter[str] = Counter()  # why, and how often

    def run(self, copy: bool, watch: Callable[[RunProgress], None]) -> None:
        self._started_s = time.monotonic()
        with quick_turns(), BackgroundWriter(most=4) as behind, prefetch(self._read(copy), most=4) as items:
            for some in _together(items):
                estimates = self._estimate([item for item in some if isinstance(item, _Requested)])
                for item in some:
                    if isinstance(item, RecordedMessage):
                        behind.call(self._writer.copy, item, self._bag.stored[item.topic])
                    elif isinstance(item, RefusedPicture):
                        self._refused[item.why] += 1
                    else:
                        is_new = item.picture.log_ns not in self._unfinished.done
                        self._fresh += is_new
                        behind.call(self._finish, item, *next(estimates), self._counts(), is_new)
                    watch(self._progress())
            behind.rest()
        self._elapsed_s = time.monotonic() - self._started_s
        if not self._fresh and not self._unfinished.done:
            why = self._refused.most_common(1)
            raise BagError(f'No picture of {self._stream.topic} gave depth: {why[0][0] if why else "there is none"}')

    def _counts(self) -> dict[str, int]:
        done, failed = self._progress().done, self._refused.total()
        return {
            'frames_received': done + failed,
            'frames_processed': done,
            'frames_dropped': 0,
            'frames_failed': failed,
        }

    def _read(self, copy: bool) -> Iterator[_Item]:
        """Yield what is to be copied, and pictures, in the order of the recording."""
        copies: list[RecordedMessage] = []
        others = {}
        if copy:
            names = self._bag.topics.keys() - set(self._outputs.topics())
            others = dict.fromkeys(names, copies.append)
        skipped: Counter[str] = Counter()
        for picture in self._stream.read(others, skip=self._unfinished.skips):
            yield from self._unfinished.fresh(copies, skipped)
            copies.clear()
            yield picture if isinstance(picture, RefusedPicture) else self._request(picture)
        yield from self._unfinished.fresh(copies, skipped)

    def _request(self, picture: CameraFrame) -> _Requested | RefusedPicture:
        started = time.perf_counter()
        confidence = 'confidence' in self._outputs.wanted
        try:
            request = self._pipeline.request(picture.frame, picture.info, confidence=confidence)
        except ValueError as error:
            return RefusedPicture(picture.log_ns, str(error))
        return _Requested(picture, request, 1e3 * (time.perf_counter() - started))

    def _estimate(self, items: list[_Requested]) -> Iterator[tuple[Estimate, float]]:
        """Estimate depth of pictures together, with each one's share of the engine's time in ms."""
        requests = [item.request for item in items]
        plans = [request.plan for request in requests]
        if plans:
            self._pipeline.estimator.keep(set(plans))
        for estimate, plan in zip(self._pipeline.estimator.estimate_many(requests), plans, strict=True):
            engine_ms = estimate.timings.engine_ms / plans.count(plan)
            self._engine_s += 1e-3 * engine_ms
            yield estimate, engine_ms

    def _finish(
        self, item: _Requested, estimate: Estimate, engine_ms: float, counts: dict[str, int], is_new: bool
    ) -> None:
        """Bring depth to right metres, and write it if it is new: what was written before only warms the filters up."""
        picture = item.picture
        result = self._pipeline.finish(item.request, estimate, picture.measurement, picture.missing)
        if is_new:
            decode_ms = picture.decode_ms + item.request_ms
            self._outputs.write(EstimatedFrame(result, picture.log_ns, decode_ms, engine_ms, counts))

    def _progress(self) -> RunProgress:
        done = len(self._unfinished.done) + self._fresh
        return RunProgress(done, self._stream.count, self._fresh, time.monotonic() - self._started_s)

    def result(self) -> RunResult:
        """Sum up."""
        resumed = len(self._unfinished.done)
        notes = (*self._bag.notes, *self._stream.notes)
        return RunResult(resumed + self._fresh, resumed, dict(self._refused), notes, self._elapsed_s, self._engine_s)
