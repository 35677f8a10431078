# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate models on pairs of points: DA-2K, or pairs that `dav2-train annotate` made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.depth.colour import palette
from dav2_ros.evaluation.da2k import AnnotatedPicture, Da2kScore, PairScore, PointPair, gather, judge_picture
from dav2_ros.evaluation.page import Figure, PictureRow, Report, ReportTable
from dav2_ros.evaluation.report import ReportFiles
from dav2_ros.evaluation.tables import percent
from dav2_training.data.sets.da2k import Da2k
from dav2_training.evaluation.predictors import Predictor, nearness_rank, open_predictor
from dav2_training.evaluation.scoring import read_ahead
from dav2_training.evaluation.tables import show

RULE = (
    'DA-2K: a pair is right if the point that people call closer has the larger disparity, or the smaller depth; ties '
    'and unknown depths are wrong. Depth is brought to the size of the picture, bilinear with corners aligned. The '
    'mean over all pairs counts each once.'
)
WIDTH = 480  # pixels of a panel
NEAR_RGB, FAR_RGB = (46, 204, 113), (231, 76, 60)


@dataclass(frozen=True, eq=False)
class PairResult:
    """One model on all pairs."""

    model: str
    kind: str
    facts: Mapping[str, str]
    pictures: tuple[tuple[str, PairScore], ...]  # name, pairs of it
    wrong: tuple[PictureRow, ...]  # some of those that went wrong

    @property
    def score(self) -> Da2kScore:
        """All scenes."""
        return gather(score for _, score in self.pictures)


def evaluate_model(predict: Predictor, samples: Da2k, indices: Sequence[int], worst: int) -> PairResult:
    """Judge every pair; keep up to `worst` pictures with a pair that went wrong."""
    from rich.progress import track

    found, wrong = [], []
    reading = read_ahead(samples, indices, 2)
    for index, sample in zip(indices, track(reading, total=len(indices), description=f'evaluate {predict.name}')):
        picture = samples.picture(index)
        prediction = predict(sample.rgb, sample.camera)
        score = judge_picture(prediction, picture, kind=predict.kind)
        found.append((sample.name, score))
        if score.right < score.pairs and len(wrong) < worst:
            wrong.append(draw_wrong_pairs(predict, sample.rgb, prediction, picture))
    return PairResult(predict.name, predict.kind, predict.facts, tuple(found), tuple(wrong))


def draw_wrong_pairs(
    predict: Predictor, rgb: np.ndarray, prediction: np.ndarray, picture: AnnotatedPicture
) -> PictureRow:
    """Draw the wrong pairs into a picture and what was predicted: green is what people call closer, red farther."""
    bad = [
        p for p in picture.pairs if not judge_picture(prediction, AnnotatedPicture('', (p,)), kind=predict.kind).right
    ]
    caption = f'{predict.name}, {picture.name}: {len(bad)} of {len(picture.pairs)} pairs wrong (green is closer)'
    panels = (('picture', rgb), ('prediction', colour_by_rank(prediction, predict.kind)))
    return PictureRow(caption, tuple((name, draw_pairs(panel, bad)) for name, panel in panels))


def colour_by_rank(prediction: np.ndarray, kind: str) -> np.ndarray:
    """Paint a prediction by rank, near red and far blue: only the order counts here. Returns (H, W, 3) uint8."""
    ranks = nearness_rank(prediction, kind)
    levels = np.where(np.isnan(ranks), 0, np.rint(254 - 253 * np.nan_to_num(ranks))).astype(np.uint8)
    levels[np.isposinf(prediction)] = 255
    return palette()[levels]


def draw_pairs(rgb: np.ndarray, pairs: Sequence[PointPair]) -> np.ndarray:
    """Return a picture of width WIDTH with its pairs drawn in."""
    scale = WIDTH / rgb.shape[1]
    drawn = cv2.resize(rgb, (WIDTH, max(1, round(scale * rgb.shape[0]))), interpolation=cv2.INTER_AREA)
    for pair in pairs:
        near, far = (
            tuple(int(scale * (x + 0.5)) for x in reversed(pair.points[k])) for k in (pair.closer, 1 - pair.closer)
        )
        cv2.line(drawn, near, far, (255, 255, 255), 1, cv2.LINE_AA)
        for at, colour in ((near, NEAR_RGB), (far, FAR_RGB)):
            cv2.circle(drawn, at, 7, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(drawn, at, 5, colour, -1, cv2.LINE_AA)
    return drawn


def table(results: Sequence[PairResult]) -> ReportTable:
    """Return scenes across, models down."""
    scenes = [scene.scene for scene in results[0].score.scenes]
    rows = []
    for result in results:
        score = result.score
        rows.append((result.model, *(percent(s.accuracy) for s in score.scenes), percent(score.total.accuracy),
                     percent(score.mean_of_scenes), str(score.total.ties)))  # fmt: skip
    pairs = results[0].score.total.pairs
    return ReportTable(f'{pairs} pairs', ('model', *scenes, 'all pairs', 'mean of scenes', 'ties'), tuple(rows))


def run(
    models: Sequence[str],
    samples: Da2k,
    indices: Sequence[int],
    options: tuple[tuple[str, str], ...],
    worst: int,
    engine: Mapping[str, object],
    files: ReportFiles,
) -> None:
    """Judge models, print the table, write what was asked for."""
    results = []
    for model in models:
        with open_predictor(model, **engine) as predict:
            results.append(evaluate_model(predict, samples, indices, worst))
    show(f'DA-2K, {len(indices)} pictures', [table(results)], [RULE])
    data = {
        'format': 1,
        'data': 'da2k',
        'protocol': [RULE],
        'options': dict(options),
        'results': [
            {'model': r.model, 'kind': r.kind, **r.facts, 'accuracy': r.score.total.accuracy, 'score': r.score}
            for r in results
        ],
    }
    rows = ((r.model, name, s.scene, s.pairs, s.right, s.ties) for r in results for name, s in r.pictures)
    best = max(results, key=lambda result: result.score.total.right)
    page = Report(
        'Which point is closer?',
        f'{", ".join(r.model for r in results)} on {len(indices)} pictures of DA-2K',
        (Figure('Right', percent(best.score.total.accuracy), best.model if len(results) > 1 else ''),),
        (table(results),),
        frames=tuple(p for r in results for p in r.wrong),
        frames_title='Some pairs that went wrong',
        protocol=(RULE,),
        options=options,
        data=data,
    )
    files.write(page, ('model', 'picture', 'scene', 'pairs', 'right', 'ties'), rows)
