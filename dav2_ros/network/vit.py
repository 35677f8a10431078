# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build DINOv2's vision transformer, with the published state-dict keys (facebookresearch/dinov2, no registers)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dav2_ros.network.presets import PATCH, Preset

INTERPOLATE_OFFSET = 0.1  # dinov2 `interpolate_offset`: enters the sampling grid of the position embedding


class PatchEmbed(nn.Module):
    """One token per 14x14 patch."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).mT  # (B, 3, H, W) -> (B, h*w, D)


class Attention(nn.Module):
    """Multi-head self-attention; `explicit` writes the softmax out for exporters that mis-compile the fused op."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.explicit = False
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, heads, N, D/heads)
        if self.explicit:
            out = ((q * q.shape[-1] ** -0.5) @ k.mT).softmax(-1) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).reshape(b, n, d))  # (B, heads, N, D/heads) -> (B, N, D)


class LayerScale(nn.Module):
    """A learned factor per channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Mlp(nn.Module):
    """The feed-forward of all presets but the giant."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGlu(nn.Module):
    """The giant's gated feed-forward; its width is dinov2's: two thirds of 4 D, rounded up to a multiple of 8."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = (int(4 * dim * 2 / 3) + 7) // 8 * 8
        self.w12 = nn.Linear(dim, 2 * hidden)
        self.w3 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and scaled after."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        dim = preset.embed_dim
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, preset.heads)
        self.ls1 = LayerScale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = SwiGlu(dim) if preset.swiglu else Mlp(dim)
        self.ls2 = LayerScale(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class VisionTransformer(nn.Module):
    """DINOv2 encoder: (B, 3, 14 h, 14 w) normalised RGB -> four maps of tokens (B, h*w, D)."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        dim = preset.embed_dim
        self.grid = preset.grid
        self.taps = preset.taps
        self.baked = False
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + preset.grid**2, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim), requires_grad=False)  # in every checkpoint, used by none
        self.patch_embed = PatchEmbed(dim)
        self.blocks = nn.ModuleList(Block(preset) for _ in range(preset.blocks))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def position_embedding(self, h: int, w: int) -> Tensor:
        """Return (1, 1 + h*w, D): the learned grid, bicubic to (h, w) by a scale that carries dinov2's 0.1 offset."""
        if self.baked or (h, w) == (self.grid, self.grid):
            return self.pos_embed
        pe = self.pos_embed.float()
        side = self.grid
        patches = pe[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, g*g, D) -> (1, D, g, g)
        scale = ((h + INTERPOLATE_OFFSET) / side, (w + INTERPOLATE_OFFSET) / side)
        patches = F.interpolate(patches, scale_factor=scale, mode='bicubic')  # (1, D, h, w)
        return torch.cat([pe[:, :1], patches.flatten(2).mT], dim=1).to(self.pos_embed.dtype)

    def bake_position_embedding(self, h: int, w: int) -> None:
        """Fix the grid to (h, w) for good: engines of one shape need not interpolate it in every call."""
        self.pos_embed = nn.Parameter(self.position_embedding(h, w).detach(), requires_grad=False)
        self.baked = True

    def forward(self, x: Tensor) -> list[Tensor]:
        h, w = x.shape[-2] // PATCH, x.shape[-1] // PATCH
        tokens = self.patch_embed(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)  # (B, 1 + h*w, D)
        tokens = tokens + self.position_embedding(h, w)
        maps = []
        for i, block in enumerate(self.blocks):
            tokens = block(tokens)
            if i in self.taps:
                maps.append(self.norm(tokens)[:, 1:])  # the final norm on every tap; the class token is dropped
        return maps
