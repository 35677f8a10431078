# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make tileable grey patterns of known physical size, with mip levels, to paint procedural surfaces."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 256  # texels per tile side
LEVELS = 8  # 256 ... 2

# Name and metres that one tile of the pattern covers, as found in buildings and streets.
PATTERNS: dict[str, float] = {
    'plain': 2.0,
    'noise': 2.0,
    'speckle': 1.0,
    'tiles': 0.8,
    'planks': 0.96,
    'bricks': 0.96,
    'checker': 1.2,
    'stripes': 0.8,
    'windows': 6.0,
    'grass': 1.6,
    'clouds': 1.0,
}
PATTERN_ID = {name: i for i, name in enumerate(PATTERNS)}


def fractal_noise(rng: np.random.Generator, octaves: tuple[int, ...], falloff: float = 0.6) -> np.ndarray:
    """Sum bicubic, wrapped random grids of the given numbers of cells; returns (SIZE, SIZE) in 0..1."""
    total = torch.zeros(1, 1, SIZE, SIZE)
    for i, cells in enumerate(octaves):
        grid = torch.from_numpy(rng.random((1, 1, cells, cells), np.float32))
        padded = F.pad(grid, (2, 2, 2, 2), mode='circular')
        fine = F.interpolate(padded, scale_factor=SIZE / cells, mode='bicubic', align_corners=False)
        edge = 2 * SIZE // cells
        total += falloff**i * fine[..., edge : edge + SIZE, edge : edge + SIZE]
    low, high = total.min(), total.max()
    return ((total - low) / (high - low))[0, 0].numpy()


def draw(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one pattern: (SIZE, SIZE) float32 in 0..1, where 0 takes a surface's first colour and 1 its second."""
    v, u = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    grain = 0.12 * (fractal_noise(rng, (16, 64)) - 0.5)

    def cells(columns: int, rows: int, shift: float, gap_u: float, gap_v: float) -> np.ndarray:
        row = np.floor(v * rows)
        cu = (u * columns + shift * row) % columns
        joint = (np.abs(cu % 1 - 0.5) > 0.5 - gap_u) | (np.abs(v * rows % 1 - 0.5) > 0.5 - gap_v)
        tone = rng.random((rows, columns)).astype(np.float32) * 0.35
        return np.where(joint, 1.0, tone[row.astype(int), np.floor(cu).astype(int)])

    if name == 'plain':
        image = 0.3 * fractal_noise(rng, (2, 4))
    elif name == 'noise':
        image = fractal_noise(rng, (4, 8, 16, 32, 64))
    elif name == 'speckle':
        image = (fractal_noise(rng, (64, 128)) > 0.62) * 0.8
    elif name == 'tiles':
        image = cells(2, 2, 0.0, 0.02, 0.02)
    elif name == 'planks':
        image = cells(1, 8, 0.37, 0.004, 0.03) + 0.2 * fractal_noise(rng, (4, 64))
    elif name == 'bricks':
        image = cells(4, 12, 0.5, 0.03, 0.08)
    elif name == 'checker':
        image = ((np.floor(u * 4) + np.floor(v * 4)) % 2).astype(np.float32)
    elif name == 'stripes':
        image = (u * 4 % 1 > 0.5).astype(np.float32)
    elif name == 'windows':  # one storey of 3 m and one bay of 3 m per half tile
        cu, cv = u * 2 % 1, v * 2 % 1
        glass = (np.abs(cu - 0.5) < 0.24) & (np.abs(cv - 0.52) < 0.26)
        frame = (np.abs(cu - 0.5) < 0.28) & (np.abs(cv - 0.52) < 0.30)
        image = np.where(glass, 1.0, np.where(frame, 0.0, 0.35))
    elif name == 'grass':
        image = 0.5 * fractal_noise(rng, (4, 8)) + 0.5 * fractal_noise(rng, (64, 128))
    else:
        image = np.clip(2.0 * fractal_noise(rng, (4, 8, 16, 32)) - 0.7, 0, 1)
    return np.clip(image + grain * (name != 'clouds'), 0, 1).astype(np.float32)


@lru_cache(maxsize=4)
def atlas(device: str = 'cpu') -> tuple[Tensor, Tensor]:
    """Return all patterns at all mip levels: flat texels, and the (LEVELS,) offset of each level in them.

    Level l holds (patterns, SIZE >> l, SIZE >> l); the patterns are the same in every data set (fixed seed).
    """
    images = np.stack([draw(name, np.random.default_rng(i)) for i, name in enumerate(PATTERNS)])
    level = torch.from_numpy(images)[None]
    flat, offsets, offset = [], [], 0
    for _ in range(LEVELS):
        flat.append(level.flatten())
        offsets.append(offset)
        offset += level.numel()
        level = F.avg_pool2d(level, 2)
    return torch.cat(flat).to(device), torch.tensor(offsets, device=device)


def sample(pattern: Tensor, u: Tensor, v: Tensor, texels: Tensor) -> Tensor:
    """Look patterns up, bilinear within the mip level whose texel matches the pixel's footprint.

    Args:
        pattern: (...) int64 index into PATTERNS.
        u, v: (...) position in tiles; wraps.
        texels: (...) texels of level 0 that one pixel covers.
    Returns:
        (...) values in 0..1.
    """
    flat, offsets = atlas(str(u.device))
    level = texels.clamp(1.0, 2.0 ** (LEVELS - 1)).log2().round_().long()
    size = torch.full_like(level, SIZE) >> level
    base = offsets[level] + pattern * size * size
    return bilinear(flat, base, size, u, v)


def bilinear(texels: Tensor, first: Tensor, size: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Look tiles up between their texels.

    Args:
        texels: (N,) or (N, C), the tiles one behind the other, each row by row.
        first: (...) int64 index of a tile's first texel. size: (...) texels of its side, a power of 2.
        u, v: (...) position in tiles; wraps.
    Returns:
        (...) or (..., C).
    """
    x, y = u * size - 0.5, v * size - 0.5
    x0, y0 = x.floor(), y.floor()
    channels = (1,) * (texels.ndim - 1)
    fx, fy = (x - x0).reshape(*x.shape, *channels), (y - y0).reshape(*y.shape, *channels)
    x0, y0 = x0.long() & (size - 1), y0.long() & (size - 1)
    x1, y1 = (x0 + 1) & (size - 1), (y0 + 1) & (size - 1)
    top, bottom = first + y0 * size, first + y1 * size
    upper = torch.lerp(texels[top + x0], texels[top + x1], fx)
    lower = torch.lerp(texels[bottom + x0], texels[bottom + x1], fx)
    return torch.lerp(upper, lower, fy)
