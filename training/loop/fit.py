# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The only training loop: a stage brings the network, its batches and its loss; everything else happens here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dav2_ros.models.info import ModelInfo
from dav2_training.config import ConfigError, FitConfig
from dav2_training.data.batch_share import Share
from dav2_training.loop import checkpoints
from dav2_training.loop.devices import connect
from dav2_training.loop.lr_schedule import factor
from dav2_training.loop.run_log import RunLog

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Loss = Callable[[nn.Module, Any], Tensor]
Batches = Callable[[int, Share], Iterator[Any]]
LOST_IN_A_ROW = 50  # steps whose gradient is not finite, after which it is no accident


def parameter_groups(network: nn.Module, config: FitConfig) -> list[dict[str, Any]]:
    """Split trainable weights into encoder and head, and into those that decay and those that do not.

    Norms, biases, LayerScale, tokens and position embeddings (all of one dimension, or named embeddings) do not decay.
    """
    return grouped(dict(network.named_parameters()), kinds(network), config)


def kinds(network: nn.Module) -> dict[str, tuple[bool, bool]]:
    """Tell of each trainable weight whether it is the encoder's, and whether it decays: names and shapes say so."""
    return {
        name: (name.startswith('pretrained.'), p.ndim > 1 and not name.endswith(('pos_embed', 'cls_token')))
        for name, p in network.named_parameters()
        if p.requires_grad
    }


def grouped(
    weights: Mapping[str, nn.Parameter], kinds: Mapping[str, tuple[bool, bool]], config: FitConfig
) -> list[dict[str, Any]]:
    """Make the optimizer's groups of named weights."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, kind in kinds.items():
        groups.setdefault(kind, []).append(weights[name])
    return [
        {
            'params': params,
            'lr': config.encoder_lr if encoder else config.lr,
            'peak_lr': config.encoder_lr if encoder else config.lr,
            'weight_decay': config.weight_decay if decays or config.decay_all else 0.0,
        }
        for (encoder, decays), params in groups.items()
    ]


@dataclasses.dataclass(frozen=True, eq=False)
class _Run:
    """One process's part in a training."""

    fabric: Fabric
    share: Share
    model: nn.Module
    optimizer: torch.optim.Optimizer
    config: FitConfig
    loss: Loss

    def step(self, number: int, parts: Iterator[Any]) -> tuple[Tensor, Tensor]:
        """Do one step; return its loss and its gradient's norm, those of the whole batch."""
        config, share = self.config, self.share
        torch.manual_seed((config.seed << 40) + (share.rank << 32) + number)  # so that there is no state to resume
        for group in self.optimizer.param_groups:
            group['lr'] = group['peak_lr'] * factor(config.schedule, number, config.steps, config.warm_up)
        total = torch.zeros((), device=self.fabric.device)
        for part in range(share.parts):
            batch = next(parts)
            with self.fabric.no_backward_sync(self.model, enabled=part + 1 < share.parts):
                value = self.loss(self.model, batch) / share.parts
                self.fabric.backward(value)
            total += value.detach()
        norm = self.fabric.clip_gradients(
            self.model, self.optimizer, max_norm=config.clip_norm or torch.inf, error_if_nonfinite=False
        )
        if torch.isfinite(norm):  # one bad batch must not spoil the weights
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, norm


def start(network: nn.Module, config: FitConfig, loss: Loss) -> _Run:
    """Bring the network and an optimizer of it to the devices."""
    fabric = connect(config)
    of = kinds(network)
    model = fabric.setup_module(network)
    weights = {name.replace('_fsdp_wrapped_module.', ''): p for name, p in network.named_parameters()}
    optimizer = torch.optim.AdamW(grouped(weights, of, config), betas=config.betas, fused=True)
    share = Share(fabric.global_rank, fabric.world_size, config.accumulate)
    return _Run(fabric, share, model, fabric.setup_optimizers(optimizer), config, loss)


def fit(
    network: nn.Module,
    config: FitConfig,
    batches: Batches,
    loss: Loss,
    validate: Callable[[nn.Module], str],
    out: Path,
    after_step: Callable[[int], None] = lambda step: None,
    info: ModelInfo | None = None,
    described: Any = None,
) -> nn.Module:
    """Train `network` in place for `config.steps` steps, resuming from `out/last.pt` when there is one.

    Args:
        batches: given the step to start at and this process's share, yields the parts of each step from there on.
        loss: network and part of a batch to a scalar: the mean of what each picture, or all processes, lose.
        validate: network in eval mode to one line for the log.
        out: folder for last.pt, with the configuration inside, and log.csv.
        after_step: called with the number of steps done.
        info: what the runtime has to know of the network, if it can run it; last.pt holds it under 'model' (export.py).
        described: the stage's whole configuration, by default `config`: a run is only resumed with the same.

    Raises ConfigError for devices, batches or a last.pt that do not fit the configuration.
    """
    run = start(network, config, loss)
    fabric, model = run.fabric, run.model
    settings = checkpoints.plain(dataclasses.asdict(described or config))
    facts = {'config': settings, 'model': info.to_facts() if info else None}
    out.mkdir(parents=True, exist_ok=True)
    last = out / 'last.pt'
    began = checkpoints.resume(fabric, last, model, run.optimizer, settings)
    run.share.slots(config.batch)  # refuses what cannot be dealt, before anything is made
    lost = 0
    with RunLog(out, config, began, fabric.is_global_zero) as log:
        parts = log.batches(batches(began, run.share), fabric, run.share, settings)
        for step in range(began, config.steps):
            value, norm = run.step(step, parts)
            done = step + 1
            lost = 0 if torch.isfinite(norm) else lost + 1
            if lost >= LOST_IN_A_ROW:
                raise ConfigError(
                    f'The gradient was not finite in {lost} steps in a row: lower fit.lr, or use 32-true.'
                )
            if done % config.log_every == 0 or done == config.steps:
                mean = fabric.all_reduce(value, reduce_op='mean').item()
                log.step(done, mean, norm.item(), run.optimizer.param_groups[0]['lr'])
            after_step(done)
            if done % config.save_every == 0 or done == config.steps:
                checkpoints.save(fabric, last, model, run.optimizer, {**facts, 'step': done})
            if done % config.validate_every == 0 or done == config.steps:
                model.eval()
                with torch.no_grad():
                    log.validation(done, validate(model))
                model.train()
    return network
