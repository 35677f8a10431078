# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate what navigation relies on: flying points of a cloud, and how well confidence predicts error.

    dav2-train clouds --picture flying.png --plot confidence.png

Flying points: true depth softened as the network's head softens it, and the model's own depth, on 640x480 scenes.
Confidence: AUSE against AbsRel, of both variants and of chance, on held-out scenes in the size of training.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer

from dav2_ros.camera import Camera
from dav2_ros.depth.confidence import VARIANTS
from dav2_ros.depth.flying_pixels import FlyingPixelDetector
from dav2_ros.estimator import DepthEstimator
from dav2_ros.evaluation import sparsification
from dav2_ros.evaluation.flying_pixels import FlyingPixelRemoval, removal, softened
from dav2_ros.evaluation.sparsification import Sparsification, sparsify
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.evaluation.held_out import HELD_OUT_SEED

PICTURE_SEED = HELD_OUT_SEED + 11  # frame 26: a room with a pole, a ball and a barrel
SOFTENED = {
    'head at 168': {'sigma': 0.0},
    'head at 168, smoothed': {},
    'the same, of log depth': {'in_logarithm': True},
    'head at 168, smoothed more': {'sigma': 0.8},
    'head at 518, smoothed': {'net_height': 518},
}


def scenes(
    height: int, width: int, frames: range, what: str, seed: int = HELD_OUT_SEED
) -> Iterator[tuple[Frame, np.ndarray]]:
    """Yield rendered frames with their cameras and true depth."""
    from rich.progress import track

    for start in track(range(0, len(frames), 4), description=what):
        batch = ProceduralScenes(seed, height, width).batch(frames[start : start + 4])
        for rgb, true_m, f_px in zip(batch.rgb, batch.z_m, batch.f_px):
            camera = Camera.from_hfov(width, height, 2 * math.atan(0.5 * width / float(f_px)))
            yield Frame(rgb.numpy(), camera), true_m.numpy()


def score_flying_points(estimator: DepthEstimator, frames: int) -> dict[str, FlyingPixelRemoval]:
    """Count what the mask removes of softened truth, and of the model's own depth."""
    found, finder = defaultdict(FlyingPixelRemoval), FlyingPixelDetector()
    for frame, true_m in scenes(480, 640, range(frames), 'flying points'):
        maps = {name: softened(true_m, **options) for name, options in SOFTENED.items()}
        maps['of the model'] = estimator.estimate(frame)[0].z_m
        for name, z_m in maps.items():
            found[name] += removal(z_m, true_m, finder.find(z_m))
    return found


def score_confidence(estimator: DepthEstimator, frames: int) -> dict[str, Sparsification]:
    """Average the sparsification curves of both variants and of chance."""
    curves, dice = defaultdict(list), np.random.default_rng(0)
    for frame, true_m in scenes(168, 224, range(frames), 'confidence'):
        for variant in VARIANTS:
            depth, _ = estimator.estimate(frame, confidence=variant)
            curves[variant].append(sparsify(depth.z_m, true_m, depth.confidence))
        curves['chance'].append(sparsify(depth.z_m, true_m, dice.random(true_m.shape)))
    return {name: sparsification.mean([c for c in found if c]) for name, found in curves.items()}


def main(
    model: Annotated[str, typer.Argument(help='Name or file of a metric model.')] = 'vitt-procedural',
    frames: Annotated[int, typer.Option(help='Frames for each of the two.')] = 64,
    picture: Annotated[Optional[Path], typer.Option(help='Draw a cloud with and without flying points.')] = None,  # noqa: UP045
    plot: Annotated[Optional[Path], typer.Option(help='Plot the sparsification curves.')] = None,  # noqa: UP045
) -> None:
    """Print how many flying and good points go, and the AUSE of confidence."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    with DepthEstimator(checkpoints.load(model), engine='torch', precision='fp32') as estimator:
        curves = score_confidence(estimator, frames)
        removals = score_flying_points(estimator, frames)
    table = Table('confidence', 'AUSE', 'of chance', 'AbsRel of all', 'of the surest 80 %', 'of the surest 50 %')
    for name, c in curves.items():
        at = (c.by_confidence[k] for k in (0, 20, 50))
        table.add_row(name, f'{c.ause:.4f}', f'{c.ause_of_chance:.4f}', *(f'{v:.3f}' for v in at))
    console.print(table)
    table = Table('depth 640x480', 'flying', 'of them removed', 'good lost', title=f'{frames} scenes')
    for name, r in removals.items():
        table.add_row(name, f'{r.flying}', f'{100 * r.removed:.1f} %', f'{100 * r.lost:.2f} %')
    console.print(table)
    if plot:
        from dav2_ros.media.plots import draw_sparsification

        draw_sparsification(curves, plot, title=f'{model}, {frames} held-out scenes')
    if picture:
        from dav2_ros.media.plots import draw_clouds

        frame, true_m = next(scenes(480, 640, range(26, 27), 'picture', PICTURE_SEED))
        draw_clouds(frame, softened(true_m), picture)


if __name__ == '__main__':
    typer.run(main)
