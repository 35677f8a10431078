# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Align a prediction of unknown scale, or of unknown scale and shift, to the truth's metres.

    align(disparity, true_m, valid, kind='relative').z_m

A relative model says how near a point is, up to a factor and an offset that nobody knows. Both are fitted to the truth
in the space where the model is linear, 1/z (Ranftl et al. 2020, section 5); a metric one may be given the factor only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS = ('metric', 'relative')  # what is predicted: metres; or disparity, larger is nearer
ALIGNMENTS = {
    'none': 'metres as predicted',
    'median': 'times the median of truth / the median of prediction, in metres',
    'scale': 'one factor, least squares, in the space of the prediction',
    'lsq_disparity': 'factor and offset, least squares in 1/z, clipped to the range',
    'lsq_depth': 'factor and offset, least squares in metres, clipped to the range',
}
FARTHEST = 1e9  # metres: what +inf is in a sum
LEAST = 1e-6  # metres and 1/metres: what is divided by, or has a logarithm, is at least this


@dataclass(frozen=True, eq=False)
class Alignment:
    """A prediction in metres: NaN where nothing was predicted, +inf where it is beyond every distance."""

    z_m: np.ndarray  # (H, W) float64
    scale: float = 1.0
    shift: float = 0.0


def least_squares(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the factor and the offset (s, t) that minimise sum (s x + t - y)^2 over two vectors (N,).

    The normal equations about the means, in float64: what numpy.linalg.lstsq finds for [x 1], also for a constant x,
    where it takes the shortest (s, t).
    """
    x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    variance = float(centred @ centred)
    if variance <= np.finfo(np.float64).eps ** 2 * len(x) * mean_x**2:
        s = mean_y * mean_x / (mean_x**2 + 1.0)
        return s, mean_y / (mean_x**2 + 1.0)
    s = float(centred @ (y - mean_y)) / variance
    return s, mean_y - s * mean_x


def align(
    prediction: np.ndarray,
    true_m: np.ndarray,
    valid: np.ndarray,
    *,
    kind: str = 'metric',
    how: str = 'lsq_disparity',
    min_m: float = 1e-3,
    max_m: float = 80.0,
) -> Alignment:
    """Return a prediction (H, W) as metres, fitted to the truth (H, W) where `valid` (H, W) bool.

    The pixels of the fit are those that are valid and predicted. Fits of factor and offset are clipped to
    [min_m, max_m], in disparity before it is inverted: a disparity that became negative is far, not near. For a max_m
    of inf the farthest valid truth is the limit. Raises ValueError for an alignment or kind that there is not, and
    for a relative prediction left as it is.

    Args:
        prediction: disparity for kind `relative`, metres for `metric`; NaN unknown, +inf metres beyond range.
        how: one of ALIGNMENTS.
    """
    if how not in ALIGNMENTS or kind not in KINDS:
        choices = f'{", ".join(ALIGNMENTS)} of {" or ".join(KINDS)}'
        raise ValueError(f'{how!r} of {kind!r} is no alignment: choose {choices}.')
    if how == 'none':
        if kind == 'relative':
            raise ValueError('A relative prediction has no metres as it is: align it by scale, median or lsq.')
        return Alignment(prediction.astype(np.float64))
    prediction, true_m = prediction.astype(np.float64), true_m.astype(np.float64)
    if how == 'lsq_disparity' or (how == 'scale' and kind == 'relative'):
        return _in_disparity(prediction, true_m, valid, kind, how, (min_m, max_m))
    z_m = inverted(prediction) if kind == 'relative' else prediction
    use = valid & np.isfinite(z_m)
    p, t = z_m[use], true_m[use]
    if not len(t):
        return Alignment(np.full_like(z_m, np.nan))
    if how == 'lsq_depth':
        s, shift = least_squares(p, t)
        limit_m = _limit(max_m, t)
        return Alignment(np.clip(s * np.minimum(z_m, FARTHEST) + shift, min_m, limit_m), s, shift)
    if how == 'median':
        s = float(np.median(t)) / max(float(np.median(p)), LEAST)
    else:
        s = float(p @ t) / max(float(p @ p), LEAST**2)
    return Alignment(z_m * s, s)


def inverted(x: np.ndarray) -> np.ndarray:
    """Return 1/x: metres of disparity, or disparity of metres; NaN stays, 0 and less become +inf, +inf becomes 0."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.where(x > 0, 1.0 / x, np.where(np.isnan(x), np.nan, np.inf))


def _in_disparity(
    prediction: np.ndarray,
    true_m: np.ndarray,
    valid: np.ndarray,
    kind: str,
    how: str,
    limits_m: tuple[float, float],
) -> Alignment:
    disparity = prediction if kind == 'relative' else inverted(prediction)
    use = valid & np.isfinite(disparity)
    p, d = disparity[use], 1.0 / true_m[use]
    if not len(d):
        return Alignment(np.full_like(disparity, np.nan))
    if how == 'scale':
        s = float(p @ d) / max(float(p @ p), LEAST**2)
        return Alignment(inverted(disparity * s), s)
    s, shift = least_squares(p, d)
    min_m, max_m = limits_m
    return Alignment(1.0 / np.clip(s * disparity + shift, 1.0 / _limit(max_m, true_m[use]), 1.0 / min_m), s, shift)


def _limit(max_m: float, true_m: np.ndarray) -> float:
    return float(true_m.max()) if np.isinf(max_m) else max_m
