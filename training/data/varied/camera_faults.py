# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Apply the faults of cameras to a whole batch at once: exposure, white balance, vignette, blur, noise, JPEG.

A frame that is drawn again is taken by another camera.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 3  # pixels to either side that blur mixes
LUMA = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99], np.float32).reshape(8, 8)  # fmt: skip
CHROMA = np.full((8, 8), 99, np.float32)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


@lru_cache(maxsize=4)
def _tables(device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the DCT matrix (8, 8), quantisation (3, 8, 8), and colour to YCC and back (3, 3)."""
    k, n = np.mgrid[0:8, 0:8]
    dct = np.sqrt(np.where(k == 0, 1, 2) / 8.0) * np.cos(np.pi * (2 * n + 1) * k / 16)
    tables = dct, np.stack([LUMA, CHROMA, CHROMA]), np.array(TO_YCC), np.array(TO_RGB)
    return tuple(torch.tensor(each, dtype=torch.float32, device=device) for each in tables)


def mix(x: Tensor, matrix: Tensor) -> Tensor:
    """Mix the channels of (B, 3, ...)."""
    return torch.stack([sum(matrix[i, j] * x[:, j] for j in range(3)) for i in range(3)], dim=1)


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """Quantise (B, 3, H, W) in 0..255 as JPEG with 4:2:0 chroma does; quality (B,) 1 to 100."""
    dct, table, to_ycc, to_rgb = _tables(str(x.device))
    h, w = x.shape[-2:]
    x = F.pad(x, (0, -w % 8, 0, -h % 8), mode='replicate')
    ycc = mix(x, to_ycc)
    low = F.interpolate(F.avg_pool2d(ycc[:, 1:], 2), scale_factor=2, mode='nearest')
    ycc = torch.cat([ycc[:, :1] - 128.0, low], dim=1)
    scale = torch.where(quality < 50, 50.0 / quality, 2.0 - quality / 50.0).clamp_min(0.02)
    step = (table[None] * scale[:, None, None, None]).clamp_min(1.0)[:, :, None, None]  # (B, 3, 1, 1, 8, 8)
    b, c, hh, ww = ycc.shape
    blocks = ycc.reshape(b, c, hh // 8, 8, ww // 8, 8).transpose(3, 4)
    # One product of many rows with (8, 8) is fast, a product for each block is not: what is coded is transposed.
    coded = (blocks @ dct.T).mT @ dct.T
    coded = (coded / step.mT).round() * step.mT
    ycc = ((coded @ dct).mT @ dct).transpose(3, 4).reshape(b, c, hh, ww)
    ycc = torch.cat([ycc[:, :1] + 128.0, ycc[:, 1:]], dim=1)
    return mix(ycc, to_rgb)[..., :h, :w]


def blur(x: Tensor, sigma: Tensor, dim: int) -> Tensor:
    """Blur along one dimension with a Gaussian of its own for each picture; sigma (B,) pixels."""
    offsets = torch.arange(-REACH, REACH + 1, device=x.device)
    weights = torch.exp(-0.5 * (offsets / sigma[:, None].clamp_min(0.05)) ** 2)
    weights = (weights / weights.sum(dim=1, keepdim=True)).to(x.dtype)
    pad = (0, 0, REACH, REACH) if dim == 2 else (REACH, REACH, 0, 0)
    padded, n = F.pad(x, pad, mode='replicate'), x.shape[dim]
    return sum(weights[:, i, None, None, None] * padded.narrow(dim, i, n) for i in range(2 * REACH + 1))


@torch.no_grad()
def take(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Take clean (B, H, W, 3) uint8 pictures with another camera each; the generator is of the pictures' device."""
    b, device = len(rgb), rgb.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(b, *shape, generator=generator, device=device)

    def normal(spread: float, *shape: int) -> Tensor:
        return spread * torch.randn(b, *shape, generator=generator, device=device)

    x = rgb.permute(0, 3, 1, 2).float() / 255
    exposed = (0.44 / x.mean(dim=(1, 2, 3), keepdim=True).clamp_min(0.05)) ** 0.7  # as automatic exposure would
    gain = exposed * torch.exp(normal(0.2, 1, 1, 1) + normal(0.06, 3, 1, 1))
    x = (x * gain).clamp(0, 1) ** uniform(0.75, 1.3, 1, 1, 1)
    grey = x.mean(dim=1, keepdim=True)
    colour = torch.where(uniform(0, 1, 1, 1, 1) < 0.06, 0.0, uniform(0.35, 1.35, 1, 1, 1))
    x = grey + (x - grey) * colour
    yy, xx = (torch.linspace(-1, 1, n, device=device) ** 2 for n in x.shape[-2:])
    x = x * (1 - uniform(0, 0.25, 1, 1, 1) * (yy[:, None] + xx))
    soft = torch.where(uniform(0, 1) < 0.25, uniform(0.6, 1.4), uniform(0.3, 0.7))
    moved = torch.where(uniform(0, 1) < 0.15, uniform(0.5, 2.0), 0.0)
    upright = uniform(0, 1) < 0.3
    for dim, along in ((2, upright), (3, ~upright)):
        x = blur(x, (soft**2 + torch.where(along, moved, 0.0) ** 2).sqrt(), dim)
    noise = torch.where(uniform(0, 1, 1, 1, 1) < 0.25, uniform(0.01, 0.035, 1, 1, 1), uniform(0, 0.01, 1, 1, 1))
    grain = torch.randn(x.shape, generator=generator, device=device)
    x = x + grain * noise * (0.4 + x.clamp(0, 1)).sqrt()
    quality = torch.where(uniform(0, 1) < 0.5, uniform(75, 100), uniform(35, 85))
    return jpeg(255 * x.clamp(0, 1), quality).clamp_(0, 255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
