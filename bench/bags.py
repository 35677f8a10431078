# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `dav2 bag run` costs around the engine: milliseconds per frame of a recording, beside those of the engine alone.

`python bench/bags.py` prints the share of the engine's own speed that is left (target: 0.9).
"""

from __future__ import annotations

import os

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import tempfile
import time
from pathlib import Path

import numpy as np

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.run import RunOptions, run
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.benchmark.timing import rounds_of
from dav2_ros.frames import Frame
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthPipeline

ALONE = 'the engine alone'
ASKED = {
    'dav2 bag run, depth, points, stats': RunOptions(),
    'dav2 bag run, the same, chunks packed': RunOptions(compressed=True),
    'dav2 bag run, depth alone': RunOptions(wanted=('depth',)),
}


def recording(folder: Path, frames: int) -> Path:
    """Write so many pictures of the bundled recording, 640x480 as jpeg, round and round."""
    with BagReader(DEMO_BAG) as bag:
        pictures = list(bag.frames())
    with BagWriter(folder / 'drive') as out:
        for i in range(frames):
            of, at = pictures[i % len(pictures)], i * 33_333_333
            out.camera_info('/camera/camera_info', of.camera, at, of.frame_id)
            out.picture('/camera/image', Frame(of.rgb, of.camera, at, of.frame_id))
    return folder / 'drive'


def alone(params: BagParameters, frames: int) -> list[float]:
    """Time the engine on decoded pictures, nothing beside it."""
    with BagReader(DEMO_BAG) as bag:
        pictures = list(bag.frames())
    with DepthPipeline(params) as pipeline:
        requests = [pipeline.request(frame) for frame in pictures]
        estimate = pipeline.estimator.estimate_many
        estimate(requests[:1])
        times = [estimate([requests[i % len(requests)]])[0].timings.engine_ms for i in range(frames)]
    return times


def overhead(frames: int = 150, rounds: int = 3) -> dict[str, list[float]]:
    """Return milliseconds per frame: the engine alone, frame by frame, and whole runs, in turns."""
    params = BagParameters()
    found: dict[str, list[float]] = {name: [] for name in (ALONE, *ASKED)}
    with tempfile.TemporaryDirectory() as folder:
        drive = recording(Path(folder), frames)
        for order in rounds_of(found, rounds):
            for name in order:
                if name == ALONE:
                    found[name].append(float(np.mean(alone(params, frames))))
                else:
                    found[name].append(whole_ms(drive, params, ASKED[name], frames))
    return found


def whole_ms(drive: Path, params: BagParameters, options: RunOptions, frames: int) -> float:
    """Return the milliseconds per frame of a run, once the engine is open and the first frame is done."""
    started: list[tuple[float, int]] = []

    def watch(at) -> None:
        started[:] = started or [(time.perf_counter(), at.fresh)]

    with tempfile.TemporaryDirectory() as folder:
        run(drive, Path(folder) / 'out', params, options, watch=watch)
        at, done = started[0]
        return 1e3 * (time.perf_counter() - at) / (frames - done)


if __name__ == '__main__':
    times = overhead()
    best = min(times[ALONE])
    for name, each in times.items():
        print(f'{name:45} {min(each):8.2f} ms per frame, {best / min(each):.2f} of the speed of the engine alone')
