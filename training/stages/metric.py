# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric training: on data sets or procedural scenes, by the published recipe, ZoeDepth's, or in canonical space.

    dav2-train metric config/training/vitt_procedural.yaml --out out/vitt

What is special about this stage: the target is metres, and what the configuration chooses is the loss (SiLog in either
form), where the weights come from, and whether depth is learnt in canonical-camera space. There the target is
`z * f_canonical / f_camera` at network resolution (Metric3D's transform, Yin et al. 2023, section 3.1), so that one
network serves every focal length and the runtime's inverse of it is exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import torch
import typer
from torch import Tensor, nn

from dav2_ros.models.info import ModelInfo
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PATCH
from dav2_training import config as configs
from dav2_training import export
from dav2_training.config import ConfigError, MetricConfig
from dav2_training.data.metric_batches import MetricBatches
from dav2_training.data.procedural.frame_buffer import FramePool
from dav2_training.data.procedural.procedural import MetricBatch, ProceduralScenes
from dav2_training.data.relative_batches import open_sets
from dav2_training.loop import pretrained
from dav2_training.loop.fit import fit
from dav2_training.loop.validation import normalise, validator
from dav2_training.losses import log_gradients, log_l1, out_of_range, silog, silog_zoedepth
from dav2_training.stages.options import ConfigFile, Out, Steps, Threads
from dav2_training.timed import fit as timed_fit

FORMS = {'silog': silog, 'silog_zoedepth': silog_zoedepth}
FEW_TOKENS = 256  # up to which attention written out has the faster backward pass on a CPU


@dataclasses.dataclass(frozen=True)
class MetricLoss:
    """SiLog, and L1 in the logarithm, on what is in range; a pull to the end of the range on what is beyond it."""

    f_canonical_px: float | None  # None: in the cameras' own metres
    max_depth_m: float
    sky_weight: float
    l1_weight: float = 0.0
    min_depth_m: float = 1e-3
    form: str = 'silog'
    gradient_weight: float = 0.0

    def __call__(self, network: nn.Module, batch: MetricBatch) -> Tensor:
        device = next(network.parameters()).device
        z_m = batch.z_m.to(device)
        if self.f_canonical_px:
            z_m = z_m * (self.f_canonical_px / batch.f_px.to(device))[:, None, None]
        predicted_m = network(normalise(batch.rgb.to(device)).contiguous(memory_format=torch.channels_last))
        valid = (z_m >= self.min_depth_m) & (z_m <= self.max_depth_m)  # NaN, the unknown, is neither this nor far
        loss = FORMS[self.form](predicted_m, z_m, valid)
        if self.sky_weight:
            loss = loss + self.sky_weight * out_of_range(predicted_m, self.max_depth_m, z_m > self.max_depth_m)
        if self.gradient_weight:
            loss = loss + self.gradient_weight * log_gradients(predicted_m, z_m, valid)
        return loss + self.l1_weight * log_l1(predicted_m, z_m, valid) if self.l1_weight else loss


def network_of(config: MetricConfig) -> DepthAnything:
    """Make the network with the weights that it starts from. Raises ModelError."""
    torch.manual_seed(config.fit.seed)
    network = DepthAnything(config.preset, config.max_depth_m).to(memory_format=torch.channels_last)
    if config.height * config.width <= FEW_TOKENS * PATCH**2:
        network.explicit_attention()
    if config.start.model:
        pretrained.load_model(network, config.start.model)
    elif config.start.encoder:
        pretrained.load_encoder(network.pretrained, config.preset, config.start.encoder)
    else:
        pretrained.init_from_scratch(network)
    return network


def batches_of(config: MetricConfig) -> MetricBatches | FramePool:
    """Open what it learns from. Raises DataError."""
    f = config.fit
    if config.sets:
        source = open_sets(config.sets, config.height, config.width)
        return MetricBatches(
            source, config.height, config.width, f.batch, config.canonical, config.augment, f.seed, config.workers
        )
    scenes = ProceduralScenes(config.scenes_seed, config.height, config.width)
    shares = config.wide_share, config.square_share
    return FramePool(scenes, f.batch, config.fresh_per_step, config.pool, config.workers, f.seed, *shares)


def loss_of(config: MetricConfig) -> MetricLoss:
    """Choose the loss; raises ConfigError for a form that there is not."""
    if config.loss not in FORMS:
        raise ConfigError(f'loss is {config.loss!r}: choose one of {", ".join(FORMS)}.')
    canonical_px = config.f_canonical_px if config.canonical else None
    gradient_weight = config.timed.gradient_weight if config.timed.minutes else 0.0
    weights = config.sky_weight, config.l1_weight, config.min_depth_m
    return MetricLoss(canonical_px, config.max_depth_m, *weights, config.loss, gradient_weight)


def info_of(config: MetricConfig) -> ModelInfo:
    """Say what the runtime has to know of the trained network."""
    return ModelInfo(
        name=config.name,
        preset=config.preset,
        kind='metric',
        max_depth_m=config.max_depth_m,
        train_size=min(config.height, config.width),
        f_train_px=config.f_canonical_px or None,
        canonical=config.canonical,
        license=config.license,
    )


def train(config: MetricConfig, out: Path, after_step: Callable[[int], None] = lambda step: None) -> Path:
    """Train as configured and write the runtime's safetensors, in float16, with metadata and history inside."""
    network, info = network_of(config), info_of(config)
    if config.timed.minutes:
        return timed_fit.train(network, config, loss_of(config), info, out)
    fit(network, config.fit, batches_of(config), loss_of(config), validator(config), out, after_step, info, config)
    return export.write(export.read(out / 'last.pt'), out / f'{config.name}.safetensors')


def main(
    config: ConfigFile,
    out: Out,
    steps: Steps = None,
    threads: Threads = None,
    minutes: Annotated[
        Optional[float],  # noqa: UP045 - Typer on Python 3.10
        typer.Option(help='Train on varied scenes for so long, in one sitting or more; replaces timed.minutes.'),
    ] = None,
) -> None:
    """Train a metric model on data sets or procedural scenes; run again to resume."""
    loaded = configs.load(MetricConfig, config, steps=steps, threads=threads)
    if minutes is not None:
        loaded = dataclasses.replace(loaded, timed=dataclasses.replace(loaded.timed, minutes=minutes))
    print(train(loaded, out))


if __name__ == '__main__':
    typer.run(main)
