# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train`: one command per stage."""

from __future__ import annotations

import typer

from dav2_training import evaluate, judge_clouds, metric

app = typer.Typer(help='Train and judge depth models.', no_args_is_help=True, add_completion=False)
app.command('metric')(metric.main)
app.command('evaluate')(evaluate.main)
app.command('clouds')(judge_clouds.main)


def main() -> None:
    """Run the command line."""
    app()
