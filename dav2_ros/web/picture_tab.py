# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lay out the tab for one picture: upload it, slide, click, walk around, take home. Needs Gradio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dav2_ros.media.images import MediaError
from dav2_ros.web.controls import ONE_AT_A_TIME, Controls, in_sentences, request_of, tell_of
from dav2_ros.web.result import PictureResult, painted
from dav2_ros.web.service import KEPT_S, DepthService


@dataclass(frozen=True)
class PictureTab:
    """What stands on the tab."""

    seen: gr.State  # the visitor's PictureResult
    photo: gr.Image
    estimate: gr.Button
    about: gr.Markdown
    slider: gr.ImageSlider
    depth: gr.Image
    reading: gr.Textbox
    fit: gr.Button
    cloud: gr.Model3D
    files: gr.Files

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `_shown` is for."""
        return [self.slider, self.depth, self.cloud, self.files]


def add_picture_tab(service: DepthService, controls: Controls) -> None:
    """Lay out the tab and say what its buttons and clicks do."""
    _connect(service, controls, _lay_out(service))


def _lay_out(service: DepthService) -> PictureTab:
    def forget(seen: PictureResult | None) -> None:
        if seen:
            service.forget(seen.folder)

    seen = gr.State(None, time_to_live=KEPT_S, delete_callback=forget)
    with gr.Row():
        with gr.Column():
            photo = gr.Image(
                label='Picture',
                type='filepath',
                image_mode=None,
                sources=['upload', 'webcam', 'clipboard'],
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id='photo',
            )
            photo.preprocess = _as_uploaded
            estimate = gr.Button('Estimate depth', variant='primary')
            about = gr.Markdown(elem_id='about')
        slider = gr.ImageSlider(label='Before and after', interactive=False, elem_id='slider', max_height=420)
    with gr.Row():
        with gr.Column():
            depth = gr.Image(
                label='Depth: click for metres',
                interactive=False,
                format='png',
                buttons=['download', 'fullscreen'],
                elem_id='depth',
            )
            reading = gr.Textbox(label='Metres at the clicked pixel', elem_id='reading', interactive=False)
            fit = gr.Button('Fit near and far to this picture')
        cloud = gr.Model3D(label='Cloud', display_mode='point_cloud', interactive=False, height=480, elem_id='cloud')
    files = gr.Files(label='Downloads', interactive=False, elem_id='files')
    return PictureTab(seen, photo, estimate, about, slider, depth, reading, fit, cloud, files)


def _connect(service: DepthService, controls: Controls, tab: PictureTab) -> None:
    @in_sentences
    def on_estimate(photo, old, *controls, progress=gr.Progress()):  # noqa: B008 (how Gradio is told)
        if not photo:
            raise MediaError('There is no picture yet: upload one, or take one.')
        new = service.picture(Path(photo), request_of(*controls), tell_of(progress))
        if old:
            service.forget(old.folder)
        return new, new.summary, '', *_shown(new)

    @in_sentences
    def on_range(seen, near_m, far_m):
        if seen is None:
            return (gr.skip(),) * 5
        seen = seen.painted_with(painted(near_m, far_m))
        return seen, *_shown(seen)

    @in_sentences
    def on_fit(seen):
        near_m, far_m = _known(seen).spread()
        near_m, far_m = float(f'{near_m:.3g}'), float(f'{far_m:.3g}')
        seen = seen.painted_with(painted(near_m, far_m))
        return near_m, far_m, seen, *_shown(seen)

    @in_sentences
    def on_click(seen: PictureResult | None, event: gr.SelectData) -> str:
        u, v = map(int, event.index)  # rounded by Gradio: the last half pixel of a row is called its width
        known = _known(seen)
        camera = known.camera
        return str(known.read(u - (u == camera.width), v - (v == camera.height)))

    on_click.__annotations__['event'] = gr.SelectData  # Gradio looks for the type, not for its name
    out = [tab.seen, tab.about, tab.reading, *tab.shown]
    tab.estimate.click(on_estimate, [tab.photo, tab.seen, *controls.all], out, api_name='estimate', **ONE_AT_A_TIME)
    ends = [controls.near, controls.far]
    for end in ends:
        gr.on([end.submit, end.blur], on_range, [tab.seen, *ends], [tab.seen, *tab.shown], api_name=False)
    tab.fit.click(on_fit, [tab.seen], [*ends, tab.seen, *tab.shown], api_name='fit')
    tab.depth.select(on_click, [tab.seen], tab.reading, api_name='read', show_progress='hidden')


def _as_uploaded(picture: Any) -> str | None:
    """Return where an upload is, in place of Gradio's own reading: ours knows EXIF and has sentences."""
    return picture.path if picture else None


def _shown(seen: PictureResult) -> tuple:
    before, after = str(seen.file('picture.jpg')), str(seen.color)
    view = gr.Model3D(str(seen.view), camera_position=(90, 80, None))
    return (before, after), after, view, [str(path) for path in seen.files]


def _known(seen: PictureResult | None) -> PictureResult:
    if seen is None:
        raise MediaError('There is no depth yet: choose a picture and estimate it.')
    return seen
