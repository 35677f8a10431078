# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Judge pairs of points by DA-2K: which one is closer? (Yang et al. 2024, Depth Anything V2, section 6)

    annotations = read_annotations(Path('DA-2K/annotations.json'))
    score = gather(judge_picture(predict(name), picture, kind='relative') for name, picture in annotations.items())

No scorer was published; this is what the paper says and what follows from it: a pair is right if the point that
people call closer has the larger disparity, or the smaller depth; a tie, or an unknown depth, is wrong. Depth is
brought to the size of the picture first, bilinear with corners aligned, as the published inference code does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from dav2_ros.image.resize import ResizePlan

SCENES = ('indoor', 'outdoor', 'non_real', 'transparent_reflective', 'adverse_style', 'aerial', 'underwater', 'object')
POINTS = ('point1', 'point2')


class AnnotationError(ValueError):
    """A file that is no annotations.json; the message says where."""


@dataclass(frozen=True)
class PointPair:
    """Two points as (row, column), and which of them is closer: 0 or 1."""

    points: tuple[tuple[int, int], tuple[int, int]]
    closer: int


@dataclass(frozen=True)
class AnnotatedPicture:
    """The pairs of one picture."""

    name: str  # its path below the folder of the annotations
    pairs: tuple[PointPair, ...]

    @property
    def scene(self) -> str:
        """The kind of scene: a folder of its path with one of the eight names, else its last folder."""
        folders = PurePosixPath(self.name).parts[:-1]
        return next((f for f in folders if f in SCENES), folders[-1] if folders else 'all')


@dataclass(frozen=True)
class PairScore:
    """Pairs that were judged, and those that were right."""

    scene: str
    pairs: int
    right: int
    ties: int  # counted wrong

    @property
    def accuracy(self) -> float:
        """Share of right pairs; NaN without any."""
        return self.right / self.pairs if self.pairs else float('nan')


@dataclass(frozen=True)
class Da2kScore:
    """Every scene, in the paper's order, and all together."""

    scenes: tuple[PairScore, ...]
    total: PairScore  # every pair counts once: the paper's mean
    mean_of_scenes: float  # every scene counts once


def read_annotations(path: Path) -> dict[str, AnnotatedPicture]:
    """Read annotations.json: pictures by name. Raises AnnotationError with the entry that is not understood."""
    try:
        entries = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise AnnotationError(f'{path} is not the annotations of DA-2K ({error}).') from error
    if not isinstance(entries, dict):
        raise AnnotationError(f'{path} is not the annotations of DA-2K: it holds no object of pictures.')
    return {
        name: AnnotatedPicture(name, tuple(_pair(path, name, each) for each in pairs))
        for name, pairs in entries.items()
    }


def _pair(path: Path, name: str, entry: dict) -> PointPair:
    try:
        first, second = (tuple(int(x) for x in entry[point]) for point in POINTS)
        if len(first) != 2 or len(second) != 2 or min(*first, *second) < 0:
            raise ValueError('a point is [row, column]')
        return PointPair((first, second), POINTS.index(entry['closer_point']))
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f'{path}: {name} has a pair {entry!r} that is none ({error}).') from error


def to_json(pictures: Iterable[AnnotatedPicture]) -> str:
    """Return annotations.json of pictures; the closer point comes first, as in DA-2K."""
    entries = {}
    for picture in pictures:
        ordered = [(pair.points[pair.closer], pair.points[1 - pair.closer]) for pair in picture.pairs]
        entries[picture.name] = [
            {'point1': list(near), 'point2': list(far), 'closer_point': 'point1'} for near, far in ordered
        ]
    return json.dumps(entries, indent=1) + '\n'


def judge_picture(
    prediction: np.ndarray, picture: AnnotatedPicture, *, kind: str, size: tuple[int, int] | None = None
) -> PairScore:
    """Judge the pairs of a picture by a prediction (h, w): disparity of kind `relative`, metres of `metric`.

    `size` is the picture's (height, width) where the prediction is smaller. Raises AnnotationError for a point outside.
    """
    height, width = size or prediction.shape
    if prediction.shape != (height, width):
        prediction = ResizePlan(height, width, *prediction.shape).undo(prediction.astype(np.float32))
    right = ties = 0
    for pair in picture.pairs:
        near, far = (pair.points[k] for k in (pair.closer, 1 - pair.closer))
        if max(near[0], far[0]) >= height or max(near[1], far[1]) >= width:
            raise AnnotationError(f'{picture.name} is {width}x{height}, yet a pair is at {near} and {far}.')
        a, b = (prediction[far], prediction[near]) if kind == 'metric' else (prediction[near], prediction[far])
        right += bool(a > b)  # NaN is never larger
        ties += bool(a == b)
    return PairScore(picture.scene, len(picture.pairs), right, ties)


def gather(scores: Iterable[PairScore]) -> Da2kScore:
    """Add up pictures by scene and in all."""
    scores = list(scores)
    names = sorted({s.scene for s in scores}, key=lambda name: (SCENES.index(name) if name in SCENES else 99, name))
    scenes = tuple(_sum(name, [s for s in scores if s.scene == name]) for name in names)
    accuracies = [scene.accuracy for scene in scenes if scene.pairs]
    return Da2kScore(scenes, _sum('all', scores), float(np.mean(accuracies)) if accuracies else float('nan'))


def _sum(scene: str, scores: list[PairScore]) -> PairScore:
    return PairScore(scene, *(sum(getattr(s, name) for s in scores) for name in ('pairs', 'right', 'ties')))
