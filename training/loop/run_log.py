# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Log a run: a progress bar, log.csv and TensorBoard. Only the first process writes anything."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from dav2_ros.files.atomic import write_whole
from dav2_training.config import ConfigError, FitConfig
from dav2_training.data.batch_share import Share

if TYPE_CHECKING:
    from lightning.fabric import Fabric

T = TypeVar('T')


class RunLog:
    """Opened by `with`; lines of a log.csv that came after the checkpoint are removed, for their steps come again."""

    def __init__(self, out: Path, config: FitConfig, start: int, writes: bool) -> None:
        """Prepare the log in folder `out` of a run that goes on from step `start`; the first process `writes`."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.config, self.start, self.writes, self.path = config, start, writes, out / 'log.csv'
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, disable=not writes)
        self.board = _board(out, start) if writes and config.tensorboard else None
        self._began_s = self._waited_s = 0.0

    def __enter__(self) -> RunLog:
        if self.writes:
            self._remove_undone()
            self.log = self.path.open('a')
        self.progress.start()
        self.task = self.progress.add_task('fit', total=self.config.steps, completed=self.start)
        self._began_s = time.monotonic()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()
        if self.writes:
            self.log.close()
        if self.board:
            self.board.close()

    def step(self, done: int, loss: float, norm: float, lr: float) -> None:
        """Log loss, gradient norm, learning rate and speed after `done` steps."""
        passed_s = time.monotonic() - self._began_s
        rate = (done - self.start) * self.config.batch / passed_s
        waits = 100 * self._waited_s / passed_s
        line = f'loss {loss:.4f}, {rate:.1f} frames/s, waits {waits:.0f} % for data'
        self.progress.update(self.task, completed=done, description=line)
        if self.writes:
            self.log.write(f'{done},{loss:.9g},{norm:.6g},{rate:.2f}\n')
            self.log.flush()
        if self.board:
            for name, value in (('loss', loss), ('gradient norm', norm), ('learning rate', lr), ('frames/s', rate)):
                self.board.add_scalar(name, value, done)

    def validation(self, done: int, line: str) -> None:
        """Log what validation found after `done` steps, one line."""
        if self.writes:
            self.progress.console.print(f'step {done}: {line}')
            self.log.write(f'# step {done}: {line}\n')
            self.log.flush()
        if self.board:
            self.board.add_text('validation', line, done)

    def batches(self, parts: Iterator[T], fabric: Fabric, share: Share, config: dict[str, Any]) -> Iterator[T]:
        """Yield the parts of batches, after printing what is about to run, and count the time they are waited for.

        The clock starts with the first part. Raises ConfigError for one that nothing can be learnt from.
        """
        first = next(parts)
        self._describe(fabric, share, config, first)
        self._began_s = time.monotonic()
        yield first
        while True:
            asked_s = time.monotonic()
            part = next(parts)
            self._waited_s += time.monotonic() - asked_s
            yield part

    def _describe(self, fabric: Fabric, share: Share, config: dict[str, Any], batch: Any) -> None:
        import yaml

        if self.writes:
            devices = f'{share.world} x {fabric.device}, {type(fabric.strategy).__name__}, {self.config.precision}'
            dealt = f'{share.world} processes x {share.parts} parts x {self.config.batch // share.world // share.parts}'
            self.progress.console.print(yaml.safe_dump(config, sort_keys=False).rstrip(), highlight=False)
            self.progress.console.print(f'devices: {devices}; batch {self.config.batch} = {dealt}', highlight=False)
        for line in describe_batch(batch):
            if self.writes:
                self.progress.console.print(f'first batch: {line}', highlight=False)

    def _remove_undone(self) -> None:
        if self.path.is_file():
            kept = [line for line in self.path.read_text().splitlines(keepends=True) if self._is_past(line)]
            write_whole(self.path, ''.join(kept))

    def _is_past(self, line: str) -> bool:
        """Tell whether a whole line is about a step that is not done again."""
        number = line.removeprefix('# step ').replace(':', ',').split(',')[0]
        return line.endswith('\n') and number.isdigit() and int(number) <= self.start


def describe_batch(batch: Any) -> list[str]:
    """Describe each tensor of a batch in a line. Raises ConfigError for one without any finite number."""
    lines = []
    for name, x in ((f.name, getattr(batch, f.name)) for f in dataclasses.fields(batch)):
        if not isinstance(x, torch.Tensor):
            continue
        line, values = f'{name} {tuple(x.shape)} {str(x.dtype).removeprefix("torch.")}', x.double()
        known = values[values.isfinite()]
        if not known.numel():
            raise ConfigError(
                f'Nothing is known in the first batch: {name} has no finite number; look at the data set.'
            )
        share = known.numel() / max(math.prod(x.shape), 1)
        lines.append(f'{line}, {known.min():.4g} to {known.max():.4g}, {100 * share:.1f} % finite')
    return lines


def _board(out: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            'TensorBoard is not here: pip install "dav2_ros[train]", or fit.tensorboard: false.'
        ) from error
    return SummaryWriter(str(out / 'tensorboard'), purge_step=start + 1)
