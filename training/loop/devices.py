# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Connect to the devices of a run: one, the GPUs of a node, or those of many nodes under torchrun."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from dav2_training.config import ConfigError, FitConfig

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from lightning.fabric.strategies import Strategy

STRATEGIES = ('auto', 'ddp', 'fsdp')


def connect(config: FitConfig) -> Fabric:
    """Start this process's part of the run. Raises ConfigError for devices that are not there."""
    try:
        from lightning.fabric import Fabric
    except ImportError as error:
        raise ConfigError('Training needs Lightning: pip install "dav2_ros[train]".') from error
    if config.strategy not in STRATEGIES:
        raise ConfigError(f'fit.strategy is {config.strategy!r}: choose one of {", ".join(STRATEGIES)}.')
    if config.threads:
        torch.set_num_threads(config.threads)
    devices, nodes = config.devices, config.nodes
    if 'LOCAL_WORLD_SIZE' in os.environ:  # torchrun knows
        devices = int(os.environ['LOCAL_WORLD_SIZE'])
        nodes = int(os.environ['WORLD_SIZE']) // devices
    try:
        strategy = _strategy(config.strategy, devices * nodes)
        fabric = Fabric(
            accelerator=config.accelerator,
            strategy=strategy,
            devices=devices,
            num_nodes=nodes,
            precision=config.precision,
        )
    except (ValueError, RuntimeError) as error:  # Lightning's own sentence
        raise ConfigError(f'fit cannot run so: {" ".join(str(error).split())}') from error
    fabric.launch()
    return fabric


def _strategy(name: str, processes: int) -> str | Strategy:
    if name == 'fsdp':
        from lightning.fabric.strategies import FSDPStrategy

        from dav2_ros.network.vit import Block

        return FSDPStrategy(auto_wrap_policy={Block}, state_dict_type='full')
    return 'ddp' if name == 'ddp' or processes > 1 else 'auto'
