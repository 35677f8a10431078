# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 bag`: work with recordings without ROS."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.outputs import OUTPUTS
from dav2_ros.bags.run import RunOptions, RunProgress, RunResult
from dav2_ros.bags.run import run as run_on
from dav2_ros.commands.bag_evaluate import evaluate_bag
from dav2_ros.commands.bag_extract import extract
from dav2_ros.commands.options import (
    Bag,
    Engine,
    InfoTopic,
    Model,
    Params,
    ParamsFile,
    SensorTopic,
    Size,
    Topic,
    one_sentence,
)
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.read import read_parameters

bag_app = typer.Typer(help='Recordings (rosbag2), without ROS: look, estimate, judge, play.', no_args_is_help=True)
bag_app.command('evaluate')(evaluate_bag)
bag_app.command()(extract)


@bag_app.command()
def info(
    bag: Bag,
    as_json: Annotated[bool, typer.Option('--json', help='Print JSON.')] = False,
) -> None:
    """Say which topics can be used, what belongs together, and what is missing."""
    from dav2_ros.bags.info import overview, to_json, to_text

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
    compress: Annotated[
        bool, typer.Option(help='Pack chunks with zstd: a quarter smaller, 3 ms more a frame.')
    ] = False,
) -> None:
    """Estimate the depth of every picture, and write what the node would have published, with the original stamps.

    OUT appears when it is whole. A run that was killed goes on where it was, if the same is asked again.
    """
    with one_sentence():
        params, ignored = read_parameters(
            BagParameters, params_file, param or [], model=model, engine=engine, input_size=size
        )
        wanted = tuple(name.strip() for name in outputs.split(',') if name.strip())
        if not wanted or set(wanted) - set(OUTPUTS):
            raise BagError(f'--outputs {outputs!r} is not a list of {", ".join(OUTPUTS)}.')
        if ignored:
            typer.echo(f'dav2: for the node alone, not used here: {", ".join(ignored)}', err=True)
        options = RunOptions(topic, info_topic, sensor_topic, prefix, wanted, copy, compress)
        with _progress() as (say, watch):
            result = run_on(bag, out, params, options, say=say, watch=watch)
    _tell(result, out)


@bag_app.command()
def play(
    bag: Bag,
    loop: Annotated[bool, typer.Option('--loop', help='Start again at the end.')] = False,
    rate: Annotated[float, typer.Option(min=0.01, help='Times as fast as it was recorded.')] = 1.0,
    clock: Annotated[float, typer.Option(min=0, help='Publish /clock so many times a second; 0: not.')] = 0.0,
    stamps: Annotated[str, typer.Option(help='recorded, or now: as if the sensors were live.')] = 'recorded',
    wait_for: Annotated[int, typer.Option(min=0, help='Subscribers of the pictures to wait for.')] = 0,
    topic: Annotated[list[str] | None, typer.Option(help='Play only this one; repeat.')] = None,
) -> None:
    """Publish a recording on the ROS graph in real time, for those without `ros2 bag`. Ctrl-C ends it."""
    with one_sentence():
        if find_spec('rclpy') is None:
            raise BagError('Playing needs rclpy: source your ROS, or pip install "dav2_ros[ros]".')
        if stamps not in ('recorded', 'now'):
            raise BagError(f'--stamps {stamps!r}: choose recorded or now.')
    options = ['--rate', str(rate), '--clock', str(clock), '--stamps', stamps, '--wait-for', str(wait_for)]
    options += ['--loop'] * loop + [part for each in topic or [] for part in ('--topic', each)]
    player = [sys.executable, '-m', 'dav2_ros.nodes.bag_player', str(bag), *options]
    try:
        status = subprocess.call(player)
    except KeyboardInterrupt:  # the player got it too
        status = 0
    raise typer.Exit(1 if status else 0)


@contextmanager
def _progress() -> Iterator[tuple]:
    """Show a bar with frames per second and the time left, where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('{task.fields[fps]}'))
    quiet = not console.is_terminal  # nothing in a log
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task('opening the engine', total=None, fps='')

        def watch(at: RunProgress) -> None:
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
