# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `dav2`: one sub-command per topic, each in the module that it is about."""

from __future__ import annotations

import os
import sys

import typer

from dav2_ros.bags.calibrate import calibrate
from dav2_ros.bags.cli import bag_app
from dav2_ros.benchmark.cli import bench
from dav2_ros.engines.cli import cache_app, verify
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.export_cli import export
from dav2_ros.frames import FrameError
from dav2_ros.media.cli import infer
from dav2_ros.models.cli import models_app
from dav2_ros.models.info import ModelError
from dav2_ros.view.cli import view
from dav2_ros.web.cli import web

app = typer.Typer(help='Metric depth from one camera.', no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(bag_app, name='bag')
app.add_typer(models_app, name='models')
app.add_typer(cache_app, name='cache')
app.command()(infer)
app.command()(view)
app.command()(web)
app.command()(verify)
app.command()(export)
app.command()(bench)
app.command()(calibrate)


def main() -> None:
    """Run the command line; what a user can put right is one sentence on stderr and exit status 1."""
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # before torch: see nodes/depth_node.py
    try:
        app()
    except (EngineError, FrameError, ModelError) as error:
        sys.exit(f'dav2: {error}')


if __name__ == '__main__':
    main()
