# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2-train`: one command per stage, and those around them."""

from __future__ import annotations

import sys

import typer

from dav2_ros.engines.engine import EngineError
from dav2_ros.evaluation.da2k import AnnotationError
from dav2_ros.evaluation.protocols import ProtocolError
from dav2_ros.evaluation.report import ReportError
from dav2_ros.frames import FrameError
from dav2_ros.models.info import ModelError
from dav2_training import export
from dav2_training.commands.annotate import annotate_app
from dav2_training.commands.data import data_app
from dav2_training.config import ConfigError
from dav2_training.data.sample import DataError
from dav2_training.evaluation import evaluate, evaluate_clouds, evaluate_flicker, evaluate_photos
from dav2_training.stages import ablation, metric, pseudo_label, segment, student, teacher

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
app.command('proof')(ablation.main)
app.command('clouds')(evaluate_clouds.main)
app.command('flicker')(evaluate_flicker.main)
app.command('photos')(evaluate_photos.main)
app.add_typer(data_app, name='data')
app.add_typer(annotate_app, name='annotate')


REFUSALS = (AnnotationError, ConfigError, DataError, EngineError, FrameError, ModelError, ProtocolError, ReportError)


def main() -> None:
    """Run the command line; what a user can put right is one sentence on stderr and exit status 1."""
    try:
        app()
    except REFUSALS as error:
        sys.exit(f'dav2-train: {error}')
