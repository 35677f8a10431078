# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 infer INPUT...`: depth for photos and videos, as files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import PRECISIONS, EngineError
from dav2_ros.estimator import DepthEstimator
from dav2_ros.media import sources
from dav2_ros.media.depth_files import Look, Results
from dav2_ros.media.images import MediaError
from dav2_ros.media.infer import Task
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED

ENCODERS = {'vits': 'small', 'vitb': 'base', 'vitl': 'large'}


def infer(
    inputs: Annotated[
        list[Path], typer.Argument(help='Pictures, videos, folders of them, or .txt files that list them.')
    ],
    model: Annotated[str, typer.Option(help='Name of a metric model (dav2 models list), or a file.')] = BUNDLED,
    encoder: Annotated[
        str, typer.Option(help='vits, vitb or vitl: the published metric model of that size, in place of --model.')
    ] = '',
    outdoor: Annotated[bool, typer.Option(help='With --encoder: the model for outdoors, not for indoors.')] = False,
    engine: Annotated[str, typer.Option(help=f'What runs it: auto, {", ".join(ENGINES)}.')] = 'auto',
    precision: Annotated[str, typer.Option(help=f'Its arithmetic: auto, {", ".join(PRECISIONS)}.')] = 'auto',
    input_size: Annotated[
        int, typer.Option(min=0, max=4096, help="Short side of the network's input in pixels; 0: as in training.")
    ] = 0,
    out: Annotated[Path, typer.Option('--out', '--outdir', help='Folder for the results.')] = Path('out/infer'),
    hfov: Annotated[
        float,
        typer.Option(min=1, max=179, help='Horizontal field of view, degrees, of what has no focal length in EXIF.'),
    ] = 60.0,
    near: Annotated[float, typer.Option(help='Metres at the near (red) end of the colours.')] = 0.5,
    far: Annotated[float, typer.Option(help='Metres at the far (blue) end of the colours.')] = 40.0,
    fit_range: Annotated[
        bool, typer.Option(help='Look at 40 frames of each video, and of the pictures, first to choose near and far.')
    ] = False,
    pred_only: Annotated[bool, typer.Option('--pred-only', help='Paint depth without the picture beside it.')] = False,
    grayscale: Annotated[bool, typer.Option('--grayscale', help='Paint in greys, near is white.')] = False,
    npy: Annotated[bool, typer.Option(help='Write NAME_depth.npy: float32 metres.')] = True,
    png: Annotated[bool, typer.Option(help='Write NAME_depth.png: 16 bits, millimetres.')] = True,
    ply: Annotated[bool, typer.Option(help='Write NAME_cloud.ply: coloured points, without flying ones.')] = False,
    frames: Annotated[bool, typer.Option(help='Write the files of each frame of a video too.')] = False,
) -> None:
    """Estimate the depth of photos and videos.

    For each picture the folder gets NAME_depth.npy (float32 metres, NaN unknown, inf beyond range), NAME_depth.png (16
    bits, millimetres, 0 unknown, 65535 for 65.535 m and all beyond) and NAME_color.png; for each video
    NAME_depth.mp4, in which the same metres have the same colour from the first frame to the last, with its sound.
    A bad file does not stop the others: it is named at the end, and the exit status is then 1.
    """
    if not 0 < near < far < math.inf:
        raise typer.BadParameter(f'near {near:g} m and far {far:g} m are no range: choose 0 < near < far.')
    results = Results(out, Look(near, far, grayscale, pred_only), npy, png, ply)
    try:
        checkpoint = checkpoints.load(_model(encoder, outdoor) if encoder else model)
        task = Task(results, hfov, fit_range, frames)
        with DepthEstimator(
            checkpoint, engine=engine, precision=precision, size=input_size or None, say=task.status.update
        ) as estimator:
            out.mkdir(parents=True, exist_ok=True)
            task.run(estimator, list(sources.find(inputs, out)), typer.echo)
    except (EngineError, MediaError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error
    for failure in task.failures:
        typer.echo(f'dav2: {failure}', err=True)
    if task.failures:
        raise typer.Exit(1)


def _model(encoder: str, outdoor: bool) -> str:
    if encoder not in ENCODERS:
        raise typer.BadParameter(f'There is no published encoder {encoder!r}: choose {", ".join(ENCODERS)}.')
    return f'v2-metric-{"outdoor" if outdoor else "indoor"}-{ENCODERS[encoder]}'
