# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 bag evaluate`: judge depth on a recording."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import stream_with_sensor
from dav2_ros.bags.evaluation import report as evaluation_report
from dav2_ros.bags.evaluation.evaluate import NUMBERS, VARIANTS, Evaluation, EvaluationOptions, evaluate
from dav2_ros.bags.evaluation.fail_if import read_threshold
from dav2_ros.bags.evaluation.ground_truth import GroundTruth, SensorTruth, TapeTruth
from dav2_ros.bags.evaluation.report import EvaluationSettings
from dav2_ros.bags.known_distances import TapeMeasure
from dav2_ros.bags.reference_sensor import RecordedSensor, topics_of
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.calibrate import numbers
from dav2_ros.commands.options import Bag, InfoTopic, Params, ParamsFile, SensorTopic, Size, Topic, one_sentence
from dav2_ros.engines import ENGINES
from dav2_ros.parameter import replaced, values_of
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.read import read_parameters
from dav2_ros.parameters.scale import ScaleParameters
from dav2_ros.pipeline import DepthPipeline


def evaluate_bag(
    bag: Bag,
    model: Annotated[list[str] | None, typer.Option(help='Name or file of a metric model; repeat to compare.')] = None,
    engine: Annotated[list[str] | None, typer.Option(help=f'auto, {", ".join(ENGINES)}; repeat to compare.')] = None,
    depth_topic: Annotated[str, typer.Option(help='Truth: depth images, of this or of another camera.')] = '',
    lidar_topic: Annotated[str, typer.Option(help='Truth: PointCloud2 of a LiDAR.')] = '',
    distance: Annotated[
        list[str] | None,
        typer.Option(help='Truth: U,V,METRES from the lens to what pixel u, v of the recorded picture shows; repeat.'),
    ] = None,
    frames: Annotated[int, typer.Option(min=0, help='Pictures to judge, evenly spread; 0: all.')] = 0,
    max_depth: Annotated[float, typer.Option(min=0.1, help='Metres; known distances beyond are left out.')] = 80.0,
    worst: Annotated[int, typer.Option(min=0, help='Worst frames of each model on the page.')] = 6,
    fail_if: Annotated[
        list[str] | None, typer.Option(help='Exit with 1 if so, as "abs_rel>0.12" or "scaled.d1<0.9"; repeat.')
    ] = None,
    out: Annotated[Path, typer.Option('-o', '--out', help='Folder for page, JSON and CSV.')] = Path('out/evaluation'),
    size: Size = None,
    topic: Topic = '',
    info_topic: InfoTopic = '',
    sensor_topic: SensorTopic = '',
    params_file: ParamsFile = None,
    param: Params = None,
) -> None:
    """Judge depth against a depth camera, a LiDAR or a tape measure in the recording, and write a report.

    The place of a sensor is that of /tf_static and /tf, or of the parameters scale_sensor_* (-p). Numbers stand side by
    side: raw, with the right factor for each frame, and, with -p scale_source:=..., as the node corrects them.
    """
    with one_sentence():
        params, _ = read_parameters(BagParameters, params_file, param or [], input_size=size, output_size='camera')
        limits = [read_threshold(text, VARIANTS, NUMBERS) for text in fail_if or []]
        judged = []
        for name, what in product(model or [params.estimator.model], engine or [params.estimator.engine]):
            chosen = replaced(params, {'model': name, 'engine': what})
            topics, of = (topic, info_topic, sensor_topic), (depth_topic, lidar_topic, distance or [])
            judged.append(_judge(bag, chosen, of, topics, EvaluationOptions(frames, max_depth, worst)))
        found, asked = [one for one, _ in judged], judged[-1][1]
        evaluation_report.write(out, asked, found)
    _tell(found, asked, out)
    broken = [f'{each.model}, {each.engine}: {why}' for one in found for why in _breaches(one, limits)
              for each in one.judged[:1]]  # fmt: skip
    for sentence in broken:
        typer.echo(f'dav2: --fail-if: {sentence}', err=True)
    if broken:
        raise typer.Exit(1)


def _judge(
    path: Path,
    params: BagParameters,
    of: tuple[str, str, list[str]],
    topics: tuple[str, str, str],
    options: EvaluationOptions,
) -> tuple[Evaluation, EvaluationSettings]:
    """Judge one model on one engine."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    quiet = not console.is_terminal  # nothing in a log
    with BagReader(path) as bag, Progress(console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task('opening the engine', total=None)
        stream = stream_with_sensor(bag, params, topic=topics[0], info_topic=topics[1], sensor_topic=topics[2])
        is_scaled = params.scale.scale_source != 'none'
        # what a sensor sees belongs to the nearest picture, not to the first within the tolerance
        nearest = min(params.scale.scale_tolerance_s, 0.5 * stream.period_s + 1e-3)
        truth = _truth(bag, replace(params.scale, scale_tolerance_s=nearest), *of)
        model, engine = params.estimator.model, params.estimator.engine

        def watch(done: int, total: int) -> None:
            bar.update(task, description=f'{model}, {engine}', completed=done, total=total)

        def say(sentence: str) -> None:
            bar.update(task, description=sentence)

        with DepthPipeline(params, log=say, warn=say) as pipeline:
            found = evaluate(stream, truth, pipeline, options, is_scaled=is_scaled, watch=watch)
        usual = values_of(BagParameters())
        changed = {name: value for name, value in values_of(params).items() if value != usual[name]}
        shown = tuple((name, str(value)) for name, value in {'pictures': stream.topic, **changed}.items())
        notes = (*bag.notes, *stream.notes)
        return found, EvaluationSettings(path.name, truth.name, options.max_depth_m, shown, notes)


def _truth(
    bag: BagReader, params: ScaleParameters, depth_topic: str, lidar_topic: str, distance: list[str]
) -> GroundTruth:
    """Return what is asked for, or what the recording has if it is one thing."""
    asked = [each for each in (depth_topic, lidar_topic, distance) if each]
    if len(asked) > 1:
        raise BagError('Give one of --depth-topic, --lidar-topic and --distance.')
    if distance:
        return TapeTruth(TapeMeasure([numbers(text, 3) for text in distance]))
    if lidar_topic:
        return SensorTruth(RecordedSensor(bag, 'lidar', lidar_topic, params))
    if depth_topic:
        return SensorTruth(RecordedSensor(bag, 'depth', depth_topic, params))
    there = [(source, topic) for source in ('depth', 'lidar') for topic in topics_of(bag, source)]
    if len(there) != 1:
        names = ', '.join(topic for _, topic in there) or 'none'
        raise BagError(f'{bag.path} has {len(there)} topics that know distances ({names}): give one of --depth-topic, '
                       '--lidar-topic and --distance.')  # fmt: skip
    return SensorTruth(RecordedSensor(bag, *there[0], params))


def _breaches(one: Evaluation, limits: list) -> list[str]:
    found = {each.variant: each.numbers for each in one.judged}
    return [why for limit in limits if (why := limit.breach(found))]


def _tell(found: list[Evaluation], asked: EvaluationSettings, out: Path) -> None:
    for note in asked.notes:
        typer.echo(f'dav2: {note}', err=True)
    typer.echo('\n'.join(evaluation_report.lines(found)))
    typer.echo(f'Compared with {asked.truth}. {out / "report.html"}')
