# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The second stage: a teacher labels pictures that nobody has measured.

    dav2-train pseudo-label config/training/pseudo_label.yaml
    torchrun --nproc-per-node 8 -m dav2_training pseudo-label config/training/pseudo_label.yaml

Pictures are dealt out in chunks, by number: chunk c is rank c % world's. A chunk is labelled whole, batch by batch of
one shape, so what a label is does not depend on what was done before; an interrupted chunk is labelled again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
import typer
from torch.utils.data import DataLoader, Dataset

from dav2_ros.frames import FrameError
from dav2_ros.models import checkpoints
from dav2_ros.resize import ResizePlan
from dav2_training import config as configs
from dav2_training.config import ConfigError, SetConfig
from dav2_training.data.feed import open_one
from dav2_training.data.labelled import LabelFolder
from dav2_training.data.pseudo import encode, label_path, write
from dav2_training.data.sample import DataError, DepthSet
from dav2_training.devices import connect

if TYPE_CHECKING:
    from lightning.fabric import Fabric

AHEAD = 4  # chunks whose labels may still be being written


@dataclasses.dataclass(frozen=True)
class PseudoLabelConfig:
    """Which pictures, by which teacher, at which size."""

    teacher: str = ''  # a relative model, by its name or file
    sets: tuple[SetConfig, ...] = ()  # `labels` of each is the folder to fill
    height: int = 518  # procedural and shifted sets are rendered so
    width: int = 518
    short_side: int = 518  # of the network's input; the aspect ratio is kept; not stated in the papers
    batch: int = 16  # pictures at once
    workers: int = 2  # processes that read and resize; as many threads write
    precision: str = '32-true'
    accelerator: str = 'auto'
    strategy: str = 'auto'
    devices: int = 1
    nodes: int = 1
    threads: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class _Picture:
    index: int
    name: str
    image: np.ndarray  # (3, h, w) float32 for the network


class _Chunks(Dataset):
    """Chunk c is pictures [c * size, (c + 1) * size): those that can be read, and why the others cannot."""

    def __init__(self, source: DepthSet, size: int, short_side: int) -> None:
        self.source, self.size, self.short_side = source, size, short_side

    def __getitem__(self, chunk: int) -> tuple[list[_Picture], list[tuple[int, str]]]:
        good, bad = [], []
        for index in range(chunk * self.size, min((chunk + 1) * self.size, len(self.source))):
            try:
                sample = self.source[index]
                plan = ResizePlan.lower_bound(*sample.rgb.shape[:2], self.short_side)
            except DataError as error:
                bad.append((index, str(error)))
                continue
            except FrameError as error:
                bad.append((index, f'{sample.name}: {error}'))
                continue
            good.append(_Picture(index, sample.name, plan.apply(sample.rgb)))
        return good, bad


def label(config: PseudoLabelConfig) -> None:
    """Label what is not labelled yet. Raises ConfigError, ModelError, DataError."""
    teacher = checkpoints.load(config.teacher)
    if teacher.info.kind != 'relative':
        raise ConfigError(f'The teacher {config.teacher} is a metric model: labels are relative, take a relative one.')
    for each in config.sets:
        if not each.labels:
            raise ConfigError(f'The set {each.name} has no `labels`: name the folder to fill.')
    fabric = connect(config)
    model = checkpoints.build(teacher).to(fabric.device, memory_format=torch.channels_last)
    for each in config.sets:
        source = open_one(dataclasses.replace(each, labels=''), config.height, config.width)
        settings = {
            'teacher': teacher.sha256,
            'short_side': config.short_side,
            'batch': config.batch,
            'precision': config.precision,
            'pictures': len(source),
            'set': {key: getattr(each, key) for key in ('name', 'split', 'seed', 'frames')},
        }
        if fabric.is_global_zero:
            LabelFolder(Path(each.labels), 0, settings)
        fabric.barrier()
        folder = LabelFolder(Path(each.labels), fabric.global_rank, settings)
        _label_set(fabric, model, source, folder, config, {'teacher': teacher.sha256[:16]})
        fabric.barrier()


def _label_set(fabric, model, source: DepthSet, folder: LabelFolder, config: PseudoLabelConfig, notes: dict) -> None:
    """Label this process's chunks of one set."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    chunks = list(_open_chunks(len(source), config.batch, folder, fabric.global_rank, fabric.world_size))
    loader = DataLoader(
        _Chunks(source, config.batch, config.short_side),
        batch_size=None,
        sampler=chunks,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
    )
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    pending: list[tuple[list[tuple[int, str]], list[Future]]] = []
    pictures, bad_pictures, began = 0, 0, time.monotonic()
    with (
        Progress(*columns, disable=not fabric.is_global_zero) as progress,
        ThreadPoolExecutor(max(1, config.workers)) as writers,
    ):
        task = progress.add_task(folder.folder.name, total=len(chunks))
        for good, bad in loader:
            written = [
                writers.submit(_write, label_path(folder.folder, picture.name), disparity, notes)
                for picture, disparity in _disparities(fabric, model, good)
            ]
            pending.append(([(picture.index, picture.name) for picture in good], written))
            folder.add_bad(bad)
            pictures, bad_pictures = pictures + len(good), bad_pictures + len(bad)
            while len(pending) > AHEAD:
                _settle(folder, *pending.pop(0))
            rate = pictures * fabric.world_size / (time.monotonic() - began)
            progress.update(
                task, advance=1, description=f'{folder.folder.name}: {rate:.1f} pictures/s, {bad_pictures} bad'
            )
        for each in pending:
            _settle(folder, *each)


def _open_chunks(n: int, size: int, folder: LabelFolder, rank: int, world: int) -> Iterator[int]:
    """Yield the chunks of this process in which anything is missing."""
    settled = folder.done | folder.bad
    for chunk in range(rank, -(-n // size), world):
        if not settled.issuperset(range(chunk * size, min((chunk + 1) * size, n))):
            yield chunk


def _disparities(fabric: Fabric, model, pictures: Sequence[_Picture]) -> Iterator[tuple[_Picture, np.ndarray]]:
    """Yield each picture with its disparity (h, w); pictures of one shape go through the network together."""
    shapes: dict[tuple[int, ...], list[_Picture]] = {}
    for picture in pictures:
        shapes.setdefault(picture.image.shape, []).append(picture)
    for same in shapes.values():
        images = torch.from_numpy(np.stack([picture.image for picture in same])).to(fabric.device)
        with torch.inference_mode(), fabric.autocast():
            found = model(images.contiguous(memory_format=torch.channels_last)).float().cpu().numpy()
        yield from zip(same, found)


def _write(path: Path, disparity: np.ndarray, notes: dict) -> None:
    write(path, encode(disparity, notes))


def _settle(folder: LabelFolder, pictures: list[tuple[int, str]], written: list[Future]) -> None:
    """Wait until labels are on disk, then say so."""
    for each in written:
        each.result()
    folder.add_done(pictures)


def main(
    config: Annotated[Path, typer.Argument(help='YAML file: teacher, sets, and where their labels go.')],
) -> None:
    """Label pictures with a teacher; run again to go on."""
    made = configs.load(PseudoLabelConfig, config)
    label(made)
    for each in made.sets:
        print(each.labels)
