# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page: what stands where, and which button calls whom. Needs Gradio."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dav2_ros.engines.engine import EngineError
from dav2_ros.media.images import MediaError
from dav2_ros.media.sources import VIDEOS
from dav2_ros.models.registry import ModelError
from dav2_ros.web.desk import ENGINE_CHOICES, KEPT_S, Desk, Wish, without_folders
from dav2_ros.web.session import Seen, painted
from dav2_ros.web.told import Tell

TITLE = 'Metric depth from one camera'
PHOTOS = ['.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.gif']
ONE_AT_A_TIME: dict[str, Any] = {'concurrency_id': 'engine', 'concurrency_limit': 1}
CSS = '#depth img {cursor: crosshair}'
FONTS = ('system-ui', 'sans-serif')  # those of the visitor's machine


@dataclass(frozen=True)
class Controls:
    """What all tabs share: how depth is estimated and painted."""

    model: gr.Dropdown
    engine: gr.Dropdown
    hfov: gr.Number
    near: gr.Number
    far: gr.Number

    @property
    def all(self) -> list[gr.components.Component]:
        """As inputs of a function that begins with `wish_of`'s arguments."""
        return [self.model, self.engine, self.hfov, self.near, self.far]


def wish_of(model: str, engine: str, hfov_deg: float, near_m: float, far_m: float) -> Wish:
    """Return what the controls say; raises MediaError for what cannot be."""
    if hfov_deg is None or not 1 <= hfov_deg <= 179:
        raise MediaError(f'A field of view of {hfov_deg} degrees is none: choose 1 to 179.')
    return Wish(model, engine, hfov_deg, painted(near_m, far_m))


def in_sentences(call: Callable) -> Callable:
    """Turn what a visitor can mend into an error on the page, without the folders of this machine."""

    @functools.wraps(call)
    def called(*args: Any, **more: Any) -> Any:
        try:
            return call(*args, **more)
        except (EngineError, MediaError, ModelError) as error:
            raise gr.Error(without_folders(str(error)), duration=None, print_exception=False) from error

    return called


def build(desk: Desk, model: str, engine: str) -> gr.Blocks:
    """Lay out the page; model and engine are what is chosen at first."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEPT_S // 4, KEPT_S), fill_width=True) as page:
        gr.Markdown(f'## {TITLE}')
        with gr.Row():
            controls = Controls(
                gr.Dropdown(list(desk.models()), value=model, label='Model'),
                gr.Dropdown(list(ENGINE_CHOICES), value=engine, label='Engine'),
                gr.Number(60, label='Field of view, degrees', info='of what has no focal length in EXIF'),
                gr.Number(0.5, label='Near, m', info='red'),
                gr.Number(40, label='Far, m', info='blue; the cloud ends here'),
            )
            controls.model.preprocess = controls.engine.preprocess = str  # the desk has sentences for what is not here
        with gr.Tab('Picture'):
            _picture_tab(desk, controls)
        with gr.Tab('Batch'):
            _batch_tab(desk, controls)
        with gr.Tab('Video'):
            _video_tab(desk, controls)
    return page.queue(max_size=32, status_update_rate=1)


def _picture_tab(desk: Desk, controls: Controls) -> None:
    seen = gr.State(None, time_to_live=KEPT_S, delete_callback=lambda seen: seen and desk.forget(seen.folder))
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
            depth = gr.Image(label='Depth: click for metres', interactive=False, format='png', elem_id='depth')
            reading = gr.Textbox(label='Metres at the clicked pixel', elem_id='reading', interactive=False)
            fit = gr.Button('Fit near and far to this picture')
        cloud = gr.Model3D(label='Cloud', display_mode='point_cloud', interactive=False, height=480, elem_id='cloud')
    files = gr.Files(label='Downloads', interactive=False, elem_id='files')
    shown = [slider, depth, cloud, files]

    @in_sentences
    def on_estimate(photo, old, *controls, progress=gr.Progress()):  # noqa: B008 (how Gradio is told)
        if not photo:
            raise MediaError('There is no picture yet: upload one, or take one.')
        new = desk.picture(Path(photo), wish_of(*controls), _tell(progress))
        if old:
            desk.forget(old.folder)
        return new, new.summary, '', *_shown(new)

    @in_sentences
    def on_range(seen, near_m, far_m):
        if seen:
            seen.show(painted(near_m, far_m))
        return _shown(seen)

    @in_sentences
    def on_fit(seen):
        near_m, far_m = _known(seen).spread()
        seen.show(painted(near_m, far_m))
        return float(f'{near_m:.3g}'), float(f'{far_m:.3g}'), *_shown(seen)

    @in_sentences
    def on_click(seen, event: gr.SelectData):
        return str(_known(seen).read(*map(int, event.index)))

    on_click.__annotations__['event'] = gr.SelectData  # Gradio looks for the type, not for its name
    out = [seen, about, reading, *shown]
    estimate.click(on_estimate, [photo, seen, *controls.all], out, api_name='estimate', **ONE_AT_A_TIME)
    for number in (controls.near, controls.far):
        gr.on([number.submit, number.blur], on_range, [seen, controls.near, controls.far], shown, api_name=False)
    fit.click(on_fit, [seen], [controls.near, controls.far, *shown], api_name='fit')
    depth.select(on_click, [seen], reading, api_name='read', show_progress='hidden')


def _batch_tab(desk: Desk, controls: Controls) -> None:
    pictures = gr.Files(label='Pictures', file_types=PHOTOS, elem_id='pictures')
    estimate = gr.Button('Estimate them all', variant='primary')
    failures = gr.Markdown(elem_id='failures')
    gallery = gr.Gallery(label='Depth', interactive=False, format='png', columns=4)
    archive = gr.File(label='All results: NPY, 16-bit PNG, PLY, colours', interactive=False, elem_id='archive')

    @in_sentences
    def on_estimate(paths, *controls, progress=gr.Progress()):  # noqa: B008
        done = desk.batch([Path(path) for path in paths or ()], wish_of(*controls), _tell(progress))
        return _listed(done.failures), [str(path) for path in done.shown], done.file and str(done.file)

    out = [failures, gallery, archive]
    estimate.click(on_estimate, [pictures, *controls.all], out, api_name='batch', **ONE_AT_A_TIME)


def _video_tab(desk: Desk, controls: Controls) -> None:
    with gr.Row():
        video = gr.Video(
            label='Video',
            sources=['upload', 'webcam'],
            webcam_options=gr.WebcamOptions(mirror=False),
            include_audio=True,
            elem_id='video',
        )
        depth = gr.Video(label='Picture and depth', interactive=False, elem_id='video_depth')
    estimate = gr.Button('Estimate depth of the video', variant='primary')
    failures = gr.Markdown()
    file = gr.File(label='Download', interactive=False)

    @in_sentences
    def on_estimate(path, *controls, progress=gr.Progress()):  # noqa: B008
        if not path:
            raise MediaError(f'There is no video yet: upload one ({" ".join(sorted(VIDEOS))}), or record one.')
        done = desk.video(Path(path), wish_of(*controls), _tell(progress))
        return str(done.file), str(done.file), _listed(done.failures)

    estimate.click(on_estimate, [video, *controls.all], [depth, file, failures], api_name='video', **ONE_AT_A_TIME)


def _as_uploaded(picture: Any) -> str | None:
    """Return where an upload is, in place of Gradio's own reading: ours knows EXIF and has sentences."""
    return picture.path if picture else None


def _shown(seen: Seen | None) -> tuple:
    if seen is None:
        return (gr.skip(),) * 4
    before, after = str(seen.file('picture.jpg')), str(seen.file('color.png'))
    view = gr.Model3D(str(seen.file('view.glb')), camera_position=(90, 80, None))
    return (before, after), after, view, [str(path) for path in seen.files]


def _known(seen: Seen | None) -> Seen:
    if seen is None:
        raise MediaError('There is no depth yet: choose a picture and estimate it.')
    return seen


def _listed(failures: list[str]) -> str:
    return '\n'.join(f'- {without_folders(failure)}' for failure in failures)


def _tell(progress: gr.Progress) -> Tell:
    done = 0.0

    def tell(share: float | None, what: str) -> None:
        nonlocal done
        done = done if share is None else share
        progress(done, desc=what)

    return tell
