# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a run tells: a bar, log.csv and TensorBoard. Only the first process tells anything."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch

from dav2_training.config import ConfigError, FitConfig
from dav2_training.loop.distributed import Share

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class Journal:
    """Opened by `with`; lines of a log that came after the checkpoint are forgotten, for their steps come again."""

    def __init__(self, out: Path, config: FitConfig, start: int, tells: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.config, self.start, self.tells, self.path = config, start, tells, out / 'log.csv'
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, disable=not tells)
        self.board = _board(out, start) if tells and config.tensorboard else None
        self.waited_s = 0.0

    def __enter__(self) -> Journal:
        if self.tells:
            self._forget()
            self.log = self.path.open('a')
        self.progress.start()
        self.task = self.progress.add_task('fit', total=self.config.steps, completed=self.start)
        self.began = time.monotonic()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()
        if self.tells:
            self.log.close()
        if self.board:
            self.board.close()

    def step(self, done: int, loss: float, norm: float, lr: float) -> None:
        """Tell how a step went."""
        passed_s = time.monotonic() - self.began
        rate = (done - self.start) * self.config.batch / passed_s
        waits = 100 * self.waited_s / passed_s
        told = f'loss {loss:.4f}, {rate:.1f} frames/s, waits {waits:.0f} % for data'
        self.progress.update(self.task, completed=done, description=told)
        if self.tells:
            self.log.write(f'{done},{loss:.9g},{norm:.6g},{rate:.2f}\n')
            self.log.flush()
        if self.board:
            for name, value in (('loss', loss), ('gradient norm', norm), ('learning rate', lr), ('frames/s', rate)):
                self.board.add_scalar(name, value, done)

    def remark(self, done: int, line: str) -> None:
        """Tell one line."""
        if self.tells:
            self.progress.console.print(f'step {done}: {line}')
            self.log.write(f'# step {done}: {line}\n')
            self.log.flush()
        if self.board:
            self.board.add_text('validation', line, done)

    def settings(self, fabric: Fabric, share: Share, config: dict[str, Any], batch: Any) -> None:
        """Print what is about to run, and refuse a first batch that nothing can be learnt from."""
        import yaml

        if self.tells:
            devices = f'{share.world} x {fabric.device}, {type(fabric.strategy).__name__}, {self.config.precision}'
            dealt = f'{share.world} processes x {share.parts} parts x {self.config.batch // share.world // share.parts}'
            self.progress.console.print(yaml.safe_dump(config, sort_keys=False).rstrip(), highlight=False)
            self.progress.console.print(f'devices: {devices}; batch {self.config.batch} = {dealt}', highlight=False)
        for line in described(batch):
            if self.tells:
                self.progress.console.print(f'first batch: {line}', highlight=False)

    def _forget(self) -> None:
        if self.path.is_file():
            kept = [line for line in self.path.read_text().splitlines(keepends=True) if self._is_past(line)]
            self.path.write_text(''.join(kept))

    def _is_past(self, line: str) -> bool:
        """Tell whether a whole line is about a step that is not done again."""
        number = line.removeprefix('# step ').replace(':', ',').split(',')[0]
        return line.endswith('\n') and number.isdigit() and int(number) <= self.start


def described(batch: Any) -> list[str]:
    """Say of each tensor of a batch what it holds. Raises ConfigError for one without any finite number."""
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
