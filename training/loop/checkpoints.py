# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Save and resume a run: last.pt, whole or the one before, with the run's configuration inside."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dav2_ros.files.atomic import written_beside
from dav2_ros.models.pickles import check_pickled
from dav2_training.config import ConfigError

if TYPE_CHECKING:
    from lightning.fabric import Fabric

# What a resumed run may change: where it runs and how often it logs and saves, not what comes out of it.
CHANGEABLE_SETTINGS = {'accelerator', 'devices', 'nodes', 'threads', 'workers', 'save_every', 'validate_every',
        'log_every', 'tensorboard', 'root', 'cache'}  # fmt: skip


def plain(value: Any) -> Any:
    """Return a configuration as a checkpoint keeps it: lists for tuples, as JSON and YAML have them."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def first_difference(saved: Any, current: Any, where: str = '') -> str:
    """Name the first setting, other than CHANGEABLE_SETTINGS ones, in which two configurations differ; '' if none."""
    if isinstance(saved, Mapping) and isinstance(current, Mapping):
        keys = [key for key in {**saved, **current} if key not in CHANGEABLE_SETTINGS]
        parts = (first_difference(saved.get(key), current.get(key), f'{where}.{key}'.lstrip('.')) for key in keys)
    elif isinstance(saved, list) and isinstance(current, list) and len(saved) == len(current):
        parts = (first_difference(a, b, f'{where}[{i}]') for i, (a, b) in enumerate(zip(saved, current)))
    else:
        return '' if saved == current else f'{where} was {saved!r} and is {current!r} now'
    return next((part for part in parts if part), '')


def resume(
    fabric: Fabric, path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, config: Mapping[str, Any]
) -> int:
    """Load weights and optimizer where `path` is there; return the number of steps done, 0 for a new run.

    Raises ConfigError if the run there is another, or the file is damaged.
    """
    if not path.is_file():
        return 0
    try:
        check_pickled(path)
        state = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
        changed = first_difference(state['config'], plain(config))
        done = int(state['step'])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ConfigError(f'{path} is not a whole checkpoint of this version: move it away to start anew.') from error
    if changed:
        raise ConfigError(f'{path} is of another run ({changed}): set it back, or give another --out.')
    if _is_sharded(fabric):
        fabric.load(path, {'network': model, 'optimizer': optimizer}, strict=False)
    else:
        model.load_state_dict(state['network'])
        optimizer.load_state_dict(state['optimizer'])
    return done


def save(
    fabric: Fabric, path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, facts: Mapping[str, Any]
) -> None:
    """Write weights, optimizer and `facts` beside `path`, to the disk itself, then rename. All processes come here."""
    state = {'network': model, 'optimizer': optimizer, **facts}
    if fabric.is_global_zero:
        with written_beside(path) as part:
            fabric.save(part, state)
            with part.open('rb') as file:
                os.fsync(file.fileno())
    else:
        fabric.save(path, state)  # gathers what this process holds; only the first one writes
    fabric.barrier()


def _is_sharded(fabric: Fabric) -> bool:
    from lightning.fabric.strategies import FSDPStrategy

    return isinstance(fabric.strategy, FSDPStrategy)
