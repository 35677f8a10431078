# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Add the faults of cameras to rendered pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def sense(rgb: Tensor, seed: int, indices: Sequence[int]) -> Tensor:
    """Give (B, H, W, 3) uint8 pictures the faults of cameras: exposure, white balance, blur, vignette, noise, steps."""
    out = torch.empty_like(rgb)
    h, w = rgb.shape[1:3]
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing='ij')
    radius = (xx**2 + yy**2).to(rgb.device)
    for i, index in enumerate(indices):
        rng = np.random.default_rng([seed, int(index), 2])
        gain = torch.tensor(rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3), dtype=torch.float32, device=rgb.device)
        x = rgb[i].float() / 255
        x = (x * gain).clamp_(0, 1) ** rng.uniform(0.8, 1.25)
        x = x * (1 - rng.uniform(0, 0.2) * radius)[..., None]
        if rng.random() < 0.3:
            x = torch.nn.functional.avg_pool2d(x.permute(2, 0, 1), 3, 1, 1, count_include_pad=False).permute(1, 2, 0)
        noise = torch.Generator(device=rgb.device).manual_seed(int(rng.integers(2**62)))
        grain = torch.randn(x.shape, generator=noise, device=rgb.device)
        x = x + grain * (rng.uniform(0.0, 0.012) + rng.uniform(0, 0.02) * x.clamp(0, 1).sqrt())
        out[i] = (x.clamp_(0, 1) * 255).round_().to(torch.uint8)
    return out
