# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric training in canonical-camera space.

    python -m dav2_training.metric config/training/vitt_procedural.yaml --out out/vitt

What is special about this stage: the target is `z * f_canonical / f_camera` at network resolution (Metric3D's
transform, Yin et al. 2023, section 3.1), so that one network serves every focal length and the runtime's inverse of it
is exact; the loss is SiLog, and sky is sent to the end of the range.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import torch
import typer
from torch import Tensor, nn

from dav2_ros.evaluation.metrics import depth_metrics, mean
from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelInfo
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.resize import MEAN, STD
from dav2_training import config as configs
from dav2_training import export
from dav2_training.config import MetricConfig
from dav2_training.data.pool import FramePool
from dav2_training.data.procedural import Batch, ProceduralScenes
from dav2_training.fit import fit
from dav2_training.losses import beyond, log_l1, silog


def initialise(network: DepthAnything) -> None:
    """Give a network that starts from nothing ViT's usual weights, and a head whose first guess is a few metres."""
    encoder = network.pretrained
    for module in encoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    nn.init.trunc_normal_(encoder.cls_token, std=0.02)
    with torch.no_grad():  # sines and cosines to start from: positions need not be discovered first
        encoder.pos_embed[0, 1:] = 0.1 * waves(encoder.grid, encoder.pos_embed.shape[-1])
    nn.init.constant_(network.depth_head.scratch.output_conv2[2].bias, -3.0)  # sigmoid(-3) * 80 m = 3.8 m


def waves(grid: int, dim: int) -> Tensor:
    """Return (grid^2, dim): sine and cosine of row and column at dim/4 wavelengths (Vaswani et al. 2017, in 2D)."""
    omega = 1.0 / 10000 ** (torch.arange(dim // 4) / (dim // 4))
    row, column = (g.reshape(-1, 1) * omega for g in torch.meshgrid(*2 * [torch.arange(grid)], indexing='ij'))
    return torch.cat([row.sin(), row.cos(), column.sin(), column.cos()], dim=1)


def normalise(rgb: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, as the runtime's ResizePlan does."""
    mean, std = (torch.from_numpy(255.0 * v).to(rgb.device) for v in (MEAN, STD))
    return ((rgb.float() - mean) / std).permute(0, 3, 1, 2)


@dataclasses.dataclass(frozen=True)
class MetricLoss:
    """SiLog, and L1 in the logarithm, on what is in range; a pull to the end of the range on what is not."""

    f_canonical_px: float
    max_depth_m: float
    sky_weight: float
    l1_weight: float = 0.0

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        device = next(network.parameters()).device
        z_m = batch.z_m.to(device) * (self.f_canonical_px / batch.f_px.to(device))[:, None, None]
        predicted_m = network(normalise(batch.rgb.to(device)).contiguous(memory_format=torch.channels_last))
        valid = z_m <= self.max_depth_m
        loss = silog(predicted_m, z_m, valid) + self.sky_weight * beyond(predicted_m, self.max_depth_m, ~valid)
        return loss + self.l1_weight * log_l1(predicted_m, z_m, valid) if self.l1_weight else loss


def validator(config: MetricConfig) -> Callable[[DepthAnything], str]:
    """Return a function that scores a network on held-out frames, in the cameras' own metres."""
    scenes = ProceduralScenes(config.validation_seed, config.height, config.width)
    held_out = [scenes.batch(range(i, i + 8)) for i in range(0, config.validation_frames, 8)]

    def validate(network: DepthAnything) -> str:
        device = next(network.parameters()).device
        found = []
        for batch in held_out:
            to_camera = (batch.f_px / config.f_canonical_px)[:, None, None]
            predicted_m = network(normalise(batch.rgb.to(device))).float().cpu() * to_camera
            found += [depth_metrics(p, t) for p, t in zip(predicted_m.numpy(), batch.z_m.numpy())]
        score = mean([metrics for metrics in found if metrics is not None])
        return f'AbsRel {score.abs_rel:.4f}, delta1 {score.d1:.4f}'

    return validate


def train(config: MetricConfig, out: Path, after_step: Callable[[int], None] = lambda step: None) -> Path:
    """Train as configured and write the runtime's safetensors, in float16, with metadata and history inside."""
    torch.manual_seed(config.fit.seed)
    network = DepthAnything(config.preset, config.max_depth_m).to(memory_format=torch.channels_last)
    network.explicit_attention()  # at 192 tokens its backward pass is faster than the fused one
    if config.start_from:
        start = checkpoints.load(config.start_from)
        checkpoints.check(start.state_dict, config.preset, config.start_from)
        network.load_state_dict(start.state_dict)
    else:
        initialise(network)
    scenes = ProceduralScenes(config.scenes_seed, config.height, config.width)
    f = config.fit
    shares = config.wide_share, config.square_share
    pool = FramePool(scenes, f.batch, config.fresh_per_step, config.pool, config.workers, f.seed, *shares)
    loss = MetricLoss(config.f_canonical_px, config.max_depth_m, config.sky_weight, config.l1_weight)
    info = ModelInfo(
        name=config.name,
        preset=config.preset,
        kind='metric',
        max_depth_m=config.max_depth_m,
        train_size=config.height,
        f_train_px=config.f_canonical_px,
        canonical=True,
        license='Apache-2.0',
    )
    fit(network, f, pool, loss, validator(config), out, after_step, info)
    return export.write(export.read(out / 'last.pt'), out / f'{config.name}.safetensors')


def main(
    config: Annotated[Path, typer.Argument(help='YAML file with what differs from the defaults.')],
    out: Annotated[Path, typer.Option(help='Folder for checkpoints, log and the trained model.')],
    steps: Annotated[Optional[int], typer.Option(help='Replace fit.steps.')] = None,  # noqa: UP045
    threads: Annotated[Optional[int], typer.Option(help='Replace fit.threads.')] = None,  # noqa: UP045
) -> None:
    """Train a metric model on procedural scenes; run again to resume."""
    print(train(configs.load(MetricConfig, config, steps=steps, threads=threads), out))


if __name__ == '__main__':
    typer.run(main)
