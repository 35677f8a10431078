# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find what a command line names: pictures and videos, folders of them, and lists of them in text files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.media.images import MediaError

PICTURES = frozenset('.jpg .jpeg .jpe .png .webp .bmp .dib .tif .tiff .ppm .pgm .pnm .pbm .jp2 .hdr .gif'.split())
VIDEOS = frozenset('.mp4 .m4v .mov .mkv .avi .webm .mpg .mpeg .ts .mts .m2ts .wmv .flv .ogv .3gp'.split())


@dataclass(frozen=True)
class MediaSource:
    """A file to estimate depth of, and what its results are called."""

    path: Path
    name: Path  # of the results, below the output folder, without a suffix

    @property
    def is_video(self) -> bool:
        """Whether it is called as videos are."""
        return self.path.suffix.lower() in VIDEOS


def find(named: Iterable[Path], out: Path) -> Iterator[MediaSource | MediaError]:
    """Yield each picture and video, in order, and an error for each name that leads to none.

    A folder stands for the pictures and videos below it, by their suffixes, and its results lie in folders like its
    own; a .txt file for what its lines name, from the current folder or from the list's; anything else for itself.
    What lies in `out` is left alone: it came from us. Of two whose results would have one name, the second is an error.
    """
    first: dict[Path, Path] = {}
    for source in _find(named, out):
        if isinstance(source, MediaSource) and first.setdefault(source.name, source.path) is not source.path:
            other = first[source.name]
            yield MediaError(f'{source.path} would replace the results of {other}: rename it, or choose another --out.')
        else:
            yield source


def _find(named: Iterable[Path], out: Path) -> Iterator[MediaSource | MediaError]:
    for path in named:
        if path.is_dir():
            yield from _below(path, out.resolve())
        elif path.suffix.lower() == '.txt':
            yield from _listed(path)
        else:
            yield MediaSource(path, Path(path.stem))


def _below(folder: Path, out: Path) -> Iterator[MediaSource | MediaError]:
    found = sorted(p for p in folder.rglob('*') if p.suffix.lower() in PICTURES | VIDEOS and p.is_file())
    if folder.resolve() != out:
        found = [p for p in found if out not in p.resolve().parents]
    if not found:
        yield MediaError(f'{folder} holds no picture and no video ({_suffixes(PICTURES)}; {_suffixes(VIDEOS)}).')
    for path in found:
        yield MediaSource(path, path.relative_to(folder).with_suffix(''))


def _listed(file: Path) -> Iterator[MediaSource | MediaError]:
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        yield MediaError(f'{file} cannot be read as a list of files ({getattr(error, "strerror", "it is no text")}).')
        return
    names = [line for line in lines if line and not line.startswith('#')]
    if not names:
        yield MediaError(f'{file} lists no file: write one path in each line.')
    for name in names:
        path = Path(name)
        beside = file.parent / path
        yield MediaSource(beside if not path.exists() and beside.exists() else path, Path(path.stem))


def _suffixes(suffixes: Iterable[str]) -> str:
    return ' '.join(sorted(suffixes))
