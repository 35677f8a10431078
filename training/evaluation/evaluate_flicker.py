# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate how steady depth is, and what stabilising it costs where something moves.

    dav2-train flicker --picture steady.png

Clips with noise, jpeg and a hunting exposure: a still camera, one that somebody walks by, one that drives, one that
turns; and the bundled recording, whose camera moves all the time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.depth.stabilise import MODES, make_stabiliser
from dav2_ros.estimator import DepthEstimator
from dav2_ros.evaluation import flicker
from dav2_ros.evaluation.flicker import Flicker
from dav2_ros.evaluation.metrics import depth_metrics
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.models import checkpoints
from dav2_training.data.procedural.clips import MOTIONS, Clip

MAX_M = 80.0  # of truths that are compared with


@dataclass(frozen=True, eq=False)
class EstimatedClip:
    """A clip with the depth that a model says of it."""

    name: str
    frames: tuple[Frame, ...]
    depths: tuple[DepthMap, ...]
    truths: tuple[DepthMap, ...]


@dataclass(frozen=True)
class FlickerScore:
    """What a mode makes of a clip."""

    flicker: Flicker
    abs_rel: float
    lag: float  # the largest share by which the scale was ever moved from the frame's own
    frame_ms: float  # median


def estimate_clips(estimator: DepthEstimator, clips: int, length: int) -> Iterator[EstimatedClip]:
    """Estimate the depth of every clip, and of the bundled recording."""
    from rich.progress import track

    wanted = [(motion, index) for motion in MOTIONS for index in range(clips)]
    for motion, index in track(wanted, description='clips'):
        yield _estimate_clip(estimator, motion, Clip(motion, index, length).frames())
    with BagReader(DEMO_BAG) as bag:
        truths = {truth.stamp_ns: truth for truth in bag.depths()}
        yield _estimate_clip(estimator, 'demo', [(frame, truths[frame.stamp_ns]) for frame in bag.frames()])


def _estimate_clip(estimator: DepthEstimator, name: str, recorded: Iterator[tuple[Frame, DepthMap]]) -> EstimatedClip:
    rows = [(frame, estimator.estimate(frame)[0], truth) for frame, truth in recorded]
    return EstimatedClip(name, *zip(*rows))


def stabilise_clip(clip: EstimatedClip, mode: str) -> tuple[list[np.ndarray], list[float], list[float]]:
    """Return depth (H, W) as a mode makes it, the factors of its scale, and the milliseconds it took."""
    steadier, maps, factors, times_ms = make_stabiliser(mode), [], [], []
    for frame, depth in zip(clip.frames, clip.depths):
        own = replace(depth, z_m=depth.z_m.copy())
        started = time.perf_counter()
        maps.append(steadier.steady(own, frame.rgb).z_m)
        times_ms.append(1e3 * (time.perf_counter() - started))
        factors.append(steadier.factor)
    return maps, factors, times_ms


def score_clip(clip: EstimatedClip, mode: str) -> FlickerScore:
    """Steady a clip, and compare it with itself and with the truth."""
    maps, factors, times_ms = stabilise_clip(clip, mode)
    truths = [truth.z_m for truth in clip.truths]
    errors = [depth_metrics(z_m, true_m, max_m=MAX_M) for z_m, true_m in zip(maps, truths)]
    found = flicker.flicker(maps, None if clip.name == 'still' else truths)
    abs_rel = float(np.mean([error.abs_rel for error in errors if error]))
    return FlickerScore(found, abs_rel, float(np.abs(np.log(factors)).max()), float(np.median(times_ms)))


def main(
    model: Annotated[str, typer.Argument(help='Name or file of a metric model.')] = 'vitt-procedural',
    clips: Annotated[int, typer.Option(help='Clips of each motion.')] = 8,
    length: Annotated[int, typer.Option(help='Frames of each clip, at 15 Hz.')] = 30,
    picture: Annotated[Optional[Path], typer.Option(help='Draw a still scene, before and after.')] = None,  # noqa: UP045
) -> None:
    """Print flicker, error and lag of depth as it comes, and stabilised."""
    from rich.console import Console
    from rich.table import Table

    found = defaultdict(list)
    with DepthEstimator(checkpoints.load(model), engine='torch', precision='fp32') as estimator:
        for clip in estimate_clips(estimator, clips, length):
            for mode in MODES:
                found[clip.name, mode].append(score_clip(clip, mode))
            if picture and clip.name == 'still' and len(found['still', 'none']) == min(2, clips):
                from dav2_training.evaluation.draw_flicker import draw_flicker

                draw_flicker(clip.frames, {mode: stabilise_clip(clip, mode)[0] for mode in MODES}, picture)
    columns = ('clips', 'steady', '|change of log z| p50', 'p95', 'pixels that flip', 'AbsRel', 'scale moved by', 'ms')
    table = Table(*columns)
    for (name, mode), rows in found.items():
        f = flicker.mean(row.flicker for row in rows)
        cells = [f'{100 * v:.2f} %' for v in (f.p50, f.p95)] + [f'{100 * f.flips:.3f} %']
        cells += [f'{np.mean([row.abs_rel for row in rows]):.4f}', f'{100 * max(row.lag for row in rows):.1f} %']
        table.add_row(name, mode, *cells, f'{np.median([row.frame_ms for row in rows]):.2f}')
    Console().print(table)


if __name__ == '__main__':
    typer.run(main)
