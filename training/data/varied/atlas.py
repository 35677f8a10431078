# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make tileable colour patterns with mip levels, most of them with the 1/f spectrum that photographs of surfaces have.

A pattern has three channels in 0..1; where they are alike, it mixes the two colours of its material.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dav2_training.data.procedural import textures

SIZE, LEVELS = 256, 8
TILE_M: dict[str, float] = {  # metres that a tile covers
    'smooth': 2.0, 'plaster': 1.5, 'noise': 1.0, 'concrete': 2.5, 'asphalt': 2.0, 'gravel': 0.8, 'speckle': 0.8,
    'wood': 0.9, 'planks': 0.96, 'parquet': 1.2, 'tiles': 0.9, 'subway': 0.8, 'bricks': 0.96, 'stones': 1.6,
    'paving': 1.2, 'checker': 1.2, 'stripes': 0.8, 'plaid': 0.5, 'dots': 0.5, 'cloth': 0.6, 'carpet': 0.5, 'rug': 2.2,
    'marble': 1.6, 'brushed': 0.6, 'rust': 0.8, 'corrugated': 0.8, 'bark': 0.7, 'grass': 1.6, 'soil': 1.6,
    'leaves': 1.0, 'windows1': 12.0, 'windows2': 13.0, 'windows3': 12.0, 'windows4': 14.0, 'windows5': 9.0,
    'shop': 8.0, 'books': 1.1, 'clutter': 0.8, 'labels': 0.4, 'screen': 0.7, 'poster1': 0.9, 'poster2': 0.9,
    'poster3': 0.9, 'poster4': 1.2, 'view1': 2.5, 'view2': 2.5, 'stripes2': 0.25, 'blinds': 0.8, 'clouds': 1.0,
}  # fmt: skip
TILE_M |= {f'simple_{name}': tile_m for name, tile_m in textures.PATTERNS.items()}
PATTERN_ID = {name: i for i, name in enumerate(TILE_M)}
V, U = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE


def noise(rng: np.random.Generator, slope: float, stretch: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Return tileable noise (SIZE, SIZE) in 0..1 whose amplitude falls as frequency^-slope, stretched along u or v."""
    fv, fu = np.meshgrid(np.fft.fftfreq(SIZE, 1 / SIZE), np.fft.fftfreq(SIZE, 1 / SIZE), indexing='ij')
    f = np.hypot(fu * stretch[0], fv * stretch[1])
    f[0, 0] = 1.0
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * f**-slope
    spectrum[0, 0] = 0.0
    image = np.fft.ifft2(spectrum).real
    return np.clip(0.5 + image / (5.0 * image.std()), 0, 1).astype(np.float32)


def cells(rng, columns, rows, shift=0.0, gap=(0.02, 0.02), spread=0.35) -> tuple[np.ndarray, np.ndarray]:
    """Return the tone of each cell of a running bond, and where the joints are."""
    row = np.floor(V * rows)
    at = (U * columns + shift * row) % columns
    joint = (np.abs(at % 1 - 0.5) > 0.5 - gap[0]) | (np.abs(V * rows % 1 - 0.5) > 0.5 - gap[1])
    tone = spread * rng.random((rows, columns)).astype(np.float32)
    return tone[row.astype(int), np.floor(at).astype(int)], joint


def laid(rng, columns, rows, shift=0.0, gap=(0.02, 0.02), grain=0.25, joint_tone=0.9) -> np.ndarray:
    """Draw bricks, tiles, planks: cells of various tones with grain, between joints."""
    tone, joint = cells(rng, columns, rows, shift, gap)
    return np.where(joint, joint_tone, tone + grain * noise(rng, 0.8))


def wood_grain(rng) -> np.ndarray:
    """Draw the grain of wood, along u."""
    bent = noise(rng, 2.0, (6.0, 1.0))
    return 0.55 * (0.5 + 0.5 * np.sin(2 * np.pi * (4 * V + 3 * bent))) ** 2 + 0.45 * noise(rng, 0.9, (14.0, 1.0))


def patches(rng, number: int, smallest: float, largest: float, rounded: float = 0.4) -> np.ndarray:
    """Draw (SIZE, SIZE, 3): rectangles and ellipses of all colours over each other, wrapped around the edges."""
    image = np.tile(rng.random(3).astype(np.float32), (SIZE, SIZE, 1))
    for _ in range(number):
        a, b = np.exp(rng.uniform(np.log(smallest), np.log(largest), 2))
        u, v = (np.abs((each - rng.random() + 0.5) % 1 - 0.5) for each in (U, V))
        inside = (u / a) ** 2 + (v / b) ** 2 < 1 if rng.random() < rounded else (u < a) & (v < b)
        shade = 0.8 + 0.4 * (U if rng.random() < 0.5 else V)[inside]
        grey, colour = rng.random(), rng.random(3) ** 1.3
        image[inside] = (grey + rng.uniform(0.1, 0.9) * (colour - grey)) * shade[:, None]
    return image


def facade(rng, columns: int, rows: int, width: float, height: float, frame: float, spread: float) -> np.ndarray:
    """Draw windows, each dark, lit, curtained or mirroring in its own way; 1 is the wall."""
    tone, _ = cells(rng, columns, rows, spread=1.0)
    cu, cv = np.abs(U * columns % 1 - 0.5), np.abs(V * rows % 1 - 0.5)
    pane, sash = (cu < 0.5 * width) & (cv < 0.5 * height), (cu < 0.5 * width + frame) & (cv < 0.5 * height + frame)
    bar = (cu < 0.012) | (np.abs(cv - 0.1) < 0.01)
    glass = np.where(tone < 0.6, 0.15 * tone, spread * tone) + 0.15 * noise(rng, 1.6)
    wall_tone = 0.82 + 0.18 * noise(rng, 1.0)
    wall_tone = wall_tone - (np.abs(V * rows % 1 - 0.04) < 0.02) * 0.15  # ledges
    return np.where(pane & ~bar, glass, np.where(sash, 0.95, wall_tone))


def shelf_of_books(rng) -> np.ndarray:
    """Draw rows of spines."""
    image = np.full((SIZE, SIZE, 3), 0.05, np.float32)
    for r in range(4):
        u, bottom = 0, (r + 1) * SIZE // 4 - 6
        while u < SIZE:
            wide, tall = int(rng.integers(4, 13)), int(rng.integers(34, 57))
            spine = rng.random(3) ** 1.5 * rng.uniform(0.4, 1.0)
            image[bottom - tall : bottom, u : u + wide] = spine
            image[bottom - tall + 6 : bottom - tall + 12, u + 1 : u + wide - 1] = 1.0 - spine
            image[bottom - tall : bottom, u : u + 1] *= 0.4
            u += wide
        image[bottom:] = 0.4
        image[bottom : bottom + 6] = (0.45, 0.35, 0.25)
    return image[::-1]  # row 0 is at the bottom


def landscape(rng) -> np.ndarray:
    """Draw what is seen through a window: sky above, something dim and green or grey below."""
    sky, below = np.array([0.8, 0.9, 1.0]), np.array(rng.uniform((0.2, 0.3, 0.15), (0.5, 0.55, 0.4)))
    edge = rng.uniform(0.35, 0.6) + 0.25 * (noise(rng, 2.2, (1.0, 8.0))[:1] - 0.5)
    image = np.where((V < 1 - edge)[..., None], below * (0.4 + 0.9 * noise(rng, 1.2)[..., None]), sky)
    return np.clip(image, 0, 1).astype(np.float32)


def leaf_mass(rng) -> np.ndarray:
    """Draw leaves: small bright blades over dark gaps."""
    blades = np.clip(2.2 * noise(rng, 0.55) - 0.6 + 0.7 * (noise(rng, 1.6) - 0.5), 0, 1)
    return np.clip(np.stack([blades * (0.9 + 0.3 * noise(rng, 1.5)), blades, blades * 0.8], axis=-1), 0, 1)


def grid_of(rng, name: str) -> np.ndarray:
    """Draw a pattern that is laid, woven or printed in a grid."""
    if name == 'checker':
        return ((np.floor(U * 4) + np.floor(V * 4)) % 2) * 0.9 + 0.1 * noise(rng, 1.0)
    if name == 'plaid':
        return 0.4 * (U * 4 % 1 > 0.5) + 0.4 * (V * 4 % 1 > 0.6) + 0.2 * noise(rng, 0.6)
    if name == 'dots':
        return (np.hypot(U * 6 % 1 - 0.5, V * 6 % 1 - 0.5) < 0.25) * 0.85 + 0.15 * noise(rng, 0.6)
    if name == 'rug':
        ring = np.maximum(np.abs(U - 0.5), np.abs(V - 0.5))
        flowers = np.sin(24 * np.pi * U) * np.sin(24 * np.pi * V) > 0.3
        return np.where(ring > 0.42, 0.9, np.where(ring > 0.36, 0.1, 0.35 + 0.4 * flowers)) * 0.8 + 0.2 * noise(
            rng, 0.5
        )
    if name == 'parquet':
        block = (np.floor(U * 6) + np.floor(V * 6)) % 2 > 0
        strip = np.where(block, np.floor(U * 24), np.floor(V * 24)).astype(int)
        tone = rng.random((25,)).astype(np.float32)[strip % 25]
        edge = np.where(block, np.abs(U * 24 % 1 - 0.5), np.abs(V * 24 % 1 - 0.5)) > 0.46
        return np.where(edge, 1.0, 0.6 * tone + 0.3 * noise(rng, 0.8))
    return (U * 4 % 1 > 0.5) * 0.8 + 0.2 * noise(rng, 1.0)  # stripes


LAID = {  # columns, rows, shift, gap, grain, tone of the joints
    'planks': (1, 8, 0.37, (0.004, 0.03), 0.5, 1.0), 'tiles': (3, 3, 0.0, (0.02, 0.02), 0.15, 0.95),
    'subway': (4, 10, 0.5, (0.02, 0.05), 0.1, 0.9), 'bricks': (4, 12, 0.5, (0.03, 0.08), 0.5, 0.95),
    'stones': (4, 5, 0.37, (0.04, 0.05), 0.8, 1.0), 'paving': (4, 4, 0.5, (0.02, 0.02), 0.6, 1.0),
}  # fmt: skip
ROUGH = {  # slope of the spectrum and contrast
    'smooth': (1.6, 0.35), 'plaster': (0.9, 0.5), 'noise': (1.2, 1.0), 'asphalt': (0.7, 1.0), 'cloth': (0.35, 0.9),
    'carpet': (0.2, 0.9), 'soil': (1.0, 1.0), 'grass': (0.55, 1.0), 'rust': (1.5, 1.0),
}  # fmt: skip
WINDOWS = {  # columns, rows, width, height, frame, brightness of what is behind
    'windows1': (4, 4, 0.42, 0.5, 0.04, 0.5), 'windows2': (3, 4, 0.6, 0.45, 0.03, 0.7),
    'windows3': (6, 4, 0.85, 0.7, 0.04, 0.9), 'windows4': (4, 4, 0.3, 0.62, 0.06, 0.4),
    'windows5': (2, 3, 0.3, 0.4, 0.05, 0.4), 'shop': (2, 2, 0.85, 0.75, 0.04, 0.9),
}  # fmt: skip


def surface(rng, name: str) -> np.ndarray:
    """Draw a pattern that is neither laid nor printed."""
    if name == 'concrete':
        return 0.7 * noise(rng, 1.5) + 0.3 * noise(rng, 0.4)
    if name == 'gravel':
        return (noise(rng, 0.5) > 0.5) * 0.4 + 0.6 * noise(rng, 0.6)
    if name == 'speckle':
        return (noise(rng, 0.3) > 0.68) * 0.7 + 0.2 * noise(rng, 1.0)
    if name == 'wood':
        return wood_grain(rng)
    if name == 'marble':
        return 1.0 - np.abs(2 * noise(rng, 1.6) - 1) ** 0.35
    if name == 'brushed':
        return noise(rng, 0.6, (20.0, 1.0))
    if name == 'corrugated':
        return 0.5 + 0.4 * np.sin(16 * np.pi * U) + 0.1 * noise(rng, 1.0)
    if name == 'bark':
        return np.abs(2 * noise(rng, 1.0, (1.0, 5.0)) - 1) ** 0.6
    if name in ('stripes2', 'blinds'):
        return 0.3 + 0.7 * (V * 16 % 1 > 0.25)
    return np.clip(2.0 * noise(rng, 1.8) - 0.5, 0, 1)  # clouds


def draw(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern: (SIZE, SIZE, 3) float32 in 0..1."""
    if name.startswith('simple_'):  # as textures.atlas has it
        plain = name.removeprefix('simple_')
        image = textures.draw(plain, np.random.default_rng(textures.PATTERN_ID[plain]))
    elif name in LAID:
        image = laid(rng, *LAID[name])
    elif name in ROUGH:
        slope, contrast = ROUGH[name]
        image = 0.5 + contrast * (noise(rng, slope) - 0.5)
    elif name in WINDOWS:
        image = facade(rng, *WINDOWS[name])
    elif name in ('checker', 'plaid', 'dots', 'rug', 'parquet', 'stripes'):
        image = grid_of(rng, name)
    elif name in ('books', 'leaves'):
        image = shelf_of_books(rng) if name == 'books' else leaf_mass(rng)
    elif name.startswith('view'):
        image = landscape(rng)
    elif name in ('clutter', 'labels', 'screen') or name.startswith('poster'):
        number, smallest, largest = {
            'clutter': (140, 0.02, 0.12),
            'labels': (60, 0.01, 0.3),
            'screen': (30, 0.05, 0.4),
        }.get(name, (int(rng.integers(12, 60)), 0.02, 0.35))
        image = patches(rng, number, smallest, largest) * (0.75 + 0.5 * (noise(rng, 1.2)[..., None] - 0.5))
    else:
        image = surface(rng, name)
    image = np.clip(image, 0, 1).astype(np.float32)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


@lru_cache(maxsize=4)
def atlas(device: str = 'cpu') -> tuple[Tensor, Tensor]:
    """Return all patterns at all mip levels: (texels, 3), and the (LEVELS,) offset of each level in them."""
    images = np.stack([draw(name, np.random.default_rng([77, i])) for i, name in enumerate(TILE_M)])
    level = torch.from_numpy(images).permute(0, 3, 1, 2)
    flat, offsets, offset = [], [], 0
    for _ in range(LEVELS):
        flat.append(level.permute(0, 2, 3, 1).reshape(-1, 3))
        offsets.append(offset)
        offset += len(flat[-1])
        level = F.avg_pool2d(level, 2)
    return torch.cat(flat).contiguous().to(device), torch.tensor(offsets, device=device)


def sample(pattern: Tensor, u: Tensor, v: Tensor, texels: Tensor) -> Tensor:
    """Look patterns up: bilinear within the mip level whose texel matches a pixel's footprint.

    Args:
        pattern: (...) int64 index into TILE_M. u, v: (...) position in tiles, which wraps.
        texels: (...) texels of level 0 that one pixel covers.
    Returns:
        (..., 3) in 0..1.
    """
    flat, offsets = atlas(str(u.device))
    level = texels.nan_to_num(1.0).clamp(1.0, 2.0 ** (LEVELS - 1)).log2().round_().long()
    size = torch.full_like(level, SIZE) >> level
    base = offsets[level] + pattern * size * size
    return textures.bilinear(flat, base, size, u, v)
