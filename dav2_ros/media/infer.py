# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The work of `dav2 infer`: decoding runs ahead of the engine, encoding and writing behind it."""

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
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import DepthMap, Frame, FrameError
from dav2_ros.media.images import MediaError, Photo, check_picture, read_photo
from dav2_ros.media.results import Look, Results
from dav2_ros.media.sources import Source
from dav2_ros.media.video import Clip, VideoFile
from dav2_ros.overlap import Behind, ahead

LOOKED_AT = 40  # pictures, or frames of a video, that a range is fitted to
WRITERS = 2  # threads that compress pictures
Say = Callable[[str], None]


class Task:
    """Estimate all that was named; `failures` has a sentence for each that could not be.

    `progress` is told of each picture and frame; by default a bar in the terminal.
    """

    def __init__(
        self, results: Results, hfov_deg: float, fit_range: bool, frames: bool, progress: Progress | None = None
    ) -> None:
        self._results, self._hfov_deg, self._fit_range, self._frames = results, hfov_deg, fit_range, frames
        self.failures: list[str] = []
        console = Console(stderr=True)
        self.status = console.status('')
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = progress or Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )

    def run(self, estimator: DepthEstimator, found: list[Source | MediaError], say: Say) -> None:
        """Estimate the pictures, then the videos; `say` gets a line for each. Raises EngineError, OSError."""
        videos = [source for source in found if isinstance(source, Source) and source.is_video]
        self._photos(estimator, [source for source in found if source not in videos], say)
        for video in videos:
            try:
                self._video(estimator, video, say)
            except MediaError as error:
                self.failures.append(str(error))
            except FrameError as error:
                self.failures.append(f'{video.path} cannot be taken: {error}')

    def _photos(self, estimator: DepthEstimator, photos: list[Source | MediaError], say: Say) -> None:
        if not photos:
            return
        results = self._results
        if self._fit_range:
            read = self._read(photos[:: math.ceil(len(photos) / LOOKED_AT)])
            known = (photo.frame for _, photo in read if isinstance(photo, Photo))
            results = dataclasses.replace(results, look=_fitted(results.look, estimator, known))
        with Behind(WRITERS) as behind, ahead(self._read(photos), 2) as read, self._progress as progress:
            task = progress.add_task('pictures', total=len(photos))
            for source, photo in read:
                if isinstance(photo, MediaError):
                    self.failures.append(str(photo))
                else:
                    try:
                        work = self._estimated(estimator, results, source, photo)
                    except FrameError as error:
                        self.failures.append(f'{source.path} cannot be taken: {error}')
                    else:
                        _say_all(say, behind.call(*work))
                progress.advance(task)
            _say_all(say, behind.rest())

    def _read(self, photos: Iterable[Source | MediaError]) -> Iterator[tuple[Source | None, Photo | MediaError]]:
        for source in photos:
            try:
                if isinstance(source, MediaError):
                    raise source
                yield source, read_photo(source.path, self._hfov_deg)
            except MediaError as error:
                yield None, error

    def _estimated(self, estimator: DepthEstimator, results: Results, source: Source, photo: Photo) -> tuple:
        """Return what is to be called, on another thread, to write the files and make the line about them."""
        depth, timings = self._estimate(estimator, photo.frame)
        return _finish, results, source, photo, depth, timings.engine_ms

    def _estimate(self, estimator: DepthEstimator, frame: Frame):
        height, width = frame.rgb.shape[:2]
        if estimator.engine is None:  # the first waits until its engine is proved
            with self.status:
                estimator.prepare(height, width, frame.camera)
        return estimator.estimate(frame)

    def _video(self, estimator: DepthEstimator, source: Source, say: Say) -> None:
        results = self._results
        path = results.out / source.name.with_name(f'{source.name.name}_depth.mp4')
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            clip = opened.enter_context(Clip(source.path))
            if self._fit_range:
                results = dataclasses.replace(results, look=_fitted(results.look, estimator, self._glance(source)))
            file = opened.enter_context(VideoFile(path, clip.rate, source.path))
            pictures = opened.enter_context(ahead(clip))
            behind = opened.enter_context(Behind(1))
            progress = opened.enter_context(self._progress)
            task, done = progress.add_task(source.path.name, total=clip.length), 0
            for picture in pictures:
                frame = self._frame(picture.rgb, source.path)
                depth, _ = self._estimate(estimator, frame)
                behind.call(_append, file, results.look, frame.rgb, depth, picture.time_s)
                if self._frames:
                    behind.call(results.write, source.name / f'{done:06d}', frame.rgb, depth)
                done += 1
                progress.advance(task)
            behind.rest()
            if not done:
                raise MediaError(clip.damage or f'{source.path} has no pictures in it.')
        if clip.damage:
            self.failures.append(f'{clip.damage[:-1]}; the {done} frames before that are in {path}.')
        sound = 'with its sound' if file.has_sound else 'no sound that MP4 holds'
        say(f'{source.path}: {done} frames, {results.look.near_m:.2g} to {results.look.far_m:.2g} m, {sound}; {path}')

    def _frame(self, rgb: np.ndarray, path: Path) -> Frame:
        height, width = check_picture(rgb, path)
        return Frame(rgb, Camera.from_hfov(width, height, math.radians(self._hfov_deg)))

    def _glance(self, source: Source) -> Iterator[Frame]:
        """Yield frames from all over a video."""
        with Clip(source.path) as clip:
            every = max(1, (clip.length or 0) // LOOKED_AT)
            for number, picture in enumerate(clip):
                if number % every == 0:
                    yield self._frame(picture.rgb, source.path)


def _fitted(look: Look, estimator: DepthEstimator, frames: Iterable[Frame]) -> Look:
    """Return a look from the nearest to the farthest metres of frames, but for the last percent on each side."""
    seen = [estimator.estimate(frame)[0].z_m[::4, ::4] for frame in frames]
    known_m = np.concatenate([z_m[np.isfinite(z_m)] for z_m in seen]) if seen else np.empty(0)
    if not known_m.size:
        return look
    near_m, far_m = (float(value) for value in np.percentile(known_m, (1, 99)))
    return dataclasses.replace(look, near_m=near_m, far_m=max(far_m, 1.01 * near_m))


def _finish(results: Results, source: Source, photo: Photo, depth: DepthMap, engine_ms: float) -> str:
    results.write(source.name, photo.frame.rgb, depth)
    camera, known_m = photo.frame.camera, depth.z_m[np.isfinite(depth.z_m)]
    spread = '{:.2f} to {:.2f} m'.format(*np.percentile(known_m, (1, 99))) if known_m.size else 'beyond range'
    return (
        f'{source.path}: {camera.width}x{camera.height}, field of view {math.degrees(camera.hfov_rad):.1f} deg '
        f'({photo.camera_source}), depth {spread}, {engine_ms:.0f} ms; {results.out / source.name}{results}'
    )


def _append(file: VideoFile, look: Look, rgb: np.ndarray, depth: DepthMap, time_s: float) -> None:
    file.write(look.paint(rgb, depth.z_m), time_s)


def _say_all(say: Say, lines: Iterable[str]) -> None:
    for line in lines:
        say(line)
