# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the method in miniature: a teacher, its labels, and students that learn from three things, over seeds.

    dav2-train proof

One world is "synthetic": procedural scenes with exact truth. Another is "real": the same geometry in other pictures
(data/procedural/domain_shift.py), whose truth only judges. Students learn from synthetic truth, from that and the
teacher's labels of real pictures, or from those labels alone (Depth Anything V2, Table 5). As configured they also
differ in the number of pictures (300 synthetic, 3,000 real) and in augmentation, so their scores do not compare labels:
see docs/reproduction.md. Then the best encoder and one that starts from nothing learn metres with the same recipe. What
is done is not done again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dav2_ros.evaluation.da2k import AnnotatedPicture, PairScore, PointPair, gather, judge_picture
from dav2_ros.evaluation.metrics import mean
from dav2_ros.evaluation.protocols import protocol
from dav2_ros.files.atomic import write_json
from dav2_training import config as configs
from dav2_training.config import MetricConfig
from dav2_training.data.sample import Sample
from dav2_training.evaluation.held_out import HeldOutScenes
from dav2_training.evaluation.predictors import open_predictor
from dav2_training.evaluation.scoring import evaluate_pictures
from dav2_training.figures.draw_ablation import draw_ablation
from dav2_training.stages import metric, pseudo_label, student, teacher
from dav2_training.stages.pseudo_label import PseudoLabelConfig
from dav2_training.stages.student import StudentConfig
from dav2_training.stages.teacher import TeacherConfig

STAGES: dict[str, tuple[type, Callable]] = {
    'student_synthetic': (TeacherConfig, teacher.train),
    'student_both': (StudentConfig, student.train),
    'student_pseudo': (StudentConfig, student.train),
    'metric_nothing': (MetricConfig, metric.train),
    'metric_student': (MetricConfig, metric.train),
}
WORLDS = ('shifted', 'procedural')  # "real" first: what it is all for
PAIRS_PER_PICTURE = 20  # of points, whose order a model predicts
MIN_DISTANCE_RATIO = 1.2  # of the two points of a pair


@dataclass(frozen=True)
class AblationScore:
    """One network on one world."""

    abs_rel: float
    d1: float
    pairs: float  # share of pairs in the right order; NaN for metric networks, of which it is not asked


def draw_pairs(sample: Sample, seed: int) -> AnnotatedPicture:
    """Draw pairs of points whose true distances differ clearly, the way people annotate DA-2K."""
    rng = np.random.default_rng(seed)
    known = np.argwhere(np.isfinite(sample.z_m))
    found: list[PointPair] = []
    for _ in range(50 * PAIRS_PER_PICTURE):
        a, b = (tuple(int(x) for x in known[rng.integers(len(known))]) for _ in range(2))
        za, zb = sample.z_m[a], sample.z_m[b]
        if max(za, zb) > MIN_DISTANCE_RATIO * min(za, zb):
            found.append(PointPair((a, b), int(zb < za)))
        if len(found) == PAIRS_PER_PICTURE:
            break
    return AnnotatedPicture(sample.name, tuple(found))


def score_model(model: Path, world: str, frames: int, size: tuple[int, int]) -> AblationScore:
    """Judge a network on held-out frames of a world: relative ones aligned in disparity, metric ones in metres."""
    held_out = HeldOutScenes(frames, *size, world=world)
    rule = protocol('plain')
    metrics, orders = [], list[PairScore]()
    with open_predictor(str(model)) as predict:
        how = rule.relative if predict.kind == 'relative' else rule.metric
        for picture in evaluate_pictures(predict, held_out, range(frames), rule, (how,), details=False, threads=0):
            metrics += [record.metrics for record in picture.records]
            if predict.kind == 'relative':
                annotated = draw_pairs(picture.sample, len(orders))
                orders.append(judge_picture(predict(picture.sample.rgb), annotated, kind='relative'))
    score = mean(metrics)
    return AblationScore(score.abs_rel, score.d1, gather(orders).total.accuracy)


@dataclass(frozen=True)
class Ablation:
    """What to run: configurations by name in `configs`, results in `out`."""

    configs: Path
    out: Path
    seeds: tuple[int, ...]
    frames: int  # held out, of each world
    steps: int | None = None  # in place of each stage's own

    def learn(self, kind: type, train: Callable, name: str, seed: int | None = None) -> Path:
        """Run a stage and return the trained model; what there is already is returned at once."""
        config = configs.load(kind, self.configs / f'{name}.yaml', steps=self.steps)
        folder = self.out / name
        if seed is not None:
            config = dataclasses.replace(config, fit=dataclasses.replace(config.fit, seed=seed))
            folder = self.out / f'{name}_{seed}'
        made = folder / f'{config.name}.safetensors'
        return made if made.is_file() else train(config, folder)

    def run(self, log: Callable[[str], None]) -> dict[str, dict]:
        """Run everything, draw it, and return the scores: by who learnt, by world, one for each seed."""
        taught = self.learn(TeacherConfig, teacher.train, 'teacher')
        pseudo_label.label(configs.load(PseudoLabelConfig, self.configs / 'pseudo_label.yaml'))
        made = {'teacher': [taught]}
        for name, (kind, train) in STAGES.items():
            made[name] = [self.learn(kind, train, name, seed) for seed in self.seeds]
        shape = configs.load(TeacherConfig, self.configs / 'teacher.yaml')
        found: dict[str, dict] = {}
        log(f'{"":18}' + ''.join(f'{f"{world}: AbsRel, δ1, pairs":52}' for world in WORLDS))
        for name, models in made.items():
            scores = {w: [score_model(m, w, self.frames, (shape.height, shape.width)) for m in models] for w in WORLDS}
            found[name] = {w: [dataclasses.asdict(score) for score in each] for w, each in scores.items()}
            log(row(name, scores))
        write_json(self.out / 'scores.json', found)
        draw_ablation(found, made, (shape.height, shape.width), self.out / 'proof.png')
        return found


def row(name: str, worlds: dict[str, list[AblationScore]]) -> str:
    """Return a line of the table: mean and standard deviation over seeds."""
    cells = []
    for world in WORLDS:
        values = [[getattr(score, key) for score in worlds[world]] for key in ('abs_rel', 'd1', 'pairs')]
        cells.append('  '.join(f'{np.mean(v):.4f} ± {np.std(v, ddof=len(v) > 1):.4f}' for v in values))
    return f'{name:18}' + ''.join(f'{cell:52}' for cell in cells)


def main(
    out: Annotated[Path, typer.Option(help='Folder for what is made; the configurations name it too.')] = Path(
        'out/proof'
    ),
    settings: Annotated[Path, typer.Option('--configs', help='Folder with a YAML file for each stage.')] = Path(
        'config/training/proof'
    ),
    seeds: Annotated[int, typer.Option(min=1, help='How many networks of each kind.')] = 3,
    frames: Annotated[int, typer.Option(min=1, help='Held-out frames of each world that judge.')] = 256,
    steps: Annotated[int, typer.Option(min=0, help='Replace fit.steps of each stage; 0: as configured.')] = 0,
) -> None:
    """Prove the method in miniature: teacher, pseudo labels, students, metres; an hour on two cores."""
    Ablation(settings, out, tuple(range(seeds)), frames, steps or None).run(print)
