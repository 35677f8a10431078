# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fold what follows a product linearly into its weights: the same function with fewer operations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dav2_ros.network.dpt import DepthAnything, FeatureFusion, upsample
from dav2_ros.network.vit import Block


def fold(network: DepthAnything) -> DepthAnything:
    """Change a network in place so that it computes the same in fewer operations, and return it.

    Equal to rounding. It keeps neither the published names nor their values: for exporting, not for saving.
    """
    encoder, head = network.pretrained, network.depth_head
    with torch.no_grad():
        for block in encoder.blocks:
            _fold_block(block)
        for project in head.projects:
            _fold_norm(encoder.norm, project)
        encoder.norm = _plain(encoder.norm)
    for i in range(1, 5):
        fusion = getattr(head.scratch, f'refinenet{i}')
        fusion.__class__ = ProjectBeforeResize
    return network


class ProjectBeforeResize(FeatureFusion):
    """Bilinear weights sum to one, so a 1x1 convolution can come before the upsampling: on a quarter of the pixels."""

    def forward(self, x: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        if skip is not None:
            x = x + self.resConfUnit1(skip)
        return upsample(self.out_conv(self.resConfUnit2(x)), size)


def _fold_block(block: Block) -> None:
    mlp = block.mlp
    first, last = (mlp.w12, mlp.w3) if hasattr(mlp, 'w12') else (mlp.fc1, mlp.fc2)
    _fold_norm(block.norm1, block.attn.qkv)
    _fold_norm(block.norm2, first)
    block.norm1, block.norm2 = _plain(block.norm1), _plain(block.norm2)
    for linear, scale in ((block.attn.proj, block.ls1), (last, block.ls2)):
        linear.weight.mul_(scale.gamma[:, None])
        linear.bias.mul_(scale.gamma)
    block.ls1 = block.ls2 = nn.Identity()


def _fold_norm(norm: nn.LayerNorm, following: nn.Linear | nn.Conv2d) -> None:
    """W (g x + b) + c = (W g) x + (W b + c); a convolution is a 1x1."""
    weight = following.weight.view(following.weight.shape[:2])  # (out, in), (out, in, 1, 1) -> (out, in)
    following.bias.add_(weight @ norm.bias)
    weight.mul_(norm.weight)


def _plain(norm: nn.LayerNorm) -> nn.LayerNorm:
    return nn.LayerNorm(norm.normalized_shape, eps=norm.eps, elementwise_affine=False)
