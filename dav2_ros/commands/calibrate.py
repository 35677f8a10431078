# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 calibrate`: what depth must be multiplied by on a camera, from a recording and something that knows metres."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.calibration import Calibration, compare, fit, to_yaml
from dav2_ros.bags.known_distances import by_tape, by_topic, pictures
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import EngineError
from dav2_ros.media.residual_sheet import residual_sheet
from dav2_ros.models.info import ModelError
from dav2_ros.models.registry import BUNDLED
from dav2_ros.scale.correction import RangeResidual, residuals_by_range
from dav2_ros.scale.pose import Pose


def calibrate(
    bag: Annotated[
        Path, typer.Option(help='Recording with the pictures and their camera_info: folder, .mcap or .db3.')
    ],
    distance: Annotated[
        list[str] | None,
        typer.Option(
            help='U,V,METRES: tape measure from the lens to what pixel u, v shows; repeat. The camera stands.'
        ),
    ] = None,
    depth_topic: Annotated[str, typer.Option(help='Depth images that are right, of this or another camera.')] = '',
    lidar_topic: Annotated[str, typer.Option(help='PointCloud2 of a LiDAR, or of landmarks.')] = '',
    image_topic: Annotated[str, typer.Option(help='Pictures, if the recording has several topics of them.')] = '',
    info_topic: Annotated[str, typer.Option(help='Their camera_info, if it is not beside them.')] = '',
    sensor_xyz: Annotated[
        str, typer.Option(help='X,Y,Z of the sensor from the camera, metres: forward, left, up.')
    ] = '0,0,0',
    sensor_rpy_deg: Annotated[
        str, typer.Option(help='Roll, pitch, yaw of the sensor, degrees; 0,0,0: it looks where the camera looks.')
    ] = '0,0,0',
    model: Annotated[str, typer.Option(help='Name of a metric model (dav2 models list), or a file.')] = BUNDLED,
    engine: Annotated[str, typer.Option(help=f'What runs it: auto, {", ".join(ENGINES)}.')] = 'auto',
    size: Annotated[int, typer.Option(help="Short side of the network's input, as the node's input_size.")] = 0,
    frames: Annotated[int, typer.Option(min=1, help='Pictures to use, evenly spread.')] = 60,
    tolerance_s: Annotated[float, typer.Option(help='How far apart stamps of picture and sensor may be.')] = 0.05,
    shift: Annotated[
        bool, typer.Option(help='Fit a shift of inverse depth too; needs near and far distances.')
    ] = False,
    out: Annotated[Path, typer.Option(help='YAML that the node loads; the picture lies beside it.')] = Path(
        'calibration.yaml'
    ),
) -> None:
    """Calibrate depth on a recording with a tape measure, a LiDAR or a depth camera, and write the node's parameters.

    Start the node with them: --ros-args --params-file calibration.yaml
    """
    given = [each for each in ('distance' * bool(distance), depth_topic, lidar_topic) if each]
    try:
        if len(given) != 1:
            raise BagError('What is known about distances? Give one of --distance, --depth-topic and --lidar-topic.')
        # a depth camera's points are in its optical frame, a LiDAR's in a body frame
        pose = Pose.from_rpy(numbers(sensor_xyz, 3), tuple(np.radians(numbers(sensor_rpy_deg, 3))))
        pose = pose.of_bodies(sensor_is_optical=bool(depth_topic))
        with BagReader(bag) as reader:
            chosen = list(pictures(reader, image_topic or reader.picture_topic(), info_topic, frames))
            if distance:
                known = by_tape(chosen, [numbers(each, 3) for each in distance])
            else:
                known = by_topic(reader, chosen, depth_topic or lidar_topic, pose, tolerance_s)
            of = f'{bag.name}: {len(known)} pictures, {" ".join(distance or given)}'
            pairs = compare(known, model, engine, size)
        result = fit(pairs, len(known), of, model, size, shift)
        _write(result, out)
    except (BagError, EngineError, ModelError, ValueError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error
    _report(result, residuals_by_range(result.pairs, result.correction), out)


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
    sheet = out.with_suffix('.png')
    part = sheet.with_name(f'{sheet.name}.{os.getpid()}.png')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        after_m = result.correction.apply(result.pairs.model_m)
        title = f'{result.of}; {result.model}'
        residual_sheet(result.pairs.known_m, result.pairs.model_m, after_m, part, title=title)
        os.replace(part, sheet)
        part = out.with_name(f'{out.name}.{os.getpid()}.part')
        part.write_text(to_yaml(result))
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


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
