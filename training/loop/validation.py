# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Validate a metric network while it trains: in the cameras' own metres, at the size of the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dav2_ros.evaluation.metrics import DepthMetrics, depth_metrics, mean
from dav2_ros.evaluation.protocols import protocol
from dav2_ros.image.resize import MEAN, STD, ResizePlan
from dav2_training.config import ConfigError, MetricConfig
from dav2_training.data.metric_batches import in_metres, kb_crop
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.data.relative_batches import open_sets
from dav2_training.data.sample import DepthSet, Sample

Validate = Callable[[nn.Module], str]


def normalise(rgb: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, as the runtime's ResizePlan does."""
    mean, std = (torch.from_numpy(255.0 * v).to(rgb.device) for v in (MEAN, STD))
    return ((rgb.float() - mean) / std).permute(0, 3, 1, 2)


def validator(config: MetricConfig) -> Validate:
    """Return what scores a network, and says so in one line. Raises DataError, ConfigError, ProtocolError."""
    if config.sets and not config.validation:
        raise ConfigError('There are data sets to train on, but none to validate on: name one under validation.')
    score = on_sets(config) if config.validation else on_scenes(config)

    def validate(network: nn.Module) -> str:
        found = score(network)
        if not found:
            return 'nothing to judge'
        m = mean(found)
        return f'AbsRel {m.abs_rel:.4f}, delta1 {m.d1:.4f}, RMSE {m.rmse:.3f} m, SILog {m.silog:.4f}'

    return validate


def on_scenes(config: MetricConfig) -> Callable[[nn.Module], list[DepthMetrics]]:
    """Score on procedural frames that training does not see, rendered once."""
    scenes = ProceduralScenes(config.validation_seed, config.height, config.width)
    held_out = [scenes.batch(range(i, i + 8)) for i in range(0, config.validation_frames, 8)]

    def score(network: nn.Module) -> list[DepthMetrics]:
        device = next(network.parameters()).device
        found = []
        for batch in held_out:
            to_camera = (batch.f_px / config.f_canonical_px)[:, None, None] if config.canonical else 1.0
            predicted_m = network(normalise(batch.rgb.to(device))).float().cpu() * to_camera
            found += [depth_metrics(p, t) for p, t in zip(predicted_m.numpy(), batch.z_m.numpy())]
        return [metrics for metrics in found if metrics]

    return score


def on_sets(config: MetricConfig) -> Callable[[nn.Module], list[DepthMetrics]]:
    """Score on whole pictures of data sets by the protocol: each picture counts once, one without truth does not."""
    held_out = open_sets(config.validation, config.height, config.width)
    rule = protocol(config.protocol)

    def score(network: nn.Module) -> list[DepthMetrics]:
        judged = (rule.judge(predict_m(network, each, config), each.z_m) for each in samples(held_out, config))
        return [each.metrics for each in judged if each]

    return score


def samples(held_out: DepthSet, config: MetricConfig) -> Iterator[Sample]:
    """Read what is judged: `validation_frames` of them, evenly spread, or all."""
    count = min(config.validation_frames or len(held_out), len(held_out))
    chosen: Sequence[int] = [i * len(held_out) // count for i in range(count)]
    for index in chosen:
        sample = in_metres(held_out[index], config.canonical)
        yield kb_crop(sample) if config.augment.kb_crop else sample


@torch.no_grad()
def predict_m(network: nn.Module, sample: Sample, config: MetricConfig) -> np.ndarray:
    """Predict (H, W) float32 metres of a whole picture as the runtime does: published resize, and bilinear back."""
    device = next(network.parameters()).device
    plan = ResizePlan.lower_bound(*sample.rgb.shape[:2], min(config.height, config.width))
    image = torch.from_numpy(plan.apply(sample.rgb).copy()).to(device)[None]
    found = network(image)
    if config.mirror_too:
        found = 0.5 * (found + network(image.flip(-1)).flip(-1))
    z_m = plan.undo(found[0].float().cpu().numpy())
    return z_m * (plan.camera(sample.camera).f_px / config.f_canonical_px) if config.canonical else z_m
