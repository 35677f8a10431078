# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 infer INPUT...`: write the depth of photos and videos as files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.commands.options import Engine, Model, Params, ParamsFile, one_sentence
from dav2_ros.engines.engine import PRECISIONS
from dav2_ros.media import sources
from dav2_ros.media.depth_files import ColourStyle, DepthFiles
from dav2_ros.media.infer import InferenceJob
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.parameters.read import read_parameters, refuse_sensors
from dav2_ros.pipeline import make_estimator

ENCODERS = {'vits': 'small', 'vitb': 'base', 'vitl': 'large'}


def infer(
    inputs: Annotated[
        list[Path], typer.Argument(help='Pictures, videos, folders of them, or .txt files that list them.')
    ],
    model: Model = None,
    encoder: Annotated[
        str, typer.Option(help='vits, vitb or vitl: the published metric model of that size, in place of --model.')
    ] = '',
    outdoor: Annotated[bool, typer.Option(help='With --encoder: the model for outdoors, not for indoors.')] = False,
    engine: Engine = None,
    precision: Annotated[str | None, typer.Option(help=f'Its arithmetic: auto, {", ".join(PRECISIONS)}.')] = None,
    input_size: Annotated[
        int | None,
        typer.Option(min=0, max=4096, help="Short side of the network's input in pixels; 0: as in training."),
    ] = None,
    out: Annotated[Path, typer.Option('--out', '--outdir', help='Folder for the results.')] = Path('out/infer'),
    hfov: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=179,
            help='Horizontal field of view, degrees, of what has no focal length in EXIF; else assumed_hfov_deg: 60.',
        ),
    ] = None,
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
    params_file: ParamsFile = None,
    param: Params = None,
) -> None:
    """Estimate the depth of photos and videos.

    For each picture the folder gets NAME_depth.npy (float32 metres, NaN unknown, inf beyond range), NAME_depth.png (16
    bits, millimetres, 0 unknown, 65535 for 65.535 m and all beyond) and NAME_color.png; for each video
    NAME_depth.mp4, in which the same metres have the same colour from the first frame to the last, with its sound.
    Videos are stabilised as the node stabilises; -p steady:=none leaves that, -p remove_flying:=true makes points that
    hang in the air unknown, --params-file calibration.yaml brings metres right.
    A bad file does not stop the others: it is named at the end, and the exit status is then 1.
    """
    if not 0 < near < far < math.inf:
        raise typer.BadParameter(f'near {near:g} m and far {far:g} m are no range: choose 0 < near < far.')
    with one_sentence():
        model = _model(encoder, outdoor) if encoder else model
        params, _ = read_parameters(
            OfflineParameters,
            params_file,
            param or [],
            model=model,
            engine=engine,
            precision=precision,
            input_size=input_size,
            assumed_hfov_deg=hfov,
        )
        refuse_sensors(params.scale)
        style = ColourStyle(near, far, grayscale, pred_only)
        files = DepthFiles(out, style, npy, png, ply, params.cloud_options)
        hfov_deg = params.estimator.assumed_hfov_deg
        job = InferenceJob(files, params, hfov_deg=hfov_deg, fit_range=fit_range, frames=frames)
        with make_estimator(params.estimator, log=job.status.update) as estimator:
            out.mkdir(parents=True, exist_ok=True)
            job.run(estimator, list(sources.find(inputs, out)), typer.echo)
    for failure in job.failures:
        typer.echo(f'dav2: {failure}', err=True)
    if job.failures:
        raise typer.Exit(1)


def _model(encoder: str, outdoor: bool) -> str:
    if encoder not in ENCODERS:
        raise typer.BadParameter(f'There is no published encoder {encoder!r}: choose {", ".join(ENCODERS)}.')
    return f'v2-metric-{"outdoor" if outdoor else "indoor"}-{ENCODERS[encoder]}'
