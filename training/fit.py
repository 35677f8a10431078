# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The only training loop: a stage brings the network, its batches and its loss; everything else happens here."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dav2_ros.models.info import ModelInfo
from dav2_training.config import FitConfig
from dav2_training.losses import poly

Loss = Callable[[nn.Module, Any], Tensor]


def parameter_groups(network: nn.Module, config: FitConfig) -> list[dict[str, Any]]:
    """Split trainable weights into encoder and head, and into those that decay and those that do not.

    Norms, biases, LayerScale, tokens and position embeddings (all of one dimension, or named embeddings) do not decay.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, p in network.named_parameters():
        if p.requires_grad:
            decays = p.ndim > 1 and not name.endswith(('pos_embed', 'cls_token'))
            groups.setdefault((name.startswith('pretrained.'), decays), []).append(p)
    return [
        {
            'params': params,
            'lr': config.encoder_lr if encoder else config.lr,
            'peak_lr': config.encoder_lr if encoder else config.lr,
            'weight_decay': config.weight_decay if decays else 0.0,
        }
        for (encoder, decays), params in groups.items()
    ]


def write_atomically(path: Path, value: Any) -> None:
    """Save with torch beside the target, then rename: a file under its own name is always whole."""
    beside = path.with_suffix('.part')
    torch.save(value, beside)
    os.replace(beside, path)


def fit(
    network: nn.Module,
    config: FitConfig,
    batches: Callable[[int], Iterator[Any]],
    loss: Loss,
    validate: Callable[[nn.Module], str],
    out: Path,
    after_step: Callable[[int], None] = lambda step: None,
    info: ModelInfo | None = None,
) -> nn.Module:
    """Train `network` in place for `config.steps` steps, resuming from `out/last.pt` when there is one.

    Args:
        batches: given the step to start at, yields one batch for each step from there on.
        loss: network and batch to a scalar.
        validate: network in eval mode to one line for the log.
        out: folder for last.pt, with the configuration inside, and log.csv.
        after_step: called with the number of steps done.
        info: what the runtime has to know of the network, if it can run it; last.pt holds it under 'model' (export.py).
    """
    from lightning.fabric import Fabric
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if config.threads:
        torch.set_num_threads(config.threads)
    fabric = Fabric(accelerator=config.accelerator, devices=config.devices, precision=config.precision)
    fabric.launch()
    optimizer = torch.optim.AdamW(parameter_groups(network, config), betas=config.betas, fused=True)
    model, optimizer = fabric.setup(network, optimizer)

    out.mkdir(parents=True, exist_ok=True)
    last, start = out / 'last.pt', 0
    if last.is_file():
        state = torch.load(last, map_location=fabric.device, weights_only=True)
        network.load_state_dict(state['network'])
        optimizer.load_state_dict(state['optimizer'])
        start = state['step']
    log = (out / 'log.csv').open('a')
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began = time.monotonic()
    with Progress(*columns, disable=not fabric.is_global_zero) as progress:
        task = progress.add_task('fit', total=config.steps, completed=start)
        for step, batch in zip(range(start, config.steps), batches(start)):
            for group in optimizer.param_groups:
                group['lr'] = group['peak_lr'] * poly(step, config.steps, config.warm_up)
            value = loss(model, batch)
            fabric.backward(value)
            norm = fabric.clip_gradients(model, optimizer, max_norm=config.clip_norm, error_if_nonfinite=False)
            if torch.isfinite(norm):  # one bad batch must not spoil the weights
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            done = step + 1
            if done % 10 == 0:
                rate = (done - start) * config.batch / (time.monotonic() - began)
                progress.update(task, completed=done, description=f'loss {value.item():.4f}, {rate:.1f} frames/s')
                log.write(f'{done},{value.item():.5f},{norm.item():.3f},{rate:.2f}\n')
                log.flush()
            after_step(done)
            if done % config.save_every == 0 or done == config.steps:
                state = {'network': network.state_dict(), 'optimizer': optimizer.state_dict(), 'step': done}
                about = info.to_facts() if info else None
                write_atomically(last, {**state, 'config': dataclasses.asdict(config), 'model': about})
            if done % config.validate_every == 0 or done == config.steps:
                network.eval()
                with torch.no_grad():
                    line = validate(network)
                network.train()
                progress.console.print(f'step {done}: {line}')
                log.write(f'# step {done}: {line}\n')
    log.close()
    return network
