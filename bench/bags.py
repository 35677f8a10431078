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
from dav2_ros.frames import Frame
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthPipeline

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
    found: dict[str, list[float]] = {'the engine alone': [], **{name: [] for name in ASKED}}
    with tempfile.TemporaryDirectory() as folder:
        drive = recording(Path(folder), frames)
        for number in range(rounds):
            found['the engine alone'] += [float(np.mean(alone(params, frames)))]
            for name, options in ASKED.items():
                started = []  # when the engine is open and the first frame is done

                def watch(at, started=started) -> None:
                    started[:] = started or [(time.perf_counter(), at.fresh)]

                run(drive, Path(folder) / f'out{number}', params, options, watch=watch)
                at, done = started[0]
                found[name].append(1e3 * (time.perf_counter() - at) / (frames - done))
    return found


if __name__ == '__main__':
    times = overhead()
    best = min(times['the engine alone'])
    for name, each in times.items():
        print(f'{name:45} {min(each):8.2f} ms per frame, {best / min(each):.2f} of the speed of the engine alone')
