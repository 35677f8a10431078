# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 bag evaluate`: how right depth is on a recording."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError, evaluation_report
from dav2_ros.bags.calibrate import numbers
from dav2_ros.bags.evaluate import NUMBERS, VARIANTS, Evaluation, Wanted, evaluate
from dav2_ros.bags.evaluation_report import Asked
from dav2_ros.bags.frames import Pictures
from dav2_ros.bags.options import Bag, InfoTopic, Params, ParamsFile, SensorTopic, Size, Topic, one_sentence
from dav2_ros.bags.parameters import BagParameters, read_parameters
from dav2_ros.bags.reader import BagReader
from dav2_ros.bags.sensor import KINDS, Sensor, topics_of
from dav2_ros.bags.thresholds import read_threshold
from dav2_ros.bags.truth import SensorTruth, TapeTruth, Truth
from dav2_ros.engines import ENGINES
from dav2_ros.estimator_parameters import make_estimator


def evaluate_bag(
    bag: Bag,
    model: Annotated[list[str] | None, typer.Option(help='Name or file of a metric model; repeat to compare.')] = None,
    engine: Annotated[list[str] | None, typer.Option(help=f'auto, {", ".join(ENGINES)}; repeat to compare.')] = None,
    depth_topic: Annotated[str, typer.Option(help='Truth: depth images, of this or of another camera.')] = '',
    lidar_topic: Annotated[str, typer.Option(help='Truth: PointCloud2 of a LiDAR.')] = '',
    distance: Annotated[
        list[str] | None, typer.Option(help='Truth: U,V,METRES from the lens to what pixel u, v shows; repeat.')
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
        given, _ = read_parameters(params_file, param or [], input_size=size, output_size='camera')
        limits = [read_threshold(text, VARIANTS, NUMBERS) for text in fail_if or []]
        found, asked = [], None
        for name, what in product(model or [given.model], engine or [given.engine]):
            chosen = replace(given, model=name, engine=what)
            topics, of = (topic, info_topic, sensor_topic), (depth_topic, lidar_topic, distance or [])
            one, asked = _judge(bag, chosen, of, topics, Wanted(frames, max_depth, worst))
            found.append(one)
        evaluation_report.write(out, asked, found)
    _tell(found, asked, out)
    broken = [f'{each.model}, {each.engine}: {why}' for one in found for why in _breaches(one, limits)
              for each in one.judged[:1]]  # fmt: skip
    for sentence in broken:
        typer.echo(f'dav2: --fail-if: {sentence}', err=True)
    if broken:
        raise typer.Exit(1)


def _judge(
    path: Path, given: BagParameters, of: tuple[str, str, list[str]], topics: tuple[str, str, str], wanted: Wanted
) -> tuple[Evaluation, Asked]:
    """Judge one model on one engine."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    quiet = not console.is_terminal  # nothing in a log
    with BagReader(path) as bag, Progress(console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task('opening the engine', total=None)
        sensor = Sensor(bag, given.scale_source, topics[2], given) if given.scale_source in KINDS else None
        pictures = Pictures(bag, given, topic=topics[0], info_topic=topics[1], sensor=sensor)
        # what a sensor sees belongs to the nearest picture, not to the first within the tolerance
        nearest = min(given.scale_tolerance_s, 0.5 * pictures.period_s + 1e-3)
        truth = _truth(bag, replace(given, scale_tolerance_s=nearest), *of)

        def watch(done: int, total: int) -> None:
            bar.update(task, description=f'{given.model}, {given.engine}', completed=done, total=total)

        def say(sentence: str) -> None:
            bar.update(task, description=sentence)

        with make_estimator(given, background=False, say=say, warn=say) as estimator:
            found = evaluate(pictures, truth, estimator, given, wanted, watch)
        changed = {name: value for name, value in vars(given).items() if value != getattr(BagParameters(), name)}
        options = tuple((name, str(value)) for name, value in {'pictures': pictures.topic, **changed}.items())
        notes = (*bag.notes, *pictures.notes)
        return found, Asked(path.name, truth.name, wanted.max_depth_m, options, notes)


def _truth(bag: BagReader, given: BagParameters, depth_topic: str, lidar_topic: str, distance: list[str]) -> Truth:
    """Return what is asked for, or what the recording has if it is one thing."""
    asked = [each for each in (depth_topic, lidar_topic, distance) if each]
    if len(asked) > 1:
        raise BagError('Give one of --depth-topic, --lidar-topic and --distance.')
    if distance:
        return TapeTruth([numbers(text, 3) for text in distance])
    if lidar_topic:
        return SensorTruth(Sensor(bag, 'lidar', lidar_topic, given))
    if depth_topic:
        return SensorTruth(Sensor(bag, 'depth', depth_topic, given))
    there = [(source, topic) for source in ('depth', 'lidar') for topic in topics_of(bag, source)]
    if len(there) != 1:
        names = ', '.join(topic for _, topic in there) or 'none'
        raise BagError(f'{bag.path} has {len(there)} topics that know distances ({names}): give one of --depth-topic, '
                       '--lidar-topic and --distance.')  # fmt: skip
    return SensorTruth(Sensor(bag, *there[0], given))


def _breaches(one: Evaluation, limits: list) -> list[str]:
    found = {each.variant: each.numbers for each in one.judged}
    return [why for limit in limits if (why := limit.breach(found))]


def _tell(found: list[Evaluation], asked: Asked, out: Path) -> None:
    for note in asked.notes:
        typer.echo(f'dav2: {note}', err=True)
    typer.echo('\n'.join(evaluation_report.lines(found)))
    typer.echo(f'Compared with {asked.truth}. {out / "report.html"}')
