# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 view INPUT`: look at depth in Rerun."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags.camera_stream import CameraFrame, stream_with_sensor
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.options import Engine, InfoTopic, Params, ParamsFile, SensorTopic, one_sentence
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.parameters.read import read_parameters, refuse_sensors
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.view.scene import RerunScene, TimelineFrame, ViewError
from dav2_ros.view.timeline import depth_topic, estimated, filmed_clips, is_recording, recorded, recorded_clip


def view(
    source: Annotated[
        Path, typer.Argument(metavar='INPUT', help='A recording, a video, a picture or a folder of them.')
    ],
    save: Annotated[Path | None, typer.Option(help='Write this .rrd file instead of opening the viewer.')] = None,
    topic: Annotated[str, typer.Option(help='Which of several depth topics of a recording to show.')] = '',
    image_topic: Annotated[str, typer.Option(help='Which of several cameras of a recording to estimate.')] = '',
    info_topic: InfoTopic = '',
    sensor_topic: SensorTopic = '',
    model: Annotated[
        str,
        typer.Option(help='Estimate with this model, even if the recording holds depth; else with the bundled one.'),
    ] = '',
    engine: Engine = None,
    hfov: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=179,
            help='Horizontal field of view, degrees, of what does not say it; else 60 (assumed_hfov_deg).',
        ),
    ] = None,
    near: Annotated[float, typer.Option(help='Metres at the near end of the colours.')] = 0.5,
    far: Annotated[float, typer.Option(help='Metres at the far end of the colours.')] = 40.0,
    stride: Annotated[int, typer.Option(min=1, max=16, help='Every n-th point of every n-th row.')] = 2,
    most: Annotated[int, typer.Option(min=0, help='Stop after so many moments; 0: show all.')] = 0,
    params_file: ParamsFile = None,
    param: Params = None,
) -> None:
    """Look at depth along time in Rerun: picture, depth, cloud, the camera's frustum, latency and scale as curves.

    Of a recording its depth is shown, with the pictures and the stats of the same stamps; where there is none, or with
    --model or parameters (-p), depth is estimated.
    """
    if not 0 < near < far:
        raise typer.BadParameter(f'near {near:g} m and far {far:g} m are no range: choose 0 < near < far.')
    with one_sentence(), ExitStack() as opened:
        params, _ = read_parameters(
            OfflineParameters, params_file, param or [], model=model or None, engine=engine, assumed_hfov_deg=hfov
        )
        estimates = bool(model or param or params_file)
        topics = topic, image_topic, info_topic, sensor_topic
        moments = _moments(opened, source, topics, params, estimates=estimates)
        scene = opened.enter_context(RerunScene(source.name, save, (near, far), stride, params.cloud_options))
        count = _show(scene, islice(moments, most or None))
    typer.echo(f'{source}: {count} moments{f"; {save}, to be opened with `rerun {save}`" if save else ""}')


def _moments(
    opened: ExitStack,
    source: Path,
    topics: tuple[str, str, str, str],
    params: OfflineParameters,
    *,
    estimates: bool,
) -> Iterable[TimelineFrame]:
    if not source.exists():
        raise ViewError(f'There is nothing at {source}.')
    topic, image_topic, info_topic, sensor_topic = topics
    if is_recording(source):
        bag = opened.enter_context(BagReader(source))
        if not estimates and (topic := topic or depth_topic(bag)):
            return recorded(bag, topic)
        stream = stream_with_sensor(bag, params, topic=image_topic, info_topic=info_topic, sensor_topic=sensor_topic)
        clips: Iterable[Iterable[CameraFrame]] = [recorded_clip(stream)]
    else:
        refuse_sensors(params.scale)
        clips = filmed_clips(source, params.estimator.assumed_hfov_deg)
    return estimated(clips, opened.enter_context(DepthPipeline(params)))


def _show(scene: RerunScene, moments: Iterable[TimelineFrame]) -> int:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn('moments'), MofNCompleteColumn(), TimeElapsedColumn())
    console, count = Console(stderr=True), 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task('', total=None)
        for moment in moments:
            scene.show(moment)
            count += 1
            progress.advance(task)
    if not count:
        raise ViewError('There is no depth in it.')
    return count
