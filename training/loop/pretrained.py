# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Initialise weights: from nothing, from an encoder (DINOv2's or a depth model's), or from a whole model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dav2_ros.models import checkpoints
from dav2_ros.models.files import read_tensors
from dav2_ros.models.info import ModelError
from dav2_ros.models.registry import known_models
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PRESETS
from dav2_ros.network.vit import VisionTransformer

ENCODER = 'pretrained.'


def init_from_scratch(network: DepthAnything) -> None:
    """Give a network that starts from nothing ViT's usual weights, and a head whose first guess is a few metres."""
    init_encoder_from_scratch(network.pretrained)
    nn.init.constant_(network.depth_head.scratch.output_conv2[2].bias, -3.0)  # sigmoid(-3) * 80 m = 3.8 m


def init_encoder_from_scratch(encoder: VisionTransformer) -> None:
    """Give an encoder ViT's usual weights."""
    for module in encoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    nn.init.trunc_normal_(encoder.cls_token, std=0.02)
    with torch.no_grad():  # sines and cosines to start from: positions need not be discovered first
        encoder.pos_embed[0, 1:] = 0.1 * sincos_positions(encoder.grid, encoder.pos_embed.shape[-1])


def sincos_positions(grid: int, dim: int) -> Tensor:
    """Return (grid^2, dim): sine and cosine of row and column at dim/4 wavelengths (Vaswani et al. 2017, in 2D)."""
    omega = 1.0 / 10000 ** (torch.arange(dim // 4) / (dim // 4))
    row, column = (g.reshape(-1, 1) * omega for g in torch.meshgrid(*2 * [torch.arange(grid)], indexing='ij'))
    return torch.cat([row.sin(), row.cos(), column.sin(), column.cos()], dim=1)


def load_model(network: DepthAnything, source: str) -> None:
    """Start from a whole model, by its name or file. Raises ModelError for one of another preset.

    Where one of the two is metric and the other relative, the last layer's sign is turned: what is far is large in
    metres and small in disparity, so the order of things is right from the first step.
    """
    start = checkpoints.load(source)
    checkpoints.check(start.state_dict, network.preset, source)
    network.load_state_dict(start.state_dict)
    if (start.info.kind == 'metric') != (network.max_depth_m is not None):
        last = network.depth_head.scratch.output_conv2[2]
        with torch.no_grad():
            last.weight.neg_()
            last.bias.neg_()


def load_encoder(encoder: VisionTransformer, preset: str, source: str) -> None:
    """Start an encoder from that of a depth model, by its name or file, or from a published DINOv2 file.

    Raises ModelError for weights of another size, or with registers, which this encoder has no place for.
    """
    weights = encoder_weights(source)
    if 'register_tokens' in weights:
        raise ModelError(f'{source} has register tokens: take the DINOv2 weights without registers.')
    wanted = encoder.state_dict()
    odd = [
        k for k in {**wanted, **weights} if k not in wanted or k not in weights or wanted[k].shape != weights[k].shape
    ]
    if odd:
        dim = weights['cls_token'].shape[-1] if 'cls_token' in weights else 'unknown'
        raise ModelError(
            f'{source} does not hold the encoder of a {preset} (embed_dim {dim}, not {PRESETS[preset].embed_dim}, or '
            f'other tensors; first {odd[0]}): give weights of this preset, or set preset.'
        )
    encoder.load_state_dict(weights)


def encoder_weights(source: str) -> Mapping[str, Tensor]:
    """Read the tensors of an encoder under DINOv2's names. Raises ModelError for a source that is not there."""
    path = Path(source).expanduser()
    if source in known_models() or not path.is_file():
        found = checkpoints.load(source).state_dict  # says what is missing, and how to fetch it
    else:
        found = read_tensors(path)  # DINOv2's own files say nothing of themselves, and an encoder alone needs nothing
    ours = {k.removeprefix(ENCODER): v for k, v in found.items() if k.startswith(ENCODER)}
    return {k: v.float() for k, v in (ours or found).items()}
