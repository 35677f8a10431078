# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 bag extract BAG OUT`: make a data set of a recording."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.bags.extraction.extract import ExtractConfig, Extraction
from dav2_ros.bags.extraction.format import SPLITS
from dav2_ros.bags.storage.reader import BagReader

D = ExtractConfig()


def extract(
    bag: Annotated[Path, typer.Argument(help='Recording: folder, .mcap or .db3.')],
    out: Annotated[Path, typer.Argument(help='Folder to write; after a stop, the same command goes on.')],
    depth_topic: Annotated[
        str, typer.Option(help='Depth images, of this camera or of one beside it; the only ones need no name.')
    ] = '',
    lidar_topic: Annotated[str, typer.Option(help='PointCloud2 of a LiDAR.')] = '',
    image_topic: Annotated[str, typer.Option(help='Pictures, if the recording has several topics of them.')] = '',
    info_topic: Annotated[str, typer.Option(help='Their camera_info, if it is not beside them.')] = '',
    every: Annotated[int, typer.Option(min=1, help='Take only each Nth picture.')] = D.every,
    tolerance_s: Annotated[
        float, typer.Option(min=0, help='How far apart stamps of picture and depth may be.')
    ] = D.tolerance_s,
    val_share: Annotated[
        float, typer.Option(min=0, max=0.9, help='Share of the pictures, the last ones, that is for validation.')
    ] = D.val_share,
    gap_s: Annotated[float, typer.Option(min=0, help='Seconds before those that are in neither part.')] = D.gap_s,
    sensor_xyz: Annotated[
        str, typer.Option(help='X,Y,Z of the sensor from the camera, metres: forward, left, up. Without it /tf says.')
    ] = '',
    sensor_rpy_deg: Annotated[
        str, typer.Option(help='Roll, pitch, yaw of the sensor, degrees; 0,0,0: it looks where the camera looks.')
    ] = '0,0,0',
) -> None:
    """Take pictures with depth out of a recording, as a folder that says in itself what its files mean.

    Depth is that of a depth camera, or a LiDAR's points on the picture. Train on it as the data set `recorded`.
    """
    from rich.console import Console
    from rich.progress import track

    try:
        xyz_m = _numbers(sensor_xyz) if sensor_xyz else ()
        rpy_rad = tuple(map(math.radians, _numbers(sensor_rpy_deg)))
        config = ExtractConfig(
            image_topic, info_topic, depth_topic, lidar_topic, every, tolerance_s, val_share, gap_s, xyz_m, rpy_rad
        )
        with BagReader(bag) as reader:
            extraction = Extraction(reader, config, out)
            console = Console(stderr=True)
            kept = list(track(extraction, 'Extracting', console=console, transient=True))
            for note in reader.notes:
                typer.echo(f'dav2: {note}', err=True)
    except (BagError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error
    counts = ', '.join(f'{sum(each.split == split for each in kept)} of {split}' for split in SPLITS)
    known = 100 * sum(each.known for each in kept) / len(kept)
    typer.echo(
        f'{out}: {len(kept)} pictures ({counts}), {known:.1f} % of their pixels with depth\n'
        f'Look at them: dav2-train data check recorded {out}'
    )


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(','))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise BagError(f'{text!r} is not three numbers with commas between them.')
    return numbers
