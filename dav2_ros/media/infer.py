# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Estimate pictures and videos into files: decoding runs ahead of the engine, encoding and writing behind it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import coloured_at
from dav2_ros.estimator import DepthEstimator
from dav2_ros.files.prefetch import BackgroundWriter, prefetch
from dav2_ros.frames import Frame, FrameError
from dav2_ros.media.depth_files import ColourStyle, DepthFiles
from dav2_ros.media.images import MediaError, Photo, check_picture, read_photo
from dav2_ros.media.sources import MediaSource
from dav2_ros.media.video import VideoClip, VideoFile
from dav2_ros.parameter import replaced
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.pipeline import DepthPipeline, DepthResult

SAMPLES = 40  # pictures, or frames of a video, that a range is fitted to
WRITERS = 2  # threads that compress pictures
Say = Callable[[str], None]


class InferenceJob:
    """Estimate all that was named; `failures` has a sentence for each that could not be.

    The frames of a video are stabilised as the parameters say; pictures know nothing of each other.

    Args:
        files: what is written of each picture.
        hfov_deg: horizontal field of view of what has no focal length in EXIF.
        fit_range: choose the range of colours by what the pictures, or the frames of a video, hold.
        frames: write the files of each frame of a video too.
        progress: is told of each picture and frame; by default a bar in the terminal.
    """

    def __init__(
        self,
        files: DepthFiles,
        params: OfflineParameters,
        *,
        hfov_deg: float,
        fit_range: bool = False,
        frames: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._files, self._params = files, params
        self._hfov_deg, self._fit_range, self._frames = hfov_deg, fit_range, frames
        self.failures: list[str] = []
        console = Console(stderr=True)
        self.status = console.status('')
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = progress or Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )

    def run(self, estimator: DepthEstimator, sources: list[MediaSource | MediaError], say: Say) -> None:
        """Estimate the pictures, then the videos; `say` gets a line for each. Raises EngineError, OSError."""
        videos = [source for source in sources if isinstance(source, MediaSource) and source.is_video]
        self._photos(estimator, [source for source in sources if source not in videos], say)
        for video in videos:
            try:
                self._video(estimator, video, say)
            except MediaError as error:
                self.failures.append(str(error))
            except FrameError as error:
                self.failures.append(f'{video.path} cannot be taken: {error}')

    def _photos(self, estimator: DepthEstimator, photos: list[MediaSource | MediaError], say: Say) -> None:
        if not photos:
            return
        files, pipeline = self._files, picture_pipeline(self._params, estimator)
        if self._fit_range:
            read = self._read(photos[:: math.ceil(len(photos) / SAMPLES)])
            frames = (each[1].frame for each in read if not isinstance(each, MediaError))
            files = dataclasses.replace(files, style=_fitted(files.style, pipeline, frames))
        with BackgroundWriter(WRITERS) as behind, prefetch(self._read(photos), 2) as read, self._progress as progress:
            task = progress.add_task('pictures', total=len(photos))
            for each in read:
                if isinstance(each, MediaError):
                    self.failures.append(str(each))
                else:
                    source, photo = each
                    pipeline.reset()
                    try:
                        result = self._estimate(pipeline, photo.frame)
                    except FrameError as error:
                        self.failures.append(f'{source.path} cannot be taken: {error}')
                    else:
                        _say_all(say, behind.call(_write, files, source, photo, result))
                progress.advance(task)
            _say_all(say, behind.rest())

    def _read(self, photos: Iterable[MediaSource | MediaError]) -> Iterator[tuple[MediaSource, Photo] | MediaError]:
        for source in photos:
            try:
                if isinstance(source, MediaError):
                    raise source
                yield source, read_photo(source.path, self._hfov_deg)
            except MediaError as error:
                yield error

    def _estimate(self, pipeline: DepthPipeline, frame: Frame) -> DepthResult:
        if pipeline.estimator.engine is None:  # the first waits until its engine is proved
            with self.status:
                return pipeline.process(frame)
        return pipeline.process(frame)

    def _video(self, estimator: DepthEstimator, source: MediaSource, say: Say) -> None:
        files, pipeline = self._files, DepthPipeline(self._params, estimator)
        path = files.out / source.name.with_name(f'{source.name.name}_depth.mp4')
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            clip = opened.enter_context(VideoClip(source.path))
            if self._fit_range:
                frames = self._glance(source)
                apart = picture_pipeline(self._params, estimator)
                files = dataclasses.replace(files, style=_fitted(files.style, apart, frames))
            file = opened.enter_context(VideoFile(path, clip.rate, source.path))
            pictures = opened.enter_context(prefetch(clip))
            behind = opened.enter_context(BackgroundWriter(1))
            progress = opened.enter_context(self._progress)
            task, done = progress.add_task(source.path.name, total=clip.length), 0
            for picture in pictures:
                frame = self._frame(picture.rgb, source.path, picture.time_s)
                result = self._estimate(pipeline, frame)
                behind.call(_append, file, files.style, result, picture.time_s)
                if self._frames:
                    behind.call(files.write, source.name / f'{done:06d}', result.frame.rgb, result.depth)
                done += 1
                progress.advance(task)
            behind.rest()
            if not done:
                raise MediaError(clip.damage or f'{source.path} has no pictures in it.')
        if clip.damage:
            self.failures.append(f'{clip.damage[:-1]}; the {done} frames before that are in {path}.')
        sound = 'with its sound' if file.has_sound else 'no sound that MP4 holds'
        say(f'{source.path}: {done} frames, {files.style.near_m:.2g} to {files.style.far_m:.2g} m, {sound}; {path}')

    def _frame(self, rgb: np.ndarray, path: Path, time_s: float) -> Frame:
        height, width = check_picture(rgb, path)
        return Frame(rgb, Camera.from_hfov(width, height, math.radians(self._hfov_deg)), round(1e9 * time_s))

    def _glance(self, source: MediaSource) -> Iterator[Frame]:
        """Yield frames from all over a video."""
        with VideoClip(source.path) as clip:
            every = max(1, (clip.length or 0) // SAMPLES)
            for number, picture in enumerate(clip):
                if number % every == 0:
                    yield self._frame(picture.rgb, source.path, picture.time_s)


def picture_pipeline(params: OfflineParameters, estimator: DepthEstimator) -> DepthPipeline:
    """Make a pipeline for pictures that know nothing of each other: call `reset` before each."""
    return DepthPipeline(replaced(params, {'steady': 'none'}), estimator)


def _fitted(style: ColourStyle, pipeline: DepthPipeline, frames: Iterable[Frame]) -> ColourStyle:
    """Return colours from the nearest to the farthest metres of frames, but for the last percent on each side."""
    maps = []
    for frame in frames:
        pipeline.reset()
        maps.append(pipeline.process(frame).depth.z_m[::4, ::4])
    known_m = np.concatenate([z_m[np.isfinite(z_m)] for z_m in maps]) if maps else np.empty(0)
    if not known_m.size:
        return style
    near_m, far_m = (float(value) for value in np.percentile(known_m, (1, 99)))
    return dataclasses.replace(style, near_m=near_m, far_m=max(far_m, 1.01 * near_m))


def _write(files: DepthFiles, source: MediaSource, photo: Photo, result: DepthResult) -> str:
    """Write the files of a picture, and return the line about it."""
    z_m = result.depth.z_m
    files.write(source.name, result.frame.rgb, result.depth)
    camera, known_m = result.frame.camera, z_m[np.isfinite(z_m)]
    assert camera is not None, 'every photo has a camera, by EXIF or an assumed one'
    spread = '{:.2f} to {:.2f} m'.format(*np.percentile(known_m, (1, 99))) if known_m.size else 'beyond range'
    return (
        f'{source.path}: {camera.width}x{camera.height}, field of view {math.degrees(camera.hfov_rad):.1f} deg '
        f'({photo.camera_source}), depth {spread}, {result.stats.engine_ms:.0f} ms; {files.out / source.name}{files}'
    )


def _append(file: VideoFile, style: ColourStyle, result: DepthResult, time_s: float) -> None:
    file.write(style.paint(coloured_at(result.depth, result.frame.rgb), result.depth.z_m), time_s)


def _say_all(say: Say, lines: Iterable[str]) -> None:
    for line in lines:
        say(line)
