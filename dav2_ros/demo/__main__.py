# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `make demo`: play the bundled recording to the depth node, record what it answers, compare and draw.

    bag_player --/camera/image/compressed, /camera/camera_info--> depth_node
    depth_node --/depth/image, /depth/camera_info, /points, /stats--> bag_recorder

Three processes on a ROS graph of their own, in real time.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.demo import pictures
from dav2_ros.demo.processes import ChildProcesses, DemoError, graph_of_our_own
from dav2_ros.demo.results import DEPTH, IMAGE, POINTS, STATS, TRUTH, DemoResult, DemoRun
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import EngineError
from dav2_ros.estimator import DepthEstimator
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED, ModelError

INFO, DEPTH_INFO = '/camera/camera_info', '/depth/camera_info'
QUIET_S = 2.0  # so long after the last message the run is over
START_S = 120.0  # for three processes to find each other and a model to load, on a busy machine
SIZE = (480, 640)  # height, width of the bundled recording's pictures
CLOUD_STRIDE, CLOUDS_KEPT = 2, 8  # 320x240 points are enough to look at; every eighth cloud is recorded


def prove(model: str, engine: str, progress: Progress) -> None:
    """Let engines be built and proved first: a node does that beside its work, at the cost of frames of a short run."""
    task = progress.add_task('building and proving engines, once', total=None)
    try:
        with DepthEstimator(checkpoints.load(model), engine=engine) as estimator:
            estimator.prepare(*SIZE)
    except (ModelError, EngineError) as error:
        raise DemoError(f'The depth node cannot start: {error}') from error
    progress.update(task, description='proved', completed=1, total=1)


def play(bag: Path, out: Path, model: str, engine: str, frames: int, progress: Progress) -> None:
    """Run the three processes until the recording is played and what came of it is recorded in out/run."""
    task = progress.add_task(f'starting the depth node with {model}', total=None)
    topics = [IMAGE, INFO, TRUTH, DEPTH, DEPTH_INFO, STATS, f'{POINTS}:{CLOUDS_KEPT}']
    choices = {'model': model, 'engine': engine, 'input_transport': 'compressed', 'cloud_stride': CLOUD_STRIDE}
    remaps = {'image': IMAGE.removesuffix('/compressed'), 'camera_info': INFO}
    node_args = [part for key, value in choices.items() for part in ('-p', f'{key}:={value}')]
    node_args += [part for key, value in remaps.items() for part in ('-r', f'{key}:={value}')]

    with ChildProcesses(out, graph_of_our_own()) as children:
        recorded = [part for topic in topics for part in ('--topic', topic)]
        children.start('recorder', 'dav2_ros.nodes.bag_recorder', out / 'run', *recorded, '--quiet-s', str(QUIET_S))
        children.start('node', 'dav2_ros.nodes.depth_node', '--ros-args', *node_args)
        # both subscribe to the pictures; the node does so only when it is active and somebody wants its depth
        wait = ['--wait-for', '2', '--timeout-s', str(START_S)]
        children.start('player', 'dav2_ros.nodes.bag_player', bag, '--frames', str(frames), *wait)

        def show() -> None:
            for line in children.said('node'):
                if 'Not configured: ' in line:  # the node stays up, to be configured again: nobody here will
                    raise DemoError(f'The depth node did not start: {line.partition("Not configured: ")[2]}')
            if told := re.match(r'played (\d+) of (\d+)', children.last_line('player')):
                done, total = map(int, told.groups())
                progress.update(task, description='playing the recording', completed=done, total=total)

        children.wait('player', timeout_s=START_S + 120.0, tick=show)
        progress.update(task, description='waiting for the last depth', total=None)
        children.wait('recorder', timeout_s=60.0)
    progress.update(task, description='recorded', completed=1, total=1)


def compare(out: Path, progress: Progress) -> DemoResult:
    """Score the recorded run and draw its pictures."""
    task = progress.add_task('comparing with the truth', total=3)
    with BagReader(out / 'run') as bag:
        run = DemoRun(bag)
        result = run.result()
        result.write(out / 'results.json')
        progress.update(task, description='drawing the contact sheet', advance=1)
        pictures.draw_frames(run, result, out / 'contact_sheet.png')
        progress.update(task, description='drawing the clouds', advance=1)
        pictures.draw_clouds(run, out / 'cloud.png')
        progress.update(task, description='drawn', advance=1)
    return result


def table(result: DemoResult) -> Table:
    """Return the run in numbers."""
    about = f'{result.model} on {result.engine}, {result.precision}, {result.machine}'
    shown = Table(title=about, show_header=False, title_justify='left', min_width=60)
    shown.add_column(style='cyan')
    shown.add_column(justify='right')
    failed = f', {result.frames_failed} failed' if result.frames_failed else ''
    shown.add_row(
        'frames in, out, dropped', f'{result.frames_in}, {result.frames_out}, {result.frames_dropped}{failed}'
    )
    latency = f'{result.latency_p50_ms:.1f} ms, {result.latency_p95_ms:.1f} ms'
    shown.add_row('latency p50, p95 (image stamp to depth received)', latency)
    shown.add_row('engine p50, p95', f'{result.engine_p50_ms:.1f} ms, {result.engine_p95_ms:.1f} ms')
    shown.add_row('AbsRel, δ1 against the truth', f'{result.abs_rel:.4f}, {result.d1:.4f}')
    shown.add_row('share of the truth compared', f'{100 * result.compared:.1f} %')
    return shown


def run(
    bag: Annotated[Path, typer.Option(help='A recording with pictures, camera_info and true depth.')] = DEMO_BAG,
    model: Annotated[str, typer.Option(help='Name of a model, or path of its file.')] = BUNDLED,
    engine: Annotated[str, typer.Option(help=f'What runs the network: auto, {", ".join(ENGINES)}.')] = 'auto',
    out: Annotated[Path, typer.Option(help='Folder for pictures, numbers and the recorded run.')] = Path('out/demo'),
    frames: Annotated[int, typer.Option(min=0, help='Play only so many frames; 0: all.')] = 0,
) -> None:
    """Run the depth node on a recording and show what came of it."""
    if importlib.util.find_spec('rclpy') is None:
        raise DemoError('The demo runs a ROS 2 node and finds no rclpy: source a ROS 2, or run `make demo`.')
    with BagReader(bag):  # is it there, and whole?
        out.mkdir(parents=True, exist_ok=True)
    columns = (SpinnerColumn(), TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn())
    console = Console()
    with Progress(*columns, console=console) as progress:
        prove(model, engine, progress)
        play(bag, out, model, engine, frames, progress)
        result = compare(out, progress)
    console.print(table(result))
    for name, what in (
        ('contact_sheet.png', 'image, depth, truth and error'),
        ('cloud.png', 'point clouds'),
        ('results.json', 'the numbers'),
        ('run', 'the recorded run, for Foxglove or `ros2 bag play`'),
    ):
        console.print(f'{out / name}: {what}', highlight=False, soft_wrap=True)


def main() -> None:
    """Run the demo; what goes wrong is said in a sentence, with exit status 1."""
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # before torch: see nodes/depth_node.py
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through the `with` blocks: the children end
    try:
        typer.run(run)
    except (DemoError, ValueError) as error:  # ValueError: a recording, or matplotlib that is not there
        sys.exit(f'demo: {error}')


if __name__ == '__main__':
    main()
