# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Estimate for the page: one estimator, one job at a time, the files of each job in a folder of its own."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import EngineError, WrongDepthError
from dav2_ros.estimator import DepthEstimator
from dav2_ros.media.depth_files import ColourStyle, DepthFiles
from dav2_ros.media.images import MediaError, read_photo
from dav2_ros.media.infer import InferenceJob, picture_pipeline
from dav2_ros.media.sources import MediaSource
from dav2_ros.models.registry import ModelError, known_models, local_path
from dav2_ros.parameter import replaced
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.pipeline import make_estimator
from dav2_ros.web.limits import UploadLimits
from dav2_ros.web.progress import Tell, WebProgress, quiet
from dav2_ros.web.result import PictureResult, keep

ENGINE_CHOICES = ('auto', *ENGINES)
KEPT_S = 3600  # how long the files of a job are kept that nobody looks at


@dataclass(frozen=True)
class JobRequest:
    """What depth is estimated with, and how it is painted."""

    model: str
    engine: str
    hfov_deg: float
    style: ColourStyle


@dataclass(frozen=True)
class JobResult:
    """What became of many pictures or a video."""

    folder: Path
    shown: list[Path]
    file: Path | None  # all of it
    failures: list[str]


def local_models(file: Path | None = None) -> dict[str, str]:
    """Return what `checkpoints.load` takes for each metric model of this machine, and for a file, by names to show."""
    found = {n: n for n, info in known_models().items() if info.kind == 'metric' and local_path(info).is_file()}
    return {file.stem: str(file), **found} if file else found


def check_model(name: str, known: Collection[str]) -> None:
    """Raise ModelError for a name that is none of the known ones."""
    if name not in known:
        raise ModelError(
            f'{name!r} is not a metric model of this machine: choose one of {", ".join(known)}, or get it with '
            '`dav2 models fetch NAME`.'
        )


def without_folders(sentence: str) -> str:
    """Leave the file names of a sentence, but not the folders of this machine that they are in."""
    return re.sub(r'(?<![\w./:])/(?:[^/\s:\x27"]+/)+', '', sentence)


class DepthService:
    """Estimates pictures and videos for all visitors. A context manager; any thread may call, and waits for its turn.

    Args:
        home: where each job gets a folder.
        model: a file of weights that is offered beside those known by name.
        params: of the pipeline; model, engine and field of view are each job's own. Without a sensor for the scale.
    """

    def __init__(
        self,
        home: Path,
        limits: UploadLimits = UploadLimits(),  # noqa: B008 (frozen)
        *,
        model: Path | None = None,
        params: OfflineParameters = OfflineParameters(),  # noqa: B008 (frozen)
    ) -> None:
        self.home, self.limits, self._model, self._params = home, limits, model, params
        self._turn = threading.Lock()
        self._open: tuple[tuple[str, str], DepthEstimator] | None = None
        self._tell: Tell = quiet

    def __enter__(self) -> DepthService:
        return self

    def __exit__(self, *error: object) -> None:
        with self._turn:
            self._close()

    @property
    def hfov_deg(self) -> float:
        """Horizontal field of view to begin with."""
        return self._params.estimator.assumed_hfov_deg

    def models(self) -> dict[str, str]:
        """Return `local_models`, and the file."""
        return local_models(self._model)

    def picture(self, path: Path, request: JobRequest, tell: Tell = quiet) -> PictureResult:
        """Estimate one picture. Raises MediaError, ModelError or EngineError, as all of these do."""
        self.limits.check_picture(path)
        photo = read_photo(path, request.hfov_deg)
        with self._estimator(request, tell) as estimator:
            result = picture_pipeline(self._params, estimator).process(photo.frame)
            about = estimator.describe()
        engine = '{model} with {engine}, {device}, {precision}'.format(**about) + f', {result.stats.engine_ms:.0f} ms'
        with self._job() as folder:
            shown = replace(photo, frame=result.frame)
            return keep(folder, path.stem, shown, result.depth, engine, request.style, self._params.cloud_options)

    def batch(self, paths: Sequence[Path], request: JobRequest, tell: Tell = quiet) -> JobResult:
        """Estimate many pictures; those that cannot be are named, the others are in a ZIP file."""
        self.limits.check_count(paths)
        found: list[MediaSource | MediaError] = []
        for path in paths:
            try:
                self.limits.check_picture(path)
                found.append(MediaSource(path, _unique(path.stem, found)))
            except MediaError as error:
                found.append(error)
        with self._job() as folder, self._estimator(request, tell) as estimator:
            files = DepthFiles(folder, request.style, ply=True, cloud=self._params.cloud_options)
            job = InferenceJob(files, self._params, hfov_deg=request.hfov_deg, progress=WebProgress(tell))
            job.run(estimator, found, lambda line: None)
        painted = sorted(folder.glob('*_color.png'))
        return JobResult(folder, painted, _zipped(folder) if painted else None, job.failures)

    def video(self, path: Path, request: JobRequest, tell: Tell = quiet) -> JobResult:
        """Estimate a video; what is damaged in it is named."""
        self.limits.check_video(path)
        with self._job() as folder, self._estimator(request, tell) as estimator:
            progress = WebProgress(tell, self.limits.video_frames)
            files = DepthFiles(folder, replace(request.style, alone=False))
            job = InferenceJob(files, self._params, hfov_deg=request.hfov_deg, progress=progress)
            job.run(estimator, [MediaSource(path, Path(path.stem))], lambda line: None)
            made = folder / f'{path.stem}_depth.mp4'
            if not made.is_file():
                raise MediaError(job.failures[0])
        return JobResult(folder, [made], made, job.failures)

    def forget(self, folder: Path) -> None:
        """Remove the files of a job that nobody looks at any more."""
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _job(self) -> Iterator[Path]:
        for old in self.home.glob('job_*'):
            if time.time() - old.stat().st_mtime > KEPT_S:
                self.forget(old)
        folder = Path(tempfile.mkdtemp(prefix='job_', dir=self.home))
        try:
            yield folder
        except BaseException:
            self.forget(folder)
            raise

    @contextmanager
    def _estimator(self, request: JobRequest, tell: Tell) -> Iterator[DepthEstimator]:
        tell(None, 'waiting for others')
        with self._turn:
            tell(None, 'getting ready')
            self._tell = tell
            try:
                yield self._opened(request)
            except WrongDepthError:  # it is replaced already
                raise
            except EngineError:
                self._close()
                raise
            finally:
                self._tell = quiet

    def _opened(self, request: JobRequest) -> DepthEstimator:
        key = (request.model, request.engine)
        if not self._open or self._open[0] != key:
            known = self.models()
            check_model(request.model, known)
            if request.engine not in ENGINE_CHOICES:
                raise EngineError(f'There is no engine {request.engine!r}: choose one of {", ".join(ENGINE_CHOICES)}.')
            self._close()
            chosen = replaced(self._params.estimator, {'model': known[request.model], 'engine': request.engine})
            self._open = key, make_estimator(chosen, log=self._said).__enter__()
        return self._open[1]

    def _said(self, sentence: str) -> None:
        self._tell(None, without_folders(sentence))

    def _close(self) -> None:
        if self._open:
            self._open[1].__exit__(None, None, None)
            self._open = None


def _unique(stem: str, found: list[MediaSource | MediaError]) -> Path:
    taken = {str(source.name) for source in found if isinstance(source, MediaSource)}
    names = (stem, *(f'{stem}-{number}' for number in range(2, len(found) + 2)))
    return Path(next(name for name in names if name not in taken))


def _zipped(folder: Path) -> Path:
    archive = folder / 'depth.zip'
    with zipfile.ZipFile(archive, 'w') as file:  # not compressed: the arrays hardly shrink
        for path in sorted(folder.glob('*_*')):
            file.write(path, path.name)
    return archive
