# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folding changes the operations of a network, never what it computes."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from dav2_ros.engines.export.fold import fold
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PRESETS
from dav2_ros.network.vit import LayerScale


def unlike_any_start(preset: str, max_depth_m: float | None) -> DepthAnything:
    """Make a network in which every factor differs from one and every bias from zero."""
    network = DepthAnything(preset, max_depth_m).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if p.ndim > 1:
                p.normal_(0.0, p[0].numel() ** -0.5, generator=generator)
            else:
                p.normal_(0.0 if name.endswith('bias') else 1.0, 0.3, generator=generator)
        if max_depth_m is None:
            network.depth_head.scratch.output_conv2[2].bias.add_(3.0)  # else its ReLU may leave nothing
    return network


pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(params=PRESETS)
def preset(request, monkeypatch) -> str:
    """A tenth of each preset: its kind of feed-forward and its taps in order, narrow and four blocks deep."""
    whole = PRESETS[request.param]
    small = replace(
        whole, embed_dim=48, blocks=4, heads=3, taps=(0, 1, 2, 3), features=16, out_channels=(8, 12, 16, 20), grid=6
    )
    monkeypatch.setitem(PRESETS, request.param, small)
    return request.param


@pytest.mark.parametrize('max_depth_m', [20.0, None], ids=['metric', 'relative'])
def test_a_folded_network_computes_the_same(preset, max_depth_m):
    network = unlike_any_start(preset, max_depth_m)
    images = torch.randn(2, 3, 70, 98, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network(images)
        found = fold(copy.deepcopy(network))(images)
    assert wanted.std() > 0.02 * wanted.max()
    assert (found - wanted).abs().max() <= 1e-5 * wanted.max()


def test_nothing_is_left_to_scale():
    network = fold(unlike_any_start('vitt', 20.0))
    assert not [m for m in network.modules() if isinstance(m, LayerScale)]
    assert not [m for m in network.modules() if isinstance(m, nn.LayerNorm) and m.elementwise_affine]
