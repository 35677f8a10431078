# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the options that commands share, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dav2_ros.bags import BagError
from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import EngineError
from dav2_ros.evaluation.report import ReportError
from dav2_ros.media.images import MediaError
from dav2_ros.models.info import ModelError
from dav2_ros.parameters.read import ParameterError
from dav2_ros.view.scene import ViewError

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
    except (BagError, EngineError, MediaError, ModelError, ParameterError, ReportError, ViewError, OSError) as error:
        typer.echo(f'dav2: {error}', err=True)
        raise typer.Exit(1) from error
