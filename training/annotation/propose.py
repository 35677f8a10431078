# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find pairs of points that models order differently, where a person's answer tells models apart.

Models of metres and of disparity are compared by rank alone: a point's rank is the share of the picture that is
farther. Points lie where no model has an edge nearby, so that a person can tell which surface is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dav2_training.data import decode
from dav2_training.data.sets.folder import ImageFolder
from dav2_training.evaluation.predictors import Predictor, nearness_rank, open_predictor

MAX_POINTS = 4000  # candidates in a picture
MAX_PAIRS = 20000  # of these points that are compared
CLEAR_RADIUS = 0.02  # of the picture's diagonal: around a point no model may have an edge
MAX_RANK_CHANGE = 0.04  # within that radius ...
FLATTEST_SHARE = 0.3  # ... or, where more changes everywhere, this share of the points, the flattest
MIN_DISTANCE = 0.06  # of the diagonal: between two points of a pair, and between pairs
BORDER = 0.03  # of each side: too near to the frame to be clicked


@dataclass(frozen=True)
class Proposal:
    """Two points (row, column) and how much the models disagree."""

    points: tuple[tuple[int, int], tuple[int, int]]
    disagreement: float  # 0 to 1: the smaller of the two margins, in ranks, by which models order them oppositely


def propose(ranks: Sequence[np.ndarray], count: int, seed: int = 0) -> list[Proposal]:
    """Return up to `count` pairs (H, W are those of `ranks`, two or more), the most disputed first, spread out.

    Deterministic in `seed`. There are fewer where models agree; which point comes first is chance.
    """
    rng = np.random.default_rng(seed)
    height, width = ranks[0].shape
    diagonal = float(np.hypot(height, width))
    points = _clear_points(ranks, diagonal, rng)
    if len(points) < 2:
        return []
    first, second = rng.integers(0, len(points), (2, MAX_PAIRS))
    a, b = points[first], points[second]
    far_enough = np.hypot(*(a - b).T) >= MIN_DISTANCE * diagonal
    a, b = a[far_enough], b[far_enough]
    margins = np.stack([rank[tuple(a.T)] - rank[tuple(b.T)] for rank in ranks])  # (models, pairs)
    disagreement = np.minimum(margins.max(axis=0), -margins.min(axis=0))
    found: list[Proposal] = []
    taken = np.empty((0, 2))
    for k in np.argsort(-disagreement, kind='stable'):
        if len(found) == count or disagreement[k] <= 0:
            break
        pair = np.stack([a[k], b[k]])
        if len(taken) and np.hypot(*(pair[:, None] - taken).reshape(-1, 2).T).min() < MIN_DISTANCE * diagonal:
            continue
        taken = np.vstack([taken, pair])
        found.append(Proposal(tuple((int(r), int(c)) for r, c in pair), float(disagreement[k])))
    return found


def propose_for_folder(
    root: Path, models: Sequence[str], pairs: int, min_disagreement: float, seed: int, device: str = 'auto'
) -> Iterator[tuple[str, Proposal]]:
    """Yield (path below `root`, proposal) for up to `pairs` pairs of each picture that are disputed enough."""
    from rich.progress import track

    paths = ImageFolder(root, 'all').paths
    with ExitStack() as stack:
        predictors = [stack.enter_context(open_predictor(name, device=device)) for name in models]
        for k, path in enumerate(track(paths, description='propose')):
            ranks = predicted_ranks(predictors, decode.rgb(root / path))
            for proposal in propose(ranks, pairs, seed + k):
                if proposal.disagreement >= min_disagreement:
                    yield path, proposal


def predicted_ranks(models: Sequence[Predictor], rgb: np.ndarray) -> list[np.ndarray]:
    """Return each model's ranks (H, W) of a picture; a model that is alone also ranks the mirrored picture."""
    ranks = [nearness_rank(predict(rgb), predict.kind) for predict in models]
    if len(models) == 1:
        mirrored = np.ascontiguousarray(rgb[:, ::-1])
        ranks.append(nearness_rank(models[0](mirrored)[:, ::-1], models[0].kind))
    return ranks


def _clear_points(ranks: Sequence[np.ndarray], diagonal: float, rng: np.random.Generator) -> np.ndarray:
    """Return (N, 2) rows and columns around which every model is flat."""
    height, width = ranks[0].shape
    size = 2 * max(1, round(CLEAR_RADIUS * diagonal)) + 1
    kernel = np.ones((size, size), np.uint8)
    change = np.zeros((height, width), np.float32)  # of the model that sees most of it
    for rank in ranks:
        high = cv2.dilate(np.where(np.isnan(rank), np.float32(np.inf), rank), kernel)
        low = cv2.erode(np.where(np.isnan(rank), np.float32(-np.inf), rank), kernel)
        change = np.maximum(change, high - low)
    y, x = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    inside = np.zeros((height, width), bool)
    inside[y:-y, x:-x] = np.isfinite(change[y:-y, x:-x])
    if not inside.any():
        return np.empty((0, 2), int)
    points = np.argwhere(inside & (change <= max(MAX_RANK_CHANGE, np.quantile(change[inside], FLATTEST_SHARE))))
    return points[rng.permutation(len(points))[:MAX_POINTS]]
