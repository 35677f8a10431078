# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate models on a data set: held-out procedural scenes, any set on disk, or the pairs of DA-2K.

    dav2-train evaluate vitt-procedural
    dav2-train evaluate v2-small v2-metric-indoor-small --data nyuv2 --root /data/nyuv2 --html out/nyu.html
    dav2-train evaluate v2-small --data da2k --root /data/DA-2K
    dav2-train evaluate v2-small --data blendedmvs --root /data/blendedmvs   # disparity: SSIM and differences

Every number stands under a protocol, which is printed with it. A metric model is judged in its own metres, with the
camera of each picture; a relative one after its unknown factor and offset were fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer

from dav2_ros.engines.engine import EngineError
from dav2_ros.evaluation.alignment import ALIGNMENTS
from dav2_ros.evaluation.page import FramePictures
from dav2_ros.evaluation.protocols import PROTOCOLS, Protocol, protocol
from dav2_ros.evaluation.report import ReportFiles
from dav2_training.data import registry
from dav2_training.data.procedural.frame_cache import WORLDS
from dav2_training.data.sample import DataError, DepthSet
from dav2_training.evaluation import evaluate_disparity, evaluate_pairs
from dav2_training.evaluation import report as evaluation_report
from dav2_training.evaluation.held_out import HELD_OUT_SEED, HeldOutScenes
from dav2_training.evaluation.predictors import open_predictor
from dav2_training.evaluation.report import EvaluationResult, EvaluationSetup, WorstPictures
from dav2_training.evaluation.scoring import evaluate_pictures

BY_SET = {  # the protocol that papers use on a set; of others it is plain
    'kitti': 'kitti_garg', 'nyuv2': 'nyu_eigen', 'hypersim': 'official_indoor', 'vkitti2': 'official_outdoor',
}  # fmt: skip
HELD_OUT = {f'held-out-{world}': world for world in WORLDS}


@dataclass(frozen=True)
class EvaluationData:
    """An opened data set and which of its pictures are judged."""

    name: str
    title: str
    samples: DepthSet
    indices: tuple[int, ...]
    threads: int  # that read ahead


def open_data(name: str, root: Path | None, split: str, frames: int, scenes: HeldOutScenes) -> EvaluationData:
    """Open held-out scenes, or a set on disk; `frames` are spread over it evenly, 0 is all of them."""
    if name in HELD_OUT:  # rendering is PyTorch's work, like the network's: not at once
        return EvaluationData(name, f'{name}, seed {scenes.seed}', scenes, tuple(range(len(scenes))), 0)
    if root is None:
        raise DataError(f'Where is {name}? Give its folder with --root; it should look like this:\n{_tree(name)}')
    samples = registry.open_set(name, root, split)
    total = len(samples)
    indices = tuple(dict.fromkeys(round(float(i)) for i in np.linspace(0, total - 1, min(frames or total, total))))
    shown = f'{len(indices)} of {total} pictures' if len(indices) < total else f'{total} pictures'
    info = registry.set_info(name)
    return EvaluationData(name, f'{info.title}, {split or info.splits[0]}, {shown}', samples, indices, 2)


def _tree(name: str) -> str:
    return registry.set_info(name).tree


def evaluate(
    models: Sequence[str],
    data: EvaluationData,
    rule: Protocol,
    *,
    align: Sequence[str] = (),
    details: bool = True,
    worst: int = 6,
    **engine: object,
) -> tuple[tuple[EvaluationResult, ...], tuple[FramePictures, ...]]:
    """Judge models on a data set; return a result for each model and alignment, and the worst pictures of each model.

    `align` are of alignment.ALIGNMENTS; nothing is the protocol's own for the kind of model. `engine` goes to
    predictors.open_predictor. Raises DataError where no picture can be judged.
    """
    from rich.progress import track

    results, frames = [], []
    for model in models:
        with open_predictor(model, **engine) as predict:
            how = [h for h in align or (getattr(rule, predict.kind),) if (predict.kind, h) != ('relative', 'none')]
            worst_pictures, records = WorstPictures(worst), {h: [] for h in how or (rule.relative,)}
            pictures = evaluate_pictures(predict, data.samples, data.indices, rule, tuple(records), details=details,
                           threads=data.threads)  # fmt: skip
            for evaluated in track(pictures, total=len(data.indices), description=f'evaluate {predict.name}'):
                worst_pictures.add(evaluated, predict.name)
                for record in evaluated.records:
                    records[record.how].append(record)
            if not all(records.values()):
                raise DataError(f'{data.title}: there is no depth to compare with; choose another --data or --split.')
            results += [
                EvaluationResult(predict.name, predict.kind, h, tuple(r), predict.facts) for h, r in records.items()
            ]
            frames += worst_pictures.frames()
    return tuple(results), tuple(frames)


Models = Annotated[Optional[list[str]], typer.Argument(help='Names or files of models [default: vitt-procedural].')]  # noqa: UP045


def main(
    models: Models = None,
    data: Annotated[
        str, typer.Option(help=f'{", ".join(HELD_OUT)}, or a set: {", ".join(sorted(registry.LOADERS))}.')
    ] = ('held-out-procedural'),
    root: Annotated[Optional[Path], typer.Option(help='Folder of the set.')] = None,  # noqa: UP045
    split: Annotated[str, typer.Option(help='Of the set; the default is its first.')] = '',
    rule: Annotated[str, typer.Option('--protocol', help=f"{', '.join(PROTOCOLS)}; the default is the set's.")] = '',
    align: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help=f"{', '.join(ALIGNMENTS)}; more than once for several rows. The default is the protocol's."),
    ] = None,
    frames: Annotated[int, typer.Option(help='Pictures to judge, evenly spread; 0 is all (held-out: 512).')] = 0,
    seed: Annotated[int, typer.Option(help='Of held-out scenes; training used others.')] = HELD_OUT_SEED,
    height: Annotated[int, typer.Option(help='Of held-out pictures.')] = 168,
    width: Annotated[int, typer.Option(help='Of held-out pictures.')] = 224,
    engine: Annotated[str, typer.Option(help='What runs it; the default is the same on every machine.')] = 'torch',
    precision: Annotated[str, typer.Option(help='Its arithmetic: fp32, bf16, fp16, int8, or auto.')] = 'fp32',
    device: Annotated[str, typer.Option(help='auto, cpu, cuda ...')] = 'auto',
    size: Annotated[int, typer.Option(help='Short side of the network input; 0 is that of training.')] = 0,
    details: Annotated[bool, typer.Option(help='Boundary F1, and SSIM of disparity, too.')] = True,
    disparity: Annotated[
        bool, typer.Option('--disparity', help='Compare disparity even where metres are known.')
    ] = False,
    worst: Annotated[int, typer.Option(help='Worst pictures of each model on the page.')] = 6,
    json_to: Annotated[Optional[Path], typer.Option('--json', help='Write the numbers here.')] = None,  # noqa: UP045
    csv_to: Annotated[Optional[Path], typer.Option('--csv', help='Write a line per picture here.')] = None,  # noqa: UP045
    html_to: Annotated[Optional[Path], typer.Option('--html', help='Write a page with pictures here.')] = None,  # noqa: UP045
) -> None:
    """Print AbsRel, delta1 and more, or how many pairs of DA-2K are right; write JSON, CSV and a page."""
    if unknown := [each for each in align or () if each not in ALIGNMENTS]:
        raise EngineError(f'There is no alignment {unknown[0]!r}: choose {", ".join(ALIGNMENTS)}.')
    models = models or ['vitt-procedural']
    runs = {'engine': engine, 'precision': precision, 'device': device, 'size': size}
    scenes = HeldOutScenes(frames or 512, height, width, seed, HELD_OUT.get(data, 'procedural'))
    opened = open_data(data, root, split, frames, scenes)
    files = ReportFiles(json_to, csv_to, html_to)
    options = tuple((name, str(value)) for name, value in {'data': data, 'split': split, **runs}.items() if value)
    if data == 'da2k':
        evaluate_pairs.run(models, opened.samples, opened.indices, options, worst, runs, files)
        return
    if disparity or (data not in HELD_OUT and registry.set_info(data).truth == 'disparity'):
        where = (opened.title, opened.samples, opened.indices, opened.threads)
        evaluate_disparity.run(models, *where, options, worst, runs, files)
        return
    chosen = protocol(rule or BY_SET.get(data, data if data in PROTOCOLS else 'plain'))
    results, pictures = evaluate(models, opened, chosen, align=align or (), details=details, worst=worst, **runs)
    kinds = dict.fromkeys((result.kind, result.how) for result in results)
    sentences = tuple(chosen.aligned_by(kind, how).sentence(kind) for kind, how in kinds)
    write(EvaluationSetup(opened.title, sentences, options), results, pictures, files)


def write(
    setup: EvaluationSetup,
    results: Sequence[EvaluationResult],
    pictures: tuple[FramePictures, ...],
    files: ReportFiles,
) -> None:
    """Print the tables and write what was asked for."""
    from dav2_training.evaluation.tables import show

    page = evaluation_report.page(setup, results, pictures)
    show(setup.data, page.tables, setup.protocol)
    files.write(page, evaluation_report.CSV_HEADER, evaluation_report.csv_rows(results))


if __name__ == '__main__':
    typer.run(main)
