# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small models with random weights, the same on every run: for laws that hold whatever the network has learnt."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.info import ModelInfo
from dav2_ros.network.dpt import DepthAnything

METRIC = {'kind': 'metric', 'max_depth_m': 80.0, 'train_size': 56, 'f_train_px': 50.0, 'license': 'Apache-2.0'}
RELATIVE = {'kind': 'relative', 'train_size': 56}


def random_network(max_depth_m: float | None, *, spread: float = 1.0, offset: float = 0.0, seed: int = 0):
    """Make a vitt whose last convolution is scaled by `spread` and moved by `offset`: what its sigmoid sees."""
    network = DepthAnything('vitt', max_depth_m)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in network.named_parameters():
            fan_in = math.prod(p.shape[1:]) if p.ndim > 1 else 1
            if p.ndim == 1 and 'bias' not in name:
                p.fill_(1.0)  # norms and layer scales
            elif p.ndim == 1:
                p.normal_(0.0, 0.1, generator=generator)
            else:
                p.normal_(0.0, fan_in**-0.5, generator=generator)
        last = network.depth_head.scratch.output_conv2[2]
        last.weight.mul_(spread)
        last.bias.fill_(offset)
    return network


def random_model(
    folder: Path, name: str = 'random', *, spread: float = 1.0, offset: float = 0.0, **facts
) -> Checkpoint:
    """Write random weights as a file of ours and load it; `facts` differ from METRIC."""
    facts = {**METRIC, **facts} if facts.get('kind') != 'relative' else {**RELATIVE, **facts}
    info = ModelInfo(name, 'vitt', **facts)
    network = random_network(info.max_depth_m, spread=spread, offset=offset)
    path = folder / f'{name}.safetensors'
    checkpoints.save(path, network.state_dict(), info)
    return checkpoints.load(path)
