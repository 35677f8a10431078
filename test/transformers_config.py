# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our networks, described to transformers: the independent implementation that ours is compared with."""

from __future__ import annotations

from dav2_ros.network.presets import PRESETS

# transformers counts the tapped layers from 1, after the embeddings.
OUT_INDICES = {'vits': [3, 6, 9, 12], 'vitb': [3, 6, 9, 12], 'vitl': [5, 12, 18, 24], 'vitt': [2, 4, 6, 8]}


def config(preset: str, max_depth_m: float | None):
    """Describe our preset to transformers."""
    from transformers import DepthAnythingConfig, Dinov2Config

    p = PRESETS[preset]
    backbone = Dinov2Config(
        hidden_size=p.embed_dim,
        num_hidden_layers=p.blocks,
        num_attention_heads=p.heads,
        use_swiglu_ffn=p.swiglu,
        image_size=14 * p.grid,
        patch_size=14,
        out_indices=OUT_INDICES[preset],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=p.embed_dim,
        neck_hidden_sizes=list(p.out_channels),
        fusion_hidden_size=p.features,
        depth_estimation_type='relative' if max_depth_m is None else 'metric',
        max_depth=int(max_depth_m or 1),
    )
