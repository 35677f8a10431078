# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fit the scale of depth on a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.known_distances import Known
from dav2_ros.estimator import DepthEstimator
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import REGISTRY
from dav2_ros.scale.correction import Correction, fit_with_shift
from dav2_ros.scale.fit import ScaleFit, fit_scale
from dav2_ros.scale.measurements import Pairs


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was fitted, and to what."""

    correction: Correction
    fit: ScaleFit
    pairs: Pairs
    frames: int
    of: str  # bag and evidence, in words
    model: str
    size: int  # 0: the model's own


def compare(known: list[Known], model: str, engine: str, size: int) -> Pairs:
    """Estimate the depth of each picture and pair it with what is known."""
    from rich.console import Console
    from rich.progress import track

    found = []
    with DepthEstimator(checkpoints.load(model), engine=engine, size=size or None) as estimator:
        for each in track(known, 'Estimating', console=Console(stderr=True), transient=True):
            depth, _ = estimator.estimate(each.frame)
            found.append(each.evidence.pairs(depth))
    joined = [np.concatenate([getattr(pairs, name) for pairs in found]) for name in ('known_m', 'model_m', 'regions')]
    return Pairs(*joined, enough=found[0].enough, why_none=found[0].why_none)


def fit(pairs: Pairs, frames: int, of: str, model: str, size: int, shift: bool) -> Calibration:
    """Fit the factor, and with `shift` a shift of inverse depth; raises BagError where the fit is not trusted."""
    scale = fit_scale(pairs)
    if not scale.trusted:
        raise BagError(f'Nothing was written: {scale.reason}.')
    correction = fit_with_shift(pairs, scale) if shift else Correction(scale.value)
    return Calibration(correction, scale, pairs, frames, of, model, size)


def to_yaml(result: Calibration) -> str:
    """Return the parameters that the node loads, with where they come from."""
    fit, correction = result.fit, result.correction
    lines = [
        f'# Made by dav2 calibrate from {result.of}.',
        f'# Scale {fit.value:.4f}, standard deviation {fit.std_dev:.4f}; {fit.inliers} of {fit.total} known distances '
        'agree. It is the scale of this',
        '# model and input size on this camera: calibrate again when one of them changes.',
        '/**:',
        '  ros__parameters:',
        '    scale_source: fixed',
        f'    scale_fixed: {correction.factor:.5f}',
        f'    scale_shift_per_m: {correction.shift_per_m:.6f}',
    ]
    lines += [f'    model: {result.model}'] if result.model in REGISTRY else []
    lines += [f'    input_size: {result.size}'] if result.size else []
    return '\n'.join(lines) + '\n'
