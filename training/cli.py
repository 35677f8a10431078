# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train`: one command per stage."""

from __future__ import annotations

import sys

import typer

from dav2_ros.engines.engine import EngineError
from dav2_ros.evaluation.da2k import AnnotationError
from dav2_ros.evaluation.protocols import ProtocolError
from dav2_ros.evaluation.report import ReportError
from dav2_ros.frames import FrameError
from dav2_ros.models.info import ModelError
from dav2_training import (
    evaluate,
    export,
    judge_clouds,
    judge_flicker,
    judge_photos,
    metric,
    proof,
    pseudo_label,
    segment,
    student,
    teacher,
)
from dav2_training.annotation.cli import annotate_app
from dav2_training.config import ConfigError
from dav2_training.data.cli import data_app
from dav2_training.data.sample import DataError

app = typer.Typer(
    help='Train and judge depth models.', no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
app.command('teacher')(teacher.main)
app.command('pseudo-label')(pseudo_label.main)
app.command('student')(student.main)
app.command('metric')(metric.main)
app.command('segment')(segment.main)
app.command('evaluate')(evaluate.main)
app.command('export')(export.main)
app.command('proof')(proof.main)
app.command('clouds')(judge_clouds.main)
app.command('flicker')(judge_flicker.main)
app.command('photos')(judge_photos.main)
app.add_typer(data_app, name='data')
app.add_typer(annotate_app, name='annotate')


REFUSALS = (AnnotationError, ConfigError, DataError, EngineError, FrameError, ModelError, ProtocolError, ReportError)


def main() -> None:
    """Run the command line; what a user can put right is one sentence on stderr and exit status 1."""
    try:
        app()
    except (
        AnnotationError,
        ConfigError,
        DataError,
        EngineError,
        FrameError,
        ModelError,
        ProtocolError,
        ReportError,
    ) as error:
        sys.exit(f'dav2-train: {error}')
