# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wrap the network with everything around it: a camera's bytes in, metres out, in one graph."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.image.resize import MEAN, STD, ResizePlan
from dav2_ros.network.dpt import DepthAnything, upsample
from dav2_ros.network.presets import PATCH


class PictureToDepth(nn.Module):
    """(B, H, W, 3) uint8 RGB -> (B, h, w) float32: resized, normalised, seen, and brought back to the output's size.

    It computes what `ResizePlan.apply`, the network and `ResizePlan.undo` compute (bicubic with a = -0.75, bilinear
    with corners aligned), where the bytes already are. Resizing stays in float32 whatever the network computes in.

    Args:
        network: its position embedding is baked for the plan's grid: it serves no other shape afterwards.
        out_shape: height and width of the depth.
        dtype: what the network computes in; its weights are converted.
    """

    def __init__(
        self, network: DepthAnything, plan: ResizePlan, out_shape: tuple[int, int], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if not network.pretrained.baked:
            network.pretrained.bake_position_embedding(plan.net_height // PATCH, plan.net_width // PATCH)
        self.network = network.to(dtype)
        self.net_shape, self.out_shape, self.dtype = (plan.net_height, plan.net_width), out_shape, dtype
        self.register_buffer('scale', torch.from_numpy(1.0 / (255.0 * STD)).reshape(3, 1, 1))
        self.register_buffer('offset', torch.from_numpy(-MEAN / STD).reshape(3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.finish(self.network(self.prepare(pictures)))

    def prepare(self, pictures: Tensor) -> Tensor:
        """Turn (B, H, W, 3) uint8 into what the network takes, (B, 3, h, w) normalised."""
        # to float before anything else: TensorRT has no other operator for bytes
        x = pictures.float().permute(0, 3, 1, 2)  # (B, H, W, 3) -> (B, 3, H, W)
        if tuple(x.shape[-2:]) != self.net_shape:
            x = F.interpolate(x, self.net_shape, mode='bicubic')
        return (x * self.scale + self.offset).to(self.dtype)

    def finish(self, depth: Tensor) -> Tensor:
        """Bring the network's depth to float32 and to the output's size."""
        depth = depth.float()
        if tuple(depth.shape[-2:]) != self.out_shape:
            depth = upsample(depth[:, None], self.out_shape)[:, 0]
        return depth
