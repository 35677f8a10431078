# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lay out the page, and connect its buttons. Needs Gradio."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from dav2_ros.media.images import MediaError
from dav2_ros.media.sources import VIDEOS
from dav2_ros.web.controls import ONE_AT_A_TIME, Controls, in_sentences, request_of, tell_of
from dav2_ros.web.picture_tab import add_picture_tab
from dav2_ros.web.service import ENGINE_CHOICES, KEPT_S, DepthService, without_folders

TITLE = 'Metric depth from one camera'
PHOTOS = ['.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.gif']
CSS = '#depth img {cursor: crosshair}'
FONTS = ('system-ui', 'sans-serif')  # those of the visitor's machine


def build(service: DepthService, model: str, engine: str) -> gr.Blocks:
    """Lay out the page; model and engine are what is chosen at first."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEPT_S // 4, KEPT_S), fill_width=True) as page:
        gr.Markdown(f'## {TITLE}')
        with gr.Row():
            controls = Controls(
                gr.Dropdown(list(service.models()), value=model, label='Model'),
                gr.Dropdown(list(ENGINE_CHOICES), value=engine, label='Engine'),
                gr.Number(service.hfov_deg, label='Field of view, degrees', info='of what has no focal length in EXIF'),
                gr.Number(0.5, label='Near, m', info='red'),
                gr.Number(40, label='Far, m', info='blue; the cloud ends here'),
            )
            # the service has sentences for what is not here
            controls.model.preprocess = controls.engine.preprocess = str
        with gr.Tab('Picture'):
            add_picture_tab(service, controls)
        with gr.Tab('Batch'):
            _batch_tab(service, controls)
        with gr.Tab('Video'):
            _video_tab(service, controls)
    return page.queue(max_size=32, status_update_rate=1)


def _batch_tab(service: DepthService, controls: Controls) -> None:
    pictures = gr.Files(label='Pictures', file_types=PHOTOS, elem_id='pictures')
    estimate = gr.Button('Estimate them all', variant='primary')
    failures = gr.Markdown(elem_id='failures')
    gallery = gr.Gallery(label='Depth', interactive=False, format='png', columns=4, buttons=['download', 'fullscreen'])
    archive = gr.File(label='All results: NPY, 16-bit PNG, PLY, colours', interactive=False, elem_id='archive')

    @in_sentences
    def on_estimate(paths, *controls, progress=gr.Progress()):  # noqa: B008
        done = service.batch([Path(path) for path in paths or ()], request_of(*controls), tell_of(progress))
        return _listed(done.failures), [str(path) for path in done.shown], done.file and str(done.file)

    out = [failures, gallery, archive]
    estimate.click(on_estimate, [pictures, *controls.all], out, api_name='batch', **ONE_AT_A_TIME)


def _video_tab(service: DepthService, controls: Controls) -> None:
    with gr.Row():
        video = gr.Video(
            label='Video',
            sources=['upload', 'webcam'],
            webcam_options=gr.WebcamOptions(mirror=False),
            include_audio=True,
            elem_id='video',
        )
        depth = gr.Video(label='Picture and depth', interactive=False, buttons=['download'], elem_id='video_depth')
    estimate = gr.Button('Estimate depth of the video', variant='primary')
    failures = gr.Markdown()
    file = gr.File(label='Download', interactive=False)

    @in_sentences
    def on_estimate(path, *controls, progress=gr.Progress()):  # noqa: B008
        if not path:
            raise MediaError(f'There is no video yet: upload one ({" ".join(sorted(VIDEOS))}), or record one.')
        done = service.video(Path(path), request_of(*controls), tell_of(progress))
        return str(done.file), str(done.file), _listed(done.failures)

    estimate.click(on_estimate, [video, *controls.all], [depth, file, failures], api_name='video', **ONE_AT_A_TIME)


def _listed(failures: list[str]) -> str:
    return '\n'.join(f'- {without_folders(failure)}' for failure in failures)
