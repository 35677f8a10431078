# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Declare the command line options of every stage that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

ConfigFile = Annotated[Path, typer.Argument(help='YAML file with what differs from the defaults.')]
Out = Annotated[Path, typer.Option(help='Folder for checkpoints, log and the trained model.')]
Steps = Annotated[Optional[int], typer.Option(help='Replace fit.steps.')]  # noqa: UP045 - Typer on Python 3.10
Threads = Annotated[Optional[int], typer.Option(help='Replace fit.threads.')]  # noqa: UP045
