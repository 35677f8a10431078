# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 bag`: recordings without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.outputs import OUTPUTS
from dav2_ros.bags.parameters import read_parameters
from dav2_ros.bags.run import Progress, RunOptions, RunResult
from dav2_ros.bags.run import run as run_on
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import EngineError
from dav2_ros.models.info import ModelError

bag_app = typer.Typer(help='Recordings (rosbag2), without ROS: look, estimate, judge, play.', no_args_is_help=True)

Bag = Annotated[Path, typer.Argument(help='A recording: its folder, an .mcap or a .db3 file.')]
Topic = Annotated[str, typer.Option('--topic', help='Topic of the pictures; needed if there are several.')]
InfoTopic = Annotated[str, typer.Option('--info-topic', help='Their camera_info, if it is not beside them.')]
SensorTopic = Annotated[str, typer.Option('--sensor-topic', help='What scale_source reads, if there are several.')]
Model = Annotated[str | None, typer.Option(help='Name of a metric model (dav2 models list), or a file.')]
Engine = Annotated[str | None, typer.Option(help=f'What runs it: auto, {", ".join(ENGINES)}.')]
Size = Annotated[int | None, typer.Option(help="Short side of the network's input; 0: as in training.")]
ParamsFile = Annotated[Path | None, typer.Option('--params-file', help='A ROS parameters file, as calibration.yaml.')]
Params = Annotated[
    list[str] | None,
    typer.Option('-p', '--param', help='NAME:=VALUE, a parameter of the node, as scale_source:=lidar; repeat.'),
]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what a user can put right into a sentence and exit status 1."""
    try:
        yield
    except (BagError, EngineError, ModelError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error


@bag_app.command()
def info(
    bag: Bag,
    as_json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
) -> None:
    """Say which topics can be used, what belongs together, and what is missing."""
    from dav2_ros.bags.overview import overview, to_json, to_text

    with one_sentence():
        found = overview(bag)
    typer.echo(to_json(found) if as_json else to_text(found))


@bag_app.command()
def run(
    bag: Bag,
    out: Annotated[Path, typer.Option('-o', '--out', help='Recording to write, a folder with one MCAP file.')],
    model: Model = None,
    engine: Engine = None,
    size: Size = None,
    topic: Topic = '',
    info_topic: InfoTopic = '',
    sensor_topic: SensorTopic = '',
    params_file: ParamsFile = None,
    param: Params = None,
    outputs: Annotated[str, typer.Option(help=f'What to write: {", ".join(OUTPUTS)}.')] = 'depth,points,stats',
    prefix: Annotated[str, typer.Option(help='Namespace of the topics written.')] = '/dav2',
    copy: Annotated[bool, typer.Option('--copy', help='Copy the topics of the recording too.')] = False,
    compress: Annotated[bool, typer.Option(help='Pack chunks with zstd.')] = True,
) -> None:
    """Estimate the depth of every picture, and write what the node would have published, with the original stamps.

    OUT appears when it is whole. A run that was killed goes on where it was, if the same is asked again.
    """
    with one_sentence():
        given, ignored = read_parameters(params_file, param or [], model=model, engine=engine, input_size=size)
        wanted = tuple(name.strip() for name in outputs.split(',') if name.strip())
        if not wanted or set(wanted) - set(OUTPUTS):
            raise BagError(f'--outputs {outputs!r} is not a list of {", ".join(OUTPUTS)}.')
        if ignored:
            typer.echo(f'dav2: for the node alone, not used here: {", ".join(ignored)}', err=True)
        options = RunOptions(topic, info_topic, sensor_topic, prefix, wanted, copy, compress)
        with _progress() as (say, watch):
            result = run_on(bag, out, given, options, say=say, watch=watch)
    _tell(result, out)


@contextmanager
def _progress() -> Iterator[tuple]:
    """Show a bar with frames per second and the time left, where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('{task.fields[fps]}'))
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task('opening the engine', total=None, fps='')

        def watch(at: Progress) -> None:
            bar.update(task, description='depth', total=at.total, completed=at.done, fps=f'{at.fps:.1f} fps')

        yield (lambda sentence: bar.update(task, description=sentence)), watch


def _tell(result: RunResult, out: Path) -> None:
    for note in result.notes:
        typer.echo(f'dav2: {note}', err=True)
    for why, count in result.refused.items():
        typer.echo(f'dav2: {count} pictures gave no depth: {why}', err=True)
    fresh = result.frames - result.resumed
    fps = f'{fresh / result.elapsed_s:.1f} fps' if fresh else 'nothing left to do'
    share = f', {100 * result.engine_s / result.elapsed_s:.0f} % of the time in the engine' if fresh else ''
    resumed = f' ({result.resumed} by an earlier run)' if result.resumed else ''
    typer.echo(f'{out}: {result.frames} frames{resumed}, {fps}{share}')
