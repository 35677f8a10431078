# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build what teacher and student share: the relative network, its objective and its validation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.evaluation.alignment import align
from dav2_ros.evaluation.metrics import depth_metrics, mean
from dav2_ros.models.info import ModelInfo
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PATCH
from dav2_ros.network.vit import VisionTransformer
from dav2_training.config import SetConfig, Start
from dav2_training.data.relative_batches import RelativeBatch, RelativeBatches, open_sets
from dav2_training.loop import pretrained
from dav2_training.losses import RelativeLoss, feature_alignment, per_region
from dav2_training.stages.metric import FEW_TOKENS, normalise

VALIDATION_SEED = 77  # of the crops


class RelativeNetwork(DepthAnything):
    """The relative model; when asked, it gives the encoder's last tokens too: what feature alignment compares."""

    def __init__(self, preset: str) -> None:
        super().__init__(preset, None)

    def forward(self, x: Tensor, features: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """(B, 3, H, W) -> (B, H, W), and with `features` (B, h*w, D)."""
        if not features:
            return super().forward(x)
        maps = self.pretrained(x)
        logits = self.depth_head(maps, x.shape[-2] // PATCH, x.shape[-1] // PATCH)
        return F.relu(logits.squeeze(1)), maps[-1]


def build_network(start: Start, preset: str, pixels: int, seed: int) -> RelativeNetwork:
    """Build the network with the weights that it starts from, for inputs of so many `pixels`. Raises ModelError."""
    torch.manual_seed(seed)
    network = RelativeNetwork(preset).to(memory_format=torch.channels_last)
    if pixels <= FEW_TOKENS * PATCH**2:
        network.explicit_attention()
    if start.model:
        pretrained.load_model(network, start.model)
        return network
    if start.encoder:
        pretrained.load_encoder(network.pretrained, preset, start.encoder)
    else:
        pretrained.init_encoder_from_scratch(network.pretrained)
    nn.init.constant_(network.depth_head.scratch.output_conv2[2].bias, 1.0)  # a ReLU that begins open
    return network


@dataclass(frozen=True)
class ObjectiveWeights:
    """Of the parts of the objective; each part is a mean over its own pictures."""

    labelled: float = 1.0
    pseudo: float = 1.0
    alignment: float = 0.0
    margin: float = 0.85  # cosine above which a token is left alone


class RelativeObjective:
    """Relative loss on what has truth, on what a teacher labelled, and alignment with the encoder it started from."""

    def __init__(
        self,
        weights: ObjectiveWeights,
        labelled: RelativeLoss,
        pseudo: RelativeLoss,
        labelled_share: float,
        encoder: VisionTransformer | None = None,
        precision: str = '32-true',
    ) -> None:
        self.weights, self.losses = weights, (labelled, pseudo)
        self.shares = labelled_share, 1.0 - labelled_share
        self.frozen = copy.deepcopy(encoder).eval().requires_grad_(False) if encoder and weights.alignment else None
        self.precision = precision

    def __call__(self, model: nn.Module, batch: RelativeBatch) -> Tensor:
        device = next(model.parameters()).device
        images = normalise(batch.rgb.to(device, non_blocking=True)).contiguous(memory_format=torch.channels_last)
        target, cut, pseudo = (x.to(device, non_blocking=True) for x in (batch.disparity, batch.cut, batch.pseudo))
        depth, features = model(images, features=True) if self.frozen else (model(images), None)
        total = depth.new_zeros(())
        weights = self.weights.labelled, self.weights.pseudo
        for which, weight, loss, share in zip((~pseudo, pseudo), weights, self.losses, self.shares):
            if share:
                p, t, c = depth[which], target[which], cut[which]
                total = total + weight * per_region(loss, p, t, t.isfinite(), c).sum() / (share * len(depth))
        if self.frozen:
            off = feature_alignment(features[pseudo], self._anchor(images[pseudo]), self.weights.margin)
            total = total + self.weights.alignment * off.sum() / (self.shares[1] * len(depth))
        return total

    def _anchor(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, h*w, D): what the frozen encoder makes of the pictures that the student sees."""
        self.frozen.to(images.device)
        with torch.no_grad(), autocast(images.device, self.precision):
            return self.frozen(images)[-1]


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Compute in the precision of the forward pass, outside the modules that Fabric wraps."""
    kinds = {'bf16-mixed': torch.bfloat16, '16-mixed': torch.float16}
    return torch.autocast(device.type, kinds.get(precision), enabled=precision in kinds)


def validator(configs: Sequence[SetConfig], height: int, width: int, frames: int) -> Callable[[nn.Module], str]:
    """Return a function that scores a network on crops of held-out sets, aligned in disparity to each one's truth."""
    batches: list[RelativeBatch] = []

    def validate(model: nn.Module) -> str:
        if not configs:
            return 'no validation sets'
        if not batches:
            source = open_sets(configs, height, width)
            feed = RelativeBatches(height, width, 8, truth=source, labelled=8, seed=VALIDATION_SEED)
            batches.extend(feed.make(k, range(8)) for k in range(-(-min(frames, len(source)) // 8)))
        device = next(model.parameters()).device
        found = []
        for batch in batches:
            predicted = model(normalise(batch.rgb.to(device))).float().cpu().numpy()
            for p, d in zip(predicted, batch.disparity.numpy()):
                true_m = 1.0 / d.clip(1e-9)
                valid = d > 1e-6  # neither sky nor unknown
                z_m = align(p, true_m, valid, kind='relative').z_m
                found.append(depth_metrics(z_m, true_m))
        score = mean([metrics for metrics in found if metrics is not None])
        return f'AbsRel {score.abs_rel:.4f}, delta1 {score.d1:.4f}'

    return validate


def model_info(name: str, preset: str, height: int, width: int, license: str) -> ModelInfo:
    """Return what the runtime has to know of a relative model."""
    return ModelInfo(name=name, preset=preset, kind='relative', train_size=min(height, width), license=license)
