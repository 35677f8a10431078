# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 calibrate`: fit what depth is multiplied by on a camera, from a recording and known distances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.calibration import (
    Calibration,
    DistanceSource,
    SensorDistances,
    TapeDistances,
    fit,
    pair_up,
    to_yaml,
)
from dav2_ros.bags.camera_stream import CameraStream
from dav2_ros.bags.known_distances import TapeMeasure
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.options import Engine, InfoTopic, Model, Params, ParamsFile, one_sentence
from dav2_ros.files.atomic import write_whole, written_beside
from dav2_ros.media.residual_sheet import residual_sheet
from dav2_ros.parameter import replaced
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.read import read_parameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.correction import RangeResidual, residuals_by_range


def calibrate(
    bag: Annotated[
        Path, typer.Option(help='Recording with the pictures and their camera_info: folder, .mcap or .db3.')
    ],
    distance: Annotated[
        list[str] | None,
        typer.Option(
            help='U,V,METRES: tape measure from the lens to what pixel u, v of the recorded picture shows; repeat. The '
            'camera stands.'
        ),
    ] = None,
    depth_topic: Annotated[str, typer.Option(help='Depth images that are right, of this or another camera.')] = '',
    lidar_topic: Annotated[str, typer.Option(help='PointCloud2 of a LiDAR, or of landmarks.')] = '',
    image_topic: Annotated[
        str,
        typer.Option('--topic', '--image-topic', help='Pictures, if the recording has several topics of them.'),
    ] = '',
    info_topic: InfoTopic = '',
    sensor_xyz: Annotated[
        str, typer.Option(help='X,Y,Z of the sensor from the camera, metres: forward, left, up.')
    ] = '0,0,0',
    sensor_rpy_deg: Annotated[
        str, typer.Option(help='Roll, pitch, yaw of the sensor, degrees; 0,0,0: it looks where the camera looks.')
    ] = '0,0,0',
    model: Model = None,
    engine: Engine = None,
    size: Annotated[int, typer.Option(help="Short side of the network's input, as the node's input_size.")] = 0,
    frames: Annotated[int, typer.Option(min=1, help='Pictures to use, evenly spread.')] = 60,
    tolerance_s: Annotated[float, typer.Option(help='How far apart stamps of picture and sensor may be.')] = 0.05,
    shift: Annotated[
        bool, typer.Option(help='Fit a shift of inverse depth too; needs near and far distances.')
    ] = False,
    out: Annotated[Path, typer.Option(help='YAML that the node loads; the picture lies beside it.')] = Path(
        'calibration.yaml'
    ),
    params_file: ParamsFile = None,
    param: Params = None,
) -> None:
    """Calibrate depth on a recording with a tape measure, a LiDAR or a depth camera, and write the node's parameters.

    Give the parameters that the node will have (-p rectify:=true, -p turn_upright:=half): depth goes through the same
    steps. Start the node with the result: --ros-args --params-file calibration.yaml
    """
    given = [each for each in ('distance' * bool(distance), depth_topic, lidar_topic) if each]
    with one_sentence():
        if len(given) != 1:
            raise BagError('What is known about distances? Give one of --distance, --depth-topic and --lidar-topic.')
        fixed = {'scale_source': 'none', 'steady': 'none', 'output_size': 'camera'}
        params, _ = read_parameters(
            BagParameters, params_file, param or [], model=model, engine=engine, input_size=size or None, **fixed
        )
        with BagReader(bag) as reader, DepthPipeline(params) as pipeline:
            source = _source(
                reader, params, distance, depth_topic, lidar_topic, sensor_xyz, sensor_rpy_deg, tolerance_s
            )
            stream = CameraStream(reader, params, topic=image_topic, info_topic=info_topic)
            with _progress() as watch:
                pairs, used = pair_up(stream, source, pipeline, frames, watch)
        of = f'{bag.name}: {used} pictures, {" ".join(distance or given)}'
        result = fit(pairs, used, of, params, shift=shift)
        _write(result, out)
    _report(result, residuals_by_range(result.pairs, result.correction), out)


def _source(
    bag: BagReader,
    params: BagParameters,
    distance: list[str] | None,
    depth_topic: str,
    lidar_topic: str,
    sensor_xyz: str,
    sensor_rpy_deg: str,
    tolerance_s: float,
) -> DistanceSource:
    """Open what knows distances; the place of a sensor is stated."""
    if distance:
        return TapeDistances(TapeMeasure([numbers(each, 3) for each in distance]))
    names = ('scale_sensor_x_m', 'scale_sensor_y_m', 'scale_sensor_z_m',
             'scale_sensor_roll_deg', 'scale_sensor_pitch_deg', 'scale_sensor_yaw_deg')  # fmt: skip
    place: dict[str, object] = dict(zip(names, (*numbers(sensor_xyz, 3), *numbers(sensor_rpy_deg, 3)), strict=True))
    place |= {'scale_extrinsics': 'parameters', 'scale_tolerance_s': tolerance_s}
    source = 'depth' if depth_topic else 'lidar'
    return SensorDistances(RecordedSensor(bag, source, depth_topic or lidar_topic, replaced(params.scale, place)))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task('Estimating', total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def numbers(text: str, count: int) -> tuple[float, ...]:
    """Read so many numbers with commas between them; raises BagError."""
    try:
        found = tuple(float(part) for part in text.split(','))
    except ValueError:
        found = ()
    if len(found) != count or not np.isfinite(found).all():
        raise BagError(f'{text!r} is not {count} numbers with commas between them.')
    return found


def _write(result: Calibration, out: Path) -> None:
    """Write the picture, then the YAML; each is whole or not there."""
    after_m = result.correction.apply(result.pairs.model_m)
    title = f'{result.of}; {result.params.estimator.model}'
    with written_beside(out.with_suffix('.png')) as part:
        residual_sheet(result.pairs.known_m, result.pairs.model_m, after_m, part, title=title)
    write_whole(out, to_yaml(result))


def _report(result: Calibration, rows: list[RangeResidual], out: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=result.of, title_justify='left')
    for heading in ('known (m)', 'pairs', 'median before', 'magnitude', 'median after', 'magnitude'):
        table.add_column(heading, justify='right')
    for row in rows:
        reach = f'{row.near_m:g} to {row.far_m:g}' if np.isfinite(row.far_m) else f'from {row.near_m:g}'
        percents = (f'{100 * row.before[0]:+.1f} %', f'{100 * row.before[1]:.1f} %',
                    f'{100 * row.after[0]:+.1f} %', f'{100 * row.after[1]:.1f} %')  # fmt: skip
        table.add_row('all' if row is rows[-1] else reach, str(row.pairs), *percents)
    console = Console()
    console.print(table)
    scale, correction = result.fit, result.correction
    shift = f', shift {correction.shift_per_m:+.4f} per m' if correction.shift_per_m else ''
    console.print(
        f'Scale {correction.factor:.4f}{shift} (deviation {scale.std_dev:.4f}); '
        f'{scale.inliers} of {scale.total} agree.\n'
        f'{out}, {out.with_suffix(".png")}', soft_wrap=True, highlight=False,
    )  # fmt: skip
