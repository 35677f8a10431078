# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page on the network, until somebody stops it. Needs Gradio."""

from __future__ import annotations

import gradio as gr
import typer
from starlette.middleware import Middleware

from dav2_ros.web.page import CSS, FONTS, build
from dav2_ros.web.request_filter import Door
from dav2_ros.web.service import Desk


def serve(desk: Desk, *, host: str, port: int, share: bool, model: str, engine: str) -> None:
    """Serve the page until Ctrl-C; the desk's home, where uploads and results lie, is Gradio's folder too."""
    upload_bytes = 1_000_000 * desk.limits.upload_mb
    door = Middleware(Door, home=desk.home, upload_bytes=upload_bytes + 100_000)  # what multipart adds
    with desk:
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
