# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the result of the ablation: how far each network is off in the other world, and what it sees there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dav2_ros.depth.colour import colourise
from dav2_ros.evaluation.alignment import align
from dav2_ros.media.contact_sheet import FAINT, INK, _matplotlib
from dav2_training.evaluation.held_out import HeldOutScenes
from dav2_training.evaluation.predictors import open_predictor

NAMES = {
    'teacher': 'teacher',
    'student_synthetic': 'synthetic only',
    'student_both': 'synthetic + pseudo',
    'student_pseudo': 'pseudo only',
}
NEAR_M, FAR_M = 0.8, 30.0


def draw_ablation(
    scores: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]],
    models: Mapping[str, Sequence[Path]],
    size: tuple[int, int],
    path: Path,
    pictures: Sequence[int] = (0, 1, 3, 6, 9),
) -> None:
    """Draw each network's AbsRel on "real" frames as a dot, and below what the first of each kind makes of some.

    Args:
        scores: as `Ablation.run` returns them.
        models: networks by name; the first of each of NAMES is shown.
        size: height and width of the pictures.
        path: PNG to write. Needs matplotlib.
    """
    _, Figure = _matplotlib()
    shown = {name: models[name][0] for name in NAMES}
    height, width = size
    cell_h = 1.62 * height / width
    figure = Figure(
        figsize=(1.7 * (2 + len(shown)), 2.3 + (cell_h + 0.04) * len(pictures)), dpi=100, layout='constrained'
    )
    upper, lower = figure.subfigures(2, 1, height_ratios=(2.1, (cell_h + 0.04) * len(pictures)))
    _draw_dots(upper.subplots(), scores)
    grid = lower.subplots(len(pictures), 2 + len(shown), squeeze=False)
    held_out = HeldOutScenes(max(pictures) + 1, height, width, world='shifted')
    samples = [held_out[index] for index in pictures]
    for line, sample in zip(grid, samples, strict=True):
        line[0].imshow(sample.rgb)
        line[1].imshow(colourise(sample.z_m, NEAR_M, FAR_M))
    for column, model in enumerate(shown.values(), 2):
        with open_predictor(str(model)) as predict:
            for line, sample in zip(grid, samples, strict=True):
                valid = np.isfinite(sample.z_m)
                z_m = align(predict(sample.rgb), sample.z_m, valid, kind='relative').z_m
                line[column].imshow(colourise(z_m.astype(np.float32), NEAR_M, FAR_M))
    for axes, title in zip(grid[0], ('"real" picture', 'truth', *(NAMES[name] for name in shown)), strict=True):
        axes.set_title(title, fontsize=9, color=INK)
    for axes in grid.flat:
        axes.set_axis_off()
    figure.savefig(path)


def _draw_dots(axes, scores: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]) -> None:
    for y, name in enumerate(NAMES):
        found = [score['abs_rel'] for score in scores[name]['shifted']]
        axes.plot(found, len(found) * [y], 'o', color='#1d4ed8', alpha=0.7)
        axes.plot([np.mean(found)], [y], '|', color=INK, markersize=18)
    axes.set_yticks(range(len(NAMES)), NAMES.values(), color=INK)
    axes.set_ylim(len(NAMES) - 0.5, -0.5)
    axes.set_xlabel(
        'AbsRel in the "real" world, aligned; a dot for each seed, a line for their mean', color=FAINT, fontsize=9
    )
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(axis='x', alpha=0.3)
