# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write a data set as tar files; when stopped, go on with the tar file that is not whole."""

from __future__ import annotations

import io
import json
import multiprocessing
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.files.atomic import write_json, written_beside
from dav2_training.data import registry
from dav2_training.data.sample import DataError, DepthSet, Sample
from dav2_training.data.shards.format import PARTS, encode
from dav2_training.data.shards.shards import INDEX

SUFFIX = {'depth': 'depth.png', 'about': 'json'}
MAGIC = {b'\xff\xd8': 'jpg', b'\x89P': 'png', b'RI': 'webp', b'BM': 'bmp', b'II': 'tif', b'MM': 'tif', b'P6': 'ppm'}


@dataclass(frozen=True)
class ShardConfig:
    """What is written, and how."""

    name: str
    root: str
    split: str = ''
    per_shard: int = 1000
    quality: int = 95  # of JPEG; 0 writes PNG. Pictures without truth are copied as they are, unless they are shrunk
    short_side: int = 0  # pictures without truth are shrunk to it where they are larger; 0 shrinks none


def write_shards(config: ShardConfig, out: Path, workers: int = 1) -> Iterator[tuple[int, int]]:
    """Write all tar files, yielding (written, of) after each; raises DataError."""
    samples = len(_opened(config.name, config.root, config.split))
    about = {**asdict(config), 'samples': samples}
    shards = range(-(-samples // config.per_shard))
    out.mkdir(parents=True, exist_ok=True)
    _claim(out / INDEX, about)
    jobs = [(config, out, shard) for shard in shards]
    if workers == 1:
        for done, job in enumerate(jobs, start=1):
            write_shard(job)
            yield done, len(shards)
    else:
        with multiprocessing.get_context('spawn').Pool(workers) as pool:
            for done, _ in enumerate(pool.imap_unordered(write_shard, jobs), start=1):
                yield done, len(shards)
    write_json(out / INDEX, {**about, 'whole': True})


def _claim(path: Path, about: dict[str, object]) -> None:
    """Record what is being written here; raises DataError where something else is."""
    if path.is_file():
        before = {key: value for key, value in json.loads(path.read_text()).items() if key != 'whole'}
        if before != about:
            changed = sorted(key for key in about if before.get(key) != about[key])
            raise DataError(f'{path.parent} has shards of another {", ".join(changed)}: choose another place.')
    elif any(path.parent.iterdir()):
        raise DataError(f'{path.parent} is not empty and has no {INDEX}: choose another place.')
    write_json(path, {**about, 'whole': False})


def write_shard(job: tuple[ShardConfig, Path, int]) -> None:
    """Write one tar file and its index, unless they are there; raises DataError."""
    config, out, shard = job
    path = out / f'{shard:06}.tar'
    index = path.with_suffix('.npy')
    if path.is_file() and index.is_file():
        return
    opened = _opened(config.name, config.root, config.split)
    first = shard * config.per_shard
    places = range(first, min(first + config.per_shard, len(opened)))
    spans = np.zeros((len(places), len(PARTS), 2), np.int64)
    with written_beside(path) as part, tarfile.open(part, 'w', format=tarfile.USTAR_FORMAT) as archive:
        for row, place in enumerate(places):
            sample = opened[place]
            stored = encode(sample, picture_bytes(opened, place, sample, config))
            for column, kind in enumerate(PARTS):
                if kind in stored:
                    spans[row, column] = _add(archive, f'{place:09}.{suffix(kind, stored[kind])}', stored[kind])
    with written_beside(index) as part:  # last: a tar file that has it is whole
        np.save(part, spans)


@lru_cache(maxsize=1)
def _opened(name: str, root: str, split: str) -> DepthSet:
    return registry.open_set(name, root, split)  # listing millions of files takes minutes: once in each process


def picture_bytes(opened: DepthSet, place: int, sample: Sample, config: ShardConfig) -> bytes:
    """Return the picture of a sample as it shall be stored."""
    plain = sample.z_m is None and sample.disparity is None
    rgb, height, width = sample.rgb, *sample.rgb.shape[:2]
    shrink = config.short_side / min(height, width) if plain and config.short_side else 1.0
    if plain and shrink >= 1.0 and hasattr(opened, 'encoded'):
        return opened.encoded(place)
    if shrink < 1.0:
        size = round(width * shrink), round(height * shrink)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    how = ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, config.quality]) if config.quality else ('.png', [])
    return cv2.imencode(how[0], cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), how[1])[1].tobytes()


def suffix(kind: str, data: bytes) -> str:
    """Return what a part is called by after its number, as other readers of tar files expect it."""
    return SUFFIX.get(kind) or MAGIC.get(data[:2], 'jpg')


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> tuple[int, int]:
    """Add a member, and return where its bytes are."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    start = archive.offset + tarfile.BLOCKSIZE
    archive.addfile(member, io.BytesIO(data))
    return start, len(data)
