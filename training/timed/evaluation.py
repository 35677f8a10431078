# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Score a network on rendered frames, in batches on its device, during a timed training and at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dav2_ros.depth.metric import to_metres
from dav2_ros.evaluation.boundary import boundary_pixels, boundary_score
from dav2_ros.evaluation.metrics import depth_metrics, mean
from dav2_training.config import MetricConfig
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.varied.camera_faults import take
from dav2_training.data.varied.compose import compose
from dav2_training.data.varied.render import pack, render
from dav2_training.loop.validation import normalise

AT_ONCE = 16
NEAR_M = 3.0
WITHIN = 1.25


@dataclass(frozen=True)
class TimedScore:
    """Means over frames."""

    frames: int
    abs_rel: float
    d1: float
    boundary_f1: float  # NaN where it was not asked for
    near_recall: float  # of pixels at the rims of things nearer than NEAR_M, those within 25 %

    def line(self) -> str:
        """Say it in one line."""
        return (
            f'AbsRel {self.abs_rel:.4f}, delta1 {self.d1:.4f}, boundary F1 {self.boundary_f1:.3f}, '
            f'rims nearer than {NEAR_M:g} m found {100 * self.near_recall:.1f} %'
        )


def near_rims_found(z_m: np.ndarray, true_m: np.ndarray) -> tuple[int, int]:
    """Count pixels at the rims of near things (H, W), and those of them whose depth is right within 25 %."""
    rim = boundary_pixels(np.where(np.isinf(true_m), 1e6, true_m)) & (true_m < NEAR_M)
    with np.errstate(invalid='ignore', divide='ignore'):
        right = np.maximum(z_m / true_m, true_m / z_m) < WITHIN
    return int((rim & right).sum()), int(rim.sum())


def varied_frames(seed: int, frames: int, height: int, width: int, device: str) -> list[MetricBatch]:
    """Render held-out varied scenes."""
    batches = []
    for first in range(0, frames, AT_ONCE):
        scenes = [compose(seed, i) for i in range(first, min(first + AT_ONCE, frames))]
        clean = render(pack(scenes), height, width, device)
        generator = torch.Generator(device=device).manual_seed(seed + first)
        batches.append(MetricBatch(take(clean.rgb, generator), clean.z_m, clean.f_px))
    return batches


def procedural_frames(seed: int, frames: int, device: str) -> list[MetricBatch]:
    """Render the simple scenes that published numbers are of; on a GPU their noise is another one."""
    scenes = ProceduralScenes(seed, device=device)
    return [scenes.batch(range(i, min(i + AT_ONCE, frames))) for i in range(0, frames, AT_ONCE)]


@torch.no_grad()
def predict_m(network: nn.Module, batch: MetricBatch, config: MetricConfig) -> np.ndarray:
    """Predict (B, H, W) metres as the runtime does: at the size of training, +inf where the range ends."""
    device = next(network.parameters()).device
    h, w = batch.z_m.shape[-2:]
    scale = min(config.height, config.width) / min(h, w)
    size = tuple(14 * round(scale * n / 14) for n in (h, w))
    image = normalise(batch.rgb.to(device))
    if size != (h, w):
        image = F.interpolate(image, size, mode='bicubic', align_corners=False)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
        found = network(image.contiguous(memory_format=torch.channels_last)).float()
    z_net = F.interpolate(found[:, None], (h, w), mode='bilinear', align_corners=False)[:, 0].cpu().numpy()
    f_px = batch.f_px.cpu().numpy() * (size[0] / h * size[1] / w) ** 0.5
    factors = f_px / config.f_canonical_px if config.canonical else np.ones(len(f_px))
    return np.stack([to_metres(z, factor, config.max_depth_m) for z, factor in zip(z_net, factors)])


def score_network(
    network: nn.Module, batches: list[MetricBatch], config: MetricConfig, edges: int = 0, until: float = float('inf')
) -> TimedScore | None:
    """Judge frames, of the first `edges` the boundaries too; at `until` (time.monotonic) it stops."""
    was_training = network.training
    network.eval()
    found, f1, right, near = [], [], 0, 0
    for batch in batches:
        if time.monotonic() > until:
            break
        for z_m, true_m in zip(predict_m(network, batch, config), batch.z_m.cpu().numpy()):
            metrics = depth_metrics(z_m, true_m)
            if metrics is None:
                continue
            found.append(metrics)
            hits, rims = near_rims_found(z_m, true_m)
            right, near = right + hits, near + rims
            if len(f1) < edges and time.monotonic() < until:
                score = boundary_score(z_m, true_m)
                f1 += [score.f1] if score else []
    network.train(was_training)
    if not found:
        return None
    total = mean(found)
    return TimedScore(
        len(found), total.abs_rel, total.d1, float(np.mean(f1)) if f1 else float('nan'), right / max(near, 1)
    )
