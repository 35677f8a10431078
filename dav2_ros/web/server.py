# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page on the network, until somebody stops it. Needs Gradio."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import typer
from starlette.middleware import Middleware

from dav2_ros.web.desk import Desk
from dav2_ros.web.door import Door
from dav2_ros.web.limits import Limits
from dav2_ros.web.page import CSS, FONTS, build


def serve(
    home: Path,
    limits: Limits,
    *,
    host: str,
    port: int,
    share: bool,
    model: str,
    engine: str,
    device: str,
    precision: str,
) -> None:
    """Serve the page until Ctrl-C; uploads and results lie in `home`, which is Gradio's folder too."""
    upload_bytes = 1_000_000 * limits.upload_mb
    door = Middleware(Door, home=home, upload_bytes=upload_bytes + 100_000)  # what multipart adds
    with Desk(home, limits, model=model, device=device, precision=precision) as desk:
        page = build(desk, model, engine)
        try:
            _, address, link = page.launch(
                server_name=host,
                server_port=port,
                share=share,
                prevent_thread_lock=True,
                quiet=True,
                show_error=False,
                max_file_size=upload_bytes,
                blocked_paths=[],
                app_kwargs={'middleware': [door]},
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                state_session_capacity=1000,
                theme=gr.themes.Default(font=FONTS, font_mono=('monospace',)),
                css=CSS,
            )
        except OSError as error:  # the port is taken
            typer.echo(f'dav2: {error}', err=True)
            raise typer.Exit(1) from error
        typer.echo(f'dav2: {link or address} (Ctrl-C ends it)')
        page.block_thread()
        page.close(verbose=False)
