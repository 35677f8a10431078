# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serve the page until somebody stops it. Needs Gradio."""

from __future__ import annotations

import gradio as gr
import typer
from starlette.middleware import Middleware

from dav2_ros.web.page import CSS, FONTS, build
from dav2_ros.web.request_filter import RequestFilter
from dav2_ros.web.service import DepthService


def serve(service: DepthService, *, host: str, port: int, share: bool, model: str, engine: str) -> None:
    """Serve the page until Ctrl-C; the service's home, where uploads and results lie, is Gradio's folder too."""
    upload_bytes = 1_000_000 * service.limits.upload_mb
    most_bytes = upload_bytes + 100_000  # what multipart adds
    request_filter = Middleware(RequestFilter, home=service.home, upload_bytes=most_bytes)
    with service:
        page = build(service, model, engine)
        try:
            _, address, link = page.launch(
                server_name=host,
                server_port=port,
                share=share,
                prevent_thread_lock=True,
                quiet=True,
                show_error=False,
                max_file_size=upload_bytes,
                app_kwargs={'middleware': [request_filter]},
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
