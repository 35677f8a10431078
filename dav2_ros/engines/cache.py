# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cache what engines build once: a folder per key, whole or absent, that says what it holds.

CACHE/NAME/manifest.json    the key, and the sha-256 of every file
CACHE/NAME/...              what the builder wrote: a graph, a plan, reference depth
CACHE/NAME/verdict.json     what the gate found (gate.py)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dav2_ros.files.atomic import inside, write_json
from dav2_ros.models.files import sha256_of

MANIFEST = 'manifest.json'
MAKING = '.making-'  # and random letters: what is being built, locked until it is renamed or removed
YOUNG_S = 60.0  # so long a folder may be made and not locked yet
# what an entry may be, CacheKey.what
REBUILT = ('onnx', 'whole-onnx', 'openvino', 'tensorrt')  # costs no more than time
QUANTISED, QUANTISED_ONNX = 'quantised', 'quantised-onnx'  # the pictures of their calibration may be gone
BUILT = (*REBUILT, QUANTISED, QUANTISED_ONNX)
REFERENCE, VERDICT = 'reference', 'verdict'  # what an engine is compared with, and what came of it


@dataclass(frozen=True)
class CacheKey:
    """Everything that, when it changes, makes another engine."""

    model: str
    weights: str  # sha-256 of the file
    what: str  # one of those above, or 'tensorrt-timings'
    graph: int  # export.GRAPH: rises when the exported graph changes
    frame: tuple[int, int]  # height, width of the camera's pictures; (0, 0) where they do not matter
    network: tuple[int, int]  # height, width of the network's input
    output: str = 'network'
    batch: int = 1
    precision: str = 'fp32'
    runtime: str = ''  # name and version of what built it
    device: str = ''  # name of the device it is for; empty where any will do
    engine: str = ''  # whose verdict it is
    calibration: str = ''  # int8: sha-256 of the pictures that its ranges were measured on

    @property
    def name(self) -> str:
        """Return the folder's name: legible, and another one for every other key."""
        digest = hashlib.sha256(json.dumps(self.facts()).encode()).hexdigest()[:12]
        h, w = self.network
        return f'{self.model}-{w}x{h}-{self.what}-{self.precision}-{digest}'

    def facts(self) -> dict[str, object]:
        """Return the key as JSON keeps it."""
        return json.loads(json.dumps(asdict(self)))


def home() -> Path:
    """Return the folder of built engines: $DAV2_CACHE, or ~/.cache/dav2_ros/engines."""
    return Path(os.environ.get('DAV2_CACHE') or Path.home() / '.cache' / 'dav2_ros' / 'engines').expanduser()


def find(key: CacheKey) -> Path | None:
    """Return the folder of what was built under this key; None if there is none, or it is not what it was."""
    try:
        folder = inside(home(), key.name)
        manifest = json.loads((folder / MANIFEST).read_text())
        files = {inside(folder, file): sha256 for file, sha256 in manifest['files'].items()}
        whole = manifest['key'] == key.facts() and all(map(_is_ours, [folder, folder / MANIFEST, *files]))
        whole = whole and all(sha256_of(file) == sha256 for file, sha256 in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    return folder if whole else None


def obtain(key: CacheKey, make: Callable[[Path], object]) -> Path:
    """Return the folder of this key; where it is absent, damaged or foreign, `make` fills a new one first.

    It is written beside and renamed. Whatever `make` raises is passed on, and nothing is left.
    """
    if found := find(key):
        return found
    folder = inside(home(), key.name)
    folder.parent.mkdir(0o700, parents=True, exist_ok=True)
    sweep()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=MAKING) as beside, _locked(Path(beside), required=False):
        made = Path(beside) / key.name
        made.mkdir()
        make(made)
        files = {str(file.relative_to(made)): sha256_of(file) for file in sorted(made.rglob('*')) if file.is_file()}
        write_json(made / MANIFEST, {'key': key.facts(), 'files': files})
        if folder.exists():  # damaged, or another process was faster
            os.replace(folder, Path(beside) / 'old')
        os.replace(made, folder)
    return folder


def sweep() -> None:
    """Remove what processes were building that are no longer there."""
    for left in home().glob(f'{MAKING}*'):
        try:
            is_old = time.time() - left.lstat().st_mtime > YOUNG_S
            if is_old and not left.is_symlink():
                with _locked(left, required=True):
                    remove(left)
        except OSError:  # another process is at work in it, or was faster
            continue


@contextlib.contextmanager
def _locked(folder: Path, *, required: bool) -> Iterator[None]:
    """Hold the lock of a folder, which ends with the process; `required` raises OSError where it cannot be had."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process has it, or the file system has no locks
            if required:
                raise
        yield
    finally:
        os.close(file)


def _is_ours(path: Path) -> bool:
    """Return whether nobody but this user and root can have written a file or folder: what it holds is run."""
    found = path.lstat()
    is_plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return is_plain and found.st_uid in (os.geteuid(), 0) and not found.st_mode & stat.S_IWOTH


def entries() -> Iterator[tuple[Path, dict]]:
    """Return every folder with its manifest; {} for one that cannot be read."""
    for folder in sorted(home().glob('[!.]*/')):
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
        except (OSError, ValueError):
            manifest = {}
        yield folder, manifest


def remove(folder: Path) -> None:
    """Delete one entry."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_built(weights: str, network: tuple[int, int]) -> None:
    """Delete what was built of these weights for this input, where that costs no more than time."""
    for folder, manifest in entries():
        key = manifest.get('key', {})
        if key.get('weights') == weights and key.get('network') == list(network) and key.get('what') in REBUILT:
            remove(folder)
