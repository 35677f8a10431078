# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the page's work is done: one estimator, one job at a time, the files of each job in a folder of its own."""

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
from dav2_ros.media.images import MediaError, read_photo
from dav2_ros.media.infer import Task
from dav2_ros.media.results import Look, Results
from dav2_ros.media.sources import Source
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import ModelError, known_models, local_path
from dav2_ros.web.limits import Limits
from dav2_ros.web.session import Seen, keep
from dav2_ros.web.told import Tell, Told, quiet

ENGINE_CHOICES = ('auto', *ENGINES)
KEPT_S = 3600  # how long the files of a job are kept that nobody looks at


@dataclass(frozen=True)
class Wish:
    """What depth is estimated with, and how it is painted."""

    model: str
    engine: str
    hfov_deg: float
    look: Look


@dataclass(frozen=True)
class Batch:
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


class Desk:
    """Estimates pictures and videos for all visitors. A context manager; any thread may call, and waits for its turn.

    Args:
        home: where each job gets a folder.
        model: a file of weights that is offered beside those known by name.
        device, precision, size: those of DepthEstimator.
    """

    def __init__(
        self,
        home: Path,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        *,
        model: Path | None = None,
        device: str = 'auto',
        precision: str = 'auto',
        size: int | None = None,
    ) -> None:
        self.home, self.limits, self._model = home, limits, model
        self._choice = {'device': device, 'precision': precision, 'size': size}
        self._turn = threading.Lock()
        self._open: tuple[tuple[str, str], DepthEstimator] | None = None
        self._tell: Tell = quiet

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *error: object) -> None:
        with self._turn:
            self._close()

    def models(self) -> dict[str, str]:
        """Return `local_models`, and the file."""
        return local_models(self._model)

    def picture(self, path: Path, wish: Wish, tell: Tell = quiet) -> Seen:
        """Estimate one picture. Raises MediaError, ModelError or EngineError, as all of these do."""
        self.limits.check_picture(path)
        photo = read_photo(path, wish.hfov_deg)
        with self._estimator(wish, tell) as estimator:
            depth, timings = estimator.estimate(photo.frame)
            about = estimator.describe()
        engine = '{model} with {engine}, {device}, {precision}'.format(**about) + f', {timings.engine_ms:.0f} ms'
        with self._job() as folder:
            return keep(folder, path.stem, photo, depth, engine, wish.look)

    def batch(self, paths: Sequence[Path], wish: Wish, tell: Tell = quiet) -> Batch:
        """Estimate many pictures; those that cannot be are named, the others are in a ZIP file."""
        self.limits.check_count(paths)
        found: list[Source | MediaError] = []
        for path in paths:
            try:
                self.limits.check_picture(path)
                found.append(Source(path, _unique(path.stem, found)))
            except MediaError as error:
                found.append(error)
        with self._job() as folder, self._estimator(wish, tell) as estimator:
            task = Task(Results(folder, wish.look, ply=True), wish.hfov_deg, False, False, Told(tell))
            task.run(estimator, found, lambda line: None)
        painted = sorted(folder.glob('*_color.png'))
        return Batch(folder, painted, _zipped(folder) if painted else None, task.failures)

    def video(self, path: Path, wish: Wish, tell: Tell = quiet) -> Batch:
        """Estimate a video; what is damaged in it is named."""
        self.limits.check_video(path)
        with self._job() as folder, self._estimator(wish, tell) as estimator:
            told = Told(tell, self.limits.video_frames)
            beside = Results(folder, replace(wish.look, alone=False))
            task = Task(beside, wish.hfov_deg, False, False, told)
            task.run(estimator, [Source(path, Path(path.stem))], lambda line: None)
            made = folder / f'{path.stem}_depth.mp4'
            if not made.is_file():
                raise MediaError(task.failures[0])
        return Batch(folder, [made], made, task.failures)

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
    def _estimator(self, wish: Wish, tell: Tell) -> Iterator[DepthEstimator]:
        tell(None, 'waiting for others')
        with self._turn:
            tell(None, 'getting ready')
            self._tell = tell
            try:
                yield self._opened(wish)
            except WrongDepthError:  # it is replaced already
                raise
            except EngineError:
                self._close()
                raise
            finally:
                self._tell = quiet

    def _opened(self, wish: Wish) -> DepthEstimator:
        key = (wish.model, wish.engine)
        if not self._open or self._open[0] != key:
            known = self.models()
            check_model(wish.model, known)
            if wish.engine not in ENGINE_CHOICES:
                raise EngineError(f'There is no engine {wish.engine!r}: choose one of {", ".join(ENGINE_CHOICES)}.')
            self._close()
            checkpoint = checkpoints.load(known[wish.model])
            self._open = key, DepthEstimator(checkpoint, engine=wish.engine, say=self._said, **self._choice).__enter__()
        return self._open[1]

    def _said(self, sentence: str) -> None:
        self._tell(None, without_folders(sentence))

    def _close(self) -> None:
        if self._open:
            self._open[1].__exit__(None, None, None)
            self._open = None


def _unique(stem: str, found: list[Source | MediaError]) -> Path:
    taken = {str(source.name) for source in found if isinstance(source, Source)}
    names = (stem, *(f'{stem}-{number}' for number in range(2, len(found) + 2)))
    return Path(next(name for name in names if name not in taken))


def _zipped(folder: Path) -> Path:
    archive = folder / 'depth.zip'
    with zipfile.ZipFile(archive, 'w') as file:  # not compressed: the arrays hardly shrink
        for path in sorted(folder.glob('*_*')):
            file.write(path, path.name)
    return archive
