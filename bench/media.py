# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What overlapping is worth: `dav2 infer` on a folder against read, infer, write one after the other, same engine.

    python bench/media.py

The two take turns; a ratio of their medians is printed, and each one's p95.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.benchmark.timing import median_and_p95, one_call_ms, rounds_of
from dav2_ros.estimator import DepthEstimator
from dav2_ros.media import sources
from dav2_ros.media.depth_files import ColourStyle, DepthFiles
from dav2_ros.media.images import read_photo, write_png
from dav2_ros.media.infer import InferenceJob
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED
from dav2_ros.parameters.bag import OfflineParameters

ROUNDS = 7


def one_after_the_other(estimator: DepthEstimator, folder: Path, files: DepthFiles) -> None:
    for path in sorted(folder.iterdir()):
        photo = read_photo(path, 60.0)
        depth, _ = estimator.estimate(photo.frame)
        files.write(Path(path.stem), photo.frame.rgb, depth)


def overlapped(estimator: DepthEstimator, folder: Path, files: DepthFiles) -> None:
    job = InferenceJob(files, OfflineParameters(), hfov_deg=60.0)
    job.run(estimator, list(sources.find([folder], files.out)), lambda line: None)


def measure() -> dict[str, float]:
    """Return frames per second of both ways, medians and the slow 5 %, and their ratio."""
    with tempfile.TemporaryDirectory() as temporary, DepthEstimator(checkpoints.load(BUNDLED)) as estimator:
        folder, files = Path(temporary, 'in'), DepthFiles(Path(temporary, 'out'), ColourStyle(0.5, 40.0))
        folder.mkdir()
        with BagReader(DEMO_BAG) as bag:
            for number, frame in enumerate(bag.frames()):
                write_png(folder / f'{number:03d}.png', frame.rgb)
        frames = len(list(folder.iterdir()))
        ways = {'one after the other': one_after_the_other, 'overlapped': overlapped}
        times_ms: dict[str, list[float]] = {name: [] for name in ways}
        for order in rounds_of(ways, ROUNDS + 1):
            for name in order:
                shutil.rmtree(files.out, ignore_errors=True)
                files.out.mkdir()
                times_ms[name].append(one_call_ms(partial(ways[name], estimator, folder, files)))
    found = {}
    for name, each in times_ms.items():
        p50, p95 = median_and_p95(each[1:])
        found |= {f'{name}: frames/s p50': 1e3 * frames / p50, f'{name}: frames/s p5': 1e3 * frames / p95}
    slow, fast = (found[f'{name}: frames/s p50'] for name in ways)
    return {**found, 'ratio of medians': fast / slow}


if __name__ == '__main__':
    for name, value in measure().items():
        print(f'{name:40} {value:8.2f}')
