# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network has the published weights' names and sizes, and computes what an independent implementation computes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from transformers_config import OUT_INDICES, config

from dav2_ros.models.huggingface import from_huggingface
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PRESETS

PUBLISHED_PARAMETERS = {'vits': 24_785_089, 'vitb': 97_470_785, 'vitl': 335_315_649, 'vitg': 1_258_132_225}


def on_meta(preset: str) -> DepthAnything:
    with torch.device('meta'):
        return DepthAnything(preset, None)


def randomised(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Give every parameter random values that matter: no gamma of one, no embedding of zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            fan_in = math.prod(p.shape[1:]) if p.ndim > 1 else 1
            if 'lambda1' in name or 'gamma' in name:
                p.uniform_(0.2, 1.0, generator=generator)
            elif p.ndim == 1 and 'norm' in name and 'weight' in name:
                p.uniform_(0.5, 1.5, generator=generator)
            elif p.ndim == 1:
                p.normal_(0.0, 0.1, generator=generator)
            elif 'token' in name or 'pos' in name:
                p.normal_(0.0, 0.5, generator=generator)
            else:
                p.normal_(0.0, fan_in**-0.5, generator=generator)
    return model.eval()


def same_weights(preset: str, max_depth_m: float | None) -> tuple[DepthAnything, torch.nn.Module]:
    from transformers import DepthAnythingForDepthEstimation

    other = randomised(DepthAnythingForDepthEstimation(config(preset, max_depth_m)))
    # Random heads give a sum around zero; the relative model would clip half of it away.
    other.head.conv3.bias.data.fill_(3.0 if max_depth_m is None else 0.0)
    ours = DepthAnything(preset, max_depth_m).eval()
    ours.load_state_dict(from_huggingface(other.state_dict()), strict=True)
    return ours, other


def assert_equal_and_alive(ours: torch.Tensor, other: torch.Tensor) -> None:
    assert ours.shape == other.shape
    assert (other > 0).float().mean() > 0.5 and other.std() > 0.01 * other.mean().abs()  # there is something to compare
    torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-4 * other.mean().item())


def picture(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(1, 3, height // 14, width // 14, generator=generator)
    return F.interpolate(coarse, (height, width), mode='bilinear') + 0.2 * torch.randn(
        1, 3, height, width, generator=generator
    )


@pytest.mark.parametrize('preset', PUBLISHED_PARAMETERS)
def test_published_presets_have_the_published_number_of_parameters(preset):
    assert sum(t.numel() for t in on_meta(preset).state_dict().values()) == PUBLISHED_PARAMETERS[preset]


def test_our_own_preset_is_small_and_of_patch_14():
    state = on_meta('vitt').state_dict()
    assert sum(t.numel() for t in state.values()) <= 8_000_000
    assert state['pretrained.patch_embed.proj.weight'].shape[-2:] == (14, 14)


@pytest.mark.parametrize('preset', PRESETS)
def test_state_dict_keys_are_the_published_ones(preset):
    both = ('weight', 'bias')
    keys = {f'pretrained.{k}' for k in ('cls_token', 'pos_embed', 'mask_token')}
    keys |= {f'pretrained.{m}.{k}' for m in ('patch_embed.proj', 'norm') for k in both}
    mlp = ('mlp.w12', 'mlp.w3') if preset == 'vitg' else ('mlp.fc1', 'mlp.fc2')
    for i in range(PRESETS[preset].blocks):
        block = f'pretrained.blocks.{i}'
        keys |= {f'{block}.{m}.{k}' for m in ('norm1', 'norm2', 'attn.qkv', 'attn.proj', *mlp) for k in both}
        keys |= {f'{block}.ls1.gamma', f'{block}.ls2.gamma'}
    keys |= {f'depth_head.projects.{i}.{k}' for i in range(4) for k in both}
    keys |= {f'depth_head.resize_layers.{i}.{k}' for i in (0, 1, 3) for k in both}
    scratch = 'depth_head.scratch'
    keys |= {f'{scratch}.layer{i}_rn.weight' for i in range(1, 5)}
    for i in range(1, 5):
        keys |= {f'{scratch}.refinenet{i}.out_conv.{k}' for k in both}
        keys |= {f'{scratch}.refinenet{i}.resConfUnit{u}.conv{c}.{k}' for u in (1, 2) for c in (1, 2) for k in both}
    keys |= {f'{scratch}.{m}.{k}' for m in ('output_conv1', 'output_conv2.0', 'output_conv2.2') for k in both}
    assert set(on_meta(preset).state_dict()) == keys


def test_relative_and_metric_networks_have_the_same_weights_so_only_metadata_tells_them_apart():
    assert on_meta('vits').state_dict().keys() == DepthAnything('vits', 20.0).state_dict().keys()


@pytest.mark.parametrize(('preset', 'max_depth_m'), [('vits', None), ('vits', 20.0), ('vitb', None), ('vitb', 80.0)])
def test_equals_transformers_on_the_native_grid(preset, max_depth_m):
    ours, other = same_weights(preset, max_depth_m)
    x = picture(518, 518)
    with torch.inference_mode():
        assert_equal_and_alive(ours(x), other(x).predicted_depth)


@pytest.mark.parametrize('max_depth_m', [None, 80.0])
def test_off_the_native_grid_the_position_embedding_is_the_only_difference_to_transformers(max_depth_m, monkeypatch):
    ours, other = same_weights('vits', max_depth_m)
    x = picture(252, 336)
    with torch.inference_mode():
        wanted = other(x).predicted_depth
        assert (ours(x) - wanted).abs().max() > 1e-3 * wanted.mean()  # the documented difference is there ...
        embedding = other.backbone.embeddings

        def by_size(h: int, w: int) -> torch.Tensor:
            tokens = torch.zeros(1, 1 + h * w, embedding.position_embeddings.shape[-1])
            return embedding.interpolate_pos_encoding(tokens, 14 * h, 14 * w)

        monkeypatch.setattr(ours.pretrained, 'position_embedding', by_size)
        assert_equal_and_alive(ours(x), wanted)  # ... and with it removed nothing is left


def test_the_giants_feed_forward_equals_transformers():
    """One block: the giant itself is 5 GB."""
    from transformers.models.dinov2.modeling_dinov2 import Dinov2Config, Dinov2SwiGLUFFN

    from dav2_ros.network.vit import SwiGlu

    other = randomised(Dinov2SwiGLUFFN(Dinov2Config(hidden_size=1536, mlp_ratio=4)))
    ours = SwiGlu(1536)
    with torch.no_grad():
        for part in ('weight', 'bias'):
            gate, value = (getattr(getattr(other, name), part) for name in ('gate_proj', 'up_proj'))
            getattr(ours.w12, part).copy_(torch.cat([gate, value]))
            getattr(ours.w3, part).copy_(getattr(other.down_proj, part))
    x = torch.randn(2, 5, 1536)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), other(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('preset', OUT_INDICES)
def test_every_preset_but_the_giant_takes_transformers_weights_name_by_name(preset):
    from transformers import DepthAnythingForDepthEstimation

    with torch.device('meta'):
        mapped = from_huggingface(DepthAnythingForDepthEstimation(config(preset, None)).state_dict())
    wanted = on_meta(preset).state_dict()
    assert {k: v.shape for k, v in mapped.items()} == {k: v.shape for k, v in wanted.items()}


def test_explicit_attention_is_the_same_function():
    model = randomised(DepthAnything('vitt', 80.0))
    x = picture(168, 224)
    with torch.inference_mode():
        fused = model(x)
        torch.testing.assert_close(model.explicit_attention()(x), fused, rtol=1e-5, atol=1e-4)


def test_a_batch_is_its_pictures_one_by_one():
    model = randomised(DepthAnything('vitt', 80.0))
    x = torch.cat([picture(168, 224), picture(168, 224).flip(-1)])
    with torch.inference_mode():
        torch.testing.assert_close(model(x), torch.cat([model(x[:1]), model(x[1:])]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(('h', 'w'), [(12, 16), (16, 12), (1, 1), (37, 66), (16, 17)])
def test_the_position_embedding_has_one_vector_per_patch_and_keeps_the_class_token(h, w):
    encoder = randomised(DepthAnything('vitt', None)).pretrained
    found = encoder.position_embedding(h, w)
    assert found.shape == (1, 1 + h * w, PRESETS['vitt'].embed_dim)
    assert torch.equal(found[:, 0], encoder.pos_embed[:, 0])


def test_every_grid_of_a_camera_gets_its_size_despite_the_offset():
    """floor(37 * (n + 0.1) / 37) must be n in floating point too, for each n and each grid."""
    for preset in ('vitt', 'vits'):
        encoder = DepthAnything(preset, None).pretrained
        encoder.pos_embed.data = encoder.pos_embed.data[..., :1]
        for n in range(1, 150):
            assert encoder.position_embedding(n, 3).shape[1] == 1 + 3 * n
            assert encoder.position_embedding(2, n).shape[1] == 1 + 2 * n


def test_metric_depth_stays_within_its_range_and_relative_is_not_negative():
    x = 100 * picture(168, 224)
    with torch.inference_mode():
        metric = randomised(DepthAnything('vitt', 80.0))(x)
        relative = randomised(DepthAnything('vitt', None))(x)
    assert metric.min() >= 0 and metric.max() <= 80.0
    assert relative.min() >= 0
