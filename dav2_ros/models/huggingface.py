# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Map the names that transformers gives the same tensors (convert_depth_anything_to_hf.py) to the published.

Its files split the attention's qkv in three. Releases up to 4 call the parts attention.attention.query and
attention.output.dense, later ones attention.q_proj and attention.o_proj; both are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

RULES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r'backbone\.embeddings\.(cls_token|mask_token)', r'pretrained.\1'),
        (r'backbone\.embeddings\.position_embeddings', r'pretrained.pos_embed'),
        (r'backbone\.embeddings\.patch_embeddings\.projection\.(\w+)', r'pretrained.patch_embed.proj.\1'),
        (r'backbone\.encoder\.layer\.(\d+)\.(norm[12])\.(\w+)', r'pretrained.blocks.\1.\2.\3'),
        (r'backbone\.encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1', r'pretrained.blocks.\1.ls\2.gamma'),
        (r'backbone\.encoder\.layer\.(\d+)\.mlp\.(fc[12])\.(\w+)', r'pretrained.blocks.\1.mlp.\2.\3'),
        (
            r'backbone\.encoder\.layer\.(\d+)\.attention\.(?:output\.dense|o_proj)\.(\w+)',
            r'pretrained.blocks.\1.attn.proj.\2',
        ),
        (r'backbone\.layernorm\.(\w+)', r'pretrained.norm.\1'),
        (r'neck\.reassemble_stage\.layers\.(\d)\.projection\.(\w+)', r'depth_head.projects.\1.\2'),
        (r'neck\.reassemble_stage\.layers\.(\d)\.resize\.(\w+)', r'depth_head.resize_layers.\1.\2'),
        (r'head\.conv1\.(\w+)', r'depth_head.scratch.output_conv1.\1'),
        (r'head\.conv2\.(\w+)', r'depth_head.scratch.output_conv2.0.\1'),
        (r'head\.conv3\.(\w+)', r'depth_head.scratch.output_conv2.2.\1'),
    )
)
QKV = re.compile(r'backbone\.encoder\.layer\.(\d+)\.attention\.(?:attention\.)?(query|key|value|[qkv]_proj)\.(\w+)')
CONVS = re.compile(r'neck\.convs\.(\d)\.(\w+)')
FUSION = re.compile(r'neck\.fusion_stage\.layers\.(\d)\.(projection|residual_layer([12])\.convolution([12]))\.(\w+)')


def is_huggingface(state_dict: Mapping[str, Tensor]) -> bool:
    """Tell whether the tensors have transformers' names."""
    return any(key.startswith('backbone.encoder.') for key in state_dict)


def from_huggingface(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under their published names; one that has none keeps its name, for the strict check."""
    import torch

    found: dict[str, Tensor] = {}
    thirds: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state_dict.items():
        if match := QKV.fullmatch(key):
            block, part, kind = match.groups()
            thirds.setdefault(f'pretrained.blocks.{block}.attn.qkv.{kind}', {})[part[0]] = tensor
        else:
            found[_published(key)] = tensor
    for key, parts in thirds.items():
        if len(parts) == 3:  # an incomplete one stays missing
            found[key] = torch.cat([parts[part] for part in 'qkv'])
    if 'pretrained.cls_token' in found:  # transformers may leave out the mask token, which depth never uses
        found.setdefault('pretrained.mask_token', torch.zeros_like(found['pretrained.cls_token'][0]))
    return found


def _published(key: str) -> str:
    if match := CONVS.fullmatch(key):
        return f'depth_head.scratch.layer{int(match[1]) + 1}_rn.{match[2]}'
    if match := FUSION.fullmatch(key):
        layer, part, unit, conv, kind = match.groups()
        ours = 'out_conv' if part == 'projection' else f'resConfUnit{unit}.conv{conv}'
        return f'depth_head.scratch.refinenet{4 - int(layer)}.{ours}.{kind}'  # theirs run from the deepest
    for pattern, name in RULES:
        if match := pattern.fullmatch(key):
            return match.expand(name)
    return key


def to_huggingface(state_dict: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return the tensors under transformers' `names`: what `from_huggingface` undoes."""
    found: dict[str, Tensor] = {}
    for name in names:
        if match := QKV.fullmatch(name):
            block, part, kind = match.groups()
            qkv = state_dict[f'pretrained.blocks.{block}.attn.qkv.{kind}']
            found[name] = qkv.chunk(3)['qkv'.index(part[0])]
        else:
            found[name] = state_dict[_published(name)]
    return found
