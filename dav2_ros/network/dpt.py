# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build the DPT head and the whole network, with the published state-dict keys (depth_anything_v2/dpt.py)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.network.presets import PATCH, PRESETS, Preset
from dav2_ros.network.vit import Attention, VisionTransformer


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bilinear with the corners aligned, as everywhere in this network."""
    return F.interpolate(x, size=size, mode='bilinear', align_corners=True)


class ResidualConvUnit(nn.Module):
    """Two 3x3 convolutions, each after a ReLU, added to their input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class FeatureFusion(nn.Module):
    """Add a skip, refine, upsample, project."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(features, features, 1)
        self.resConfUnit1 = ResidualConvUnit(features)
        self.resConfUnit2 = ResidualConvUnit(features)

    def forward(self, x: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        if skip is not None:
            x = x + self.resConfUnit1(skip)
        return self.out_conv(upsample(self.resConfUnit2(x), size))


class Scratch(nn.Module):
    """The part that the papers train from scratch; the name is the checkpoints'."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        f = preset.features
        for i, channels in enumerate(preset.out_channels, start=1):
            self.add_module(f'layer{i}_rn', nn.Conv2d(channels, f, 3, padding=1, bias=False))
        for i in range(1, 5):
            self.add_module(f'refinenet{i}', FeatureFusion(f))
        # The deepest fusion has no skip: this unit is in every checkpoint and runs in none.
        self.refinenet4.resConfUnit1.requires_grad_(False)
        self.output_conv1 = nn.Conv2d(f, f // 2, 3, padding=1)
        self.output_conv2 = nn.Sequential(nn.Conv2d(f // 2, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1))


class DptHead(nn.Module):
    """Four token maps (B, h*w, D) -> one map (B, 1, 14 h, 14 w) before the last activation."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        c = preset.out_channels
        self.projects = nn.ModuleList(nn.Conv2d(preset.embed_dim, channels, 1) for channels in c)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(c[0], c[0], 4, 4),
                nn.ConvTranspose2d(c[1], c[1], 2, 2),
                nn.Identity(),
                nn.Conv2d(c[3], c[3], 3, 2, padding=1),
            ]
        )
        self.scratch = Scratch(preset)

    def forward(self, maps: list[Tensor], h: int, w: int) -> Tensor:
        s = self.scratch
        layers = []
        for tokens, project, resize, name in zip(
            maps, self.projects, self.resize_layers, ('layer1_rn', 'layer2_rn', 'layer3_rn', 'layer4_rn')
        ):
            x = tokens.mT.reshape(len(tokens), -1, h, w)  # (B, h*w, D) -> (B, D, h, w)
            layers.append(getattr(s, name)(resize(project(x))))  # (B, F, 4h|2h|h|h/2, ...)
        l1, l2, l3, l4 = layers
        path = s.refinenet4(l4, None, l3.shape[-2:])
        path = s.refinenet3(path, l3, l2.shape[-2:])
        path = s.refinenet2(path, l2, l1.shape[-2:])
        path = s.refinenet1(path, l1, (8 * h, 8 * w))
        return s.output_conv2(upsample(s.output_conv1(path), (PATCH * h, PATCH * w)))


class DepthAnything(nn.Module):
    """Encoder and head.

    Args:
        preset: a name from PRESETS.
        max_depth_m: metres that the metric model's sigmoid is multiplied by; None makes the relative model.

    Its weights are named alike in both kinds, so only metadata can tell them apart (see `models.registry`).
    """

    def __init__(self, preset: str, max_depth_m: float | None) -> None:
        super().__init__()
        self.preset = preset
        self.max_depth_m = max_depth_m
        self.pretrained = VisionTransformer(PRESETS[preset])
        self.depth_head = DptHead(PRESETS[preset])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalised RGB, sides multiples of 14, to (B, H, W): metres, or relative inverse depth."""
        h, w = x.shape[-2] // PATCH, x.shape[-1] // PATCH
        logits = self.depth_head(self.pretrained(x), h, w).squeeze(1)  # (B, 1, H, W) -> (B, H, W)
        return F.relu(logits) if self.max_depth_m is None else logits.sigmoid() * self.max_depth_m

    def explicit_attention(self) -> DepthAnything:
        """Write every attention out as matmul, softmax, matmul: what exporters to TensorRT need."""
        for module in self.modules():
            if isinstance(module, Attention):
                module.explicit = True
        return self
