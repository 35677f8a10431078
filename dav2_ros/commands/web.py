# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2 web`: serve depth in a browser."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.commands.options import Params, ParamsFile, one_sentence
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import PRECISIONS
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.parameters.read import read_parameters, refuse_sensors
from dav2_ros.web.limits import UploadLimits
from dav2_ros.web.service import DepthService, check_model, local_models


def web(
    host: Annotated[str, typer.Option(help='Address to listen on; 0.0.0.0 lets the whole network in.')] = '127.0.0.1',
    port: Annotated[int, typer.Option(min=1, max=65535, help='Port to listen on.')] = 7860,
    share: Annotated[
        bool, typer.Option(help="Let anybody in who knows the link, through Gradio's servers, for a week at most.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help='Name of a metric model, or a file, chosen at first; else the bundled one.')
    ] = None,
    engine: Annotated[str | None, typer.Option(help=f'What runs it at first: auto, {", ".join(ENGINES)}.')] = None,
    device: Annotated[str | None, typer.Option(help='auto, cpu, cuda, ...: see dav2 verify.')] = None,
    precision: Annotated[str | None, typer.Option(help=f'Its arithmetic: auto, {", ".join(PRECISIONS)}.')] = None,
    params_file: ParamsFile = None,
    param: Params = None,
    max_upload: Annotated[int, typer.Option(min=1, help='MB that one file may have.')] = UploadLimits.upload_mb,
    max_frames: Annotated[int, typer.Option(min=1, help='Frames that a video may have.')] = UploadLimits.video_frames,
) -> None:
    """Open a page in the browser that estimates depth of pictures and videos.

    It asks for nothing from anybody but this machine, and gives away no file but what its visitors uploaded and what
    came of it; all of that is deleted when it ends.
    """
    with one_sentence():
        params, _ = read_parameters(
            OfflineParameters,
            params_file,
            param or [],
            model=model,
            engine=engine,
            device=device,
            precision=precision,
        )
        refuse_sensors(params.scale)
        model = params.estimator.model
        file = Path(model) if Path(model).is_file() else None
        if not file:
            check_model(model, local_models())
    limits = UploadLimits(upload_mb=max_upload, video_frames=max_frames)
    with tempfile.TemporaryDirectory(prefix='dav2_web_') as home:
        os.environ |= {
            'GRADIO_TEMP_DIR': home,
            'GRADIO_EXAMPLES_CACHE': home,
            'GRADIO_ANALYTICS_ENABLED': 'False',
            'HF_HUB_DISABLE_TELEMETRY': '1',
        }
        try:
            from dav2_ros.web.server import serve
        except ImportError as error:
            typer.echo(f'dav2: The page needs Gradio: pip install "dav2_ros[web]" ({error}).', err=True)
            raise typer.Exit(1) from error
        serve(
            DepthService(Path(home), limits, model=file, params=params),
            host=host,
            port=port,
            share=share,
            model=file.stem if file else model,
            engine=params.estimator.engine,
        )
