# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Score a metric model on held-out procedural scenes, by the code that serves it.

    python -m dav2_training.evaluate vitt-procedural

Every frame goes through `DepthEstimator` as a robot's would: with its camera, in its own metres.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.evaluation.metrics import DepthMetrics, depth_metrics, mean
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_training.data.procedural import ProceduralScenes
from dav2_training.data.scenes import compose

HELD_OUT_SEED = 2_000_003  # of no training run and no validation during one
HFOV_BINS_DEG = ((40, 60), (60, 80), (80, 100))
MAX_M = 80.0


@dataclasses.dataclass(frozen=True)
class Score:
    """What is true of a set of frames."""

    frames: int
    metrics: DepthMetrics
    coverage: float  # share of the pixels with truth that got a finite depth
    sky_found: float  # share of the sky's pixels that are +inf; NaN without sky

    def row(self) -> tuple[str, ...]:
        """Write the numbers as one row of a table."""
        m = self.metrics
        return (
            str(self.frames),
            *(f'{v:.4f}' for v in (m.abs_rel, m.d1, m.rmse, m.silog)),
            f'{100 * self.coverage:.2f} %',
            f'{100 * self.sky_found:.1f} %',
        )


@dataclasses.dataclass(frozen=True)
class _Frame:
    metrics: DepthMetrics
    coverage: float
    sky_found: float


def judge(z_m: np.ndarray, true_m: np.ndarray) -> _Frame | None:
    """Compare one frame; None where nothing within range can be compared."""
    metrics = depth_metrics(z_m, true_m, max_m=MAX_M)
    inside, sky = true_m <= MAX_M, np.isinf(true_m)
    if metrics is None:
        return None
    return _Frame(
        metrics, float(np.isfinite(z_m[inside]).mean()), float(np.isinf(z_m[sky]).mean()) if sky.any() else np.nan
    )


def gather(frames: list[_Frame]) -> Score:
    """Average frames, each counting once."""
    sky = [f.sky_found for f in frames if not math.isnan(f.sky_found)]
    return Score(
        len(frames),
        mean([f.metrics for f in frames]),
        float(np.mean([f.coverage for f in frames])),
        float(np.mean(sky)) if sky else math.nan,
    )


def evaluate(estimator: DepthEstimator, scenes: ProceduralScenes, frames: int) -> dict[str, Score]:
    """Score `frames` frames: all of them, by kind of scene, and by horizontal field of view."""
    from rich.progress import track

    groups: dict[str, list[_Frame]] = defaultdict(list)
    for start in track(range(0, frames, 8), description='evaluate'):
        indices = range(start, min(start + 8, frames))
        batch = scenes.batch(indices)
        for i, index in enumerate(indices):
            hfov_rad = 2 * math.atan(0.5 * scenes.width / float(batch.f_px[i]))
            camera = Camera.from_hfov(scenes.width, scenes.height, hfov_rad)
            depth, _ = estimator.estimate(Frame(batch.rgb[i].numpy(), camera))
            if (found := judge(depth.z_m, batch.z_m[i].numpy())) is None:
                continue
            groups['all'].append(found)
            groups[compose(scenes.seed, index).kind].append(found)
            for low, high in HFOV_BINS_DEG:
                if low <= math.degrees(hfov_rad) < high:
                    groups[f'{low}-{high} deg'].append(found)
    return {name: gather(found) for name, found in groups.items()}


def main(
    model: Annotated[str, typer.Argument(help='Name or file of a metric model.')] = 'vitt-procedural',
    frames: Annotated[int, typer.Option(help='Frames to judge.')] = 512,
    seed: Annotated[int, typer.Option(help='Of the scenes; training used others.')] = HELD_OUT_SEED,
    height: Annotated[int, typer.Option(help='Of the rendered pictures.')] = 168,
    width: Annotated[int, typer.Option(help='Of the rendered pictures.')] = 224,
    engine: Annotated[str, typer.Option(help='What runs it; the default is the same on every machine.')] = 'torch',
    precision: Annotated[str, typer.Option(help='Its arithmetic: fp32, bf16, fp16, int8, or auto.')] = 'fp32',
    json_to: Annotated[Optional[Path], typer.Option('--json', help='Write the numbers here, too.')] = None,  # noqa: UP045
) -> None:
    """Print AbsRel, delta1 and more on held-out procedural scenes."""
    from rich.console import Console
    from rich.table import Table

    with DepthEstimator(checkpoints.load(model), engine=engine, precision=precision) as estimator:
        scores = evaluate(estimator, ProceduralScenes(seed, height, width), frames)
    table = Table(
        'scenes',
        'frames',
        'AbsRel',
        'delta1',
        'RMSE m',
        'SILog',
        'coverage',
        'sky found',
        title=f'{model}, seed {seed}, {engine} {precision}',
    )
    for name, score in scores.items():
        table.add_row(name, *score.row())
    Console().print(table)
    if json_to:
        json_to.write_text(json.dumps({name: dataclasses.asdict(s) for name, s in scores.items()}, indent=1))


if __name__ == '__main__':
    typer.run(main)
