# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""List the sizes of the network: those published, and one small enough to ship."""

from __future__ import annotations

from dataclasses import dataclass

PATCH = 14  # pixels per side of one token, in every preset


@dataclass(frozen=True)
class Preset:
    """Everything that decides the shape of the weights (Depth-Anything-V2 depth_anything_v2/dpt.py, dinov2.py)."""

    embed_dim: int
    blocks: int
    heads: int
    taps: tuple[int, int, int, int]  # encoder blocks whose tokens the head reads, 0-based
    features: int  # width of the head's fusion path
    out_channels: tuple[int, int, int, int]  # width of the four reassembled maps
    grid: int = 37  # patches per side of the position embedding: 518 / 14
    swiglu: bool = False  # gated feed-forward, the giant's only


PRESETS: dict[str, Preset] = {
    'vits': Preset(384, 12, 6, (2, 5, 8, 11), 64, (48, 96, 192, 384)),
    'vitb': Preset(768, 12, 12, (2, 5, 8, 11), 128, (96, 192, 384, 768)),
    'vitl': Preset(1024, 24, 16, (4, 11, 17, 23), 256, (256, 512, 1024, 1024)),
    'vitg': Preset(1536, 40, 24, (9, 19, 29, 39), 384, (1536, 1536, 1536, 1536), swiglu=True),
    # Ours: trained from scratch on procedural scenes, so that the package works before anything is downloaded.
    'vitt': Preset(192, 8, 3, (1, 3, 5, 7), 32, (32, 48, 64, 96), grid=16),
    # Ours too, but no model of the package: what the method in miniature and its tests train in minutes.
    'vitn': Preset(96, 6, 3, (1, 2, 4, 5), 24, (16, 24, 32, 48), grid=16),
}
