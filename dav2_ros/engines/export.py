# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network as an ONNX file of one shape: the network alone for a CPU, with everything around it for the rest."""

from __future__ import annotations

import logging
from pathlib import Path

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export_process import export_in_a_process, require_exporter
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.network.presets import PATCH
from dav2_ros.resize import ResizePlan

GRAPH = 3  # raise when an exported graph changes: older files are then made anew
OPSET = 18


def network_onnx(checkpoint: Checkpoint, plan: ResizePlan) -> Path:
    """Return the cached ONNX file of the network alone, `image` (1, 3, h, w) float32 -> `depth` (1, h, w) float32."""
    key = network_key(checkpoint, plan)
    spec = EngineSpec(plan)
    make = lambda made: export_in_a_process('network', checkpoint, spec, made / 'model.onnx', 'fp32')  # noqa: E731
    return cache.obtain(key, make) / 'model.onnx'


def whole_onnx(checkpoint: Checkpoint, spec: EngineSpec, precision: str = 'fp32') -> Path:
    """Return the cached ONNX file of the whole, `picture` (B, H, W, 3) uint8 -> `depth` (B, *out_shape) float32."""
    key = whole_key(checkpoint, spec, precision)
    make = lambda made: export_in_a_process('whole', checkpoint, spec, made / 'model.onnx', precision)  # noqa: E731
    return cache.obtain(key, make) / 'model.onnx'


def network_key(checkpoint: Checkpoint, plan: ResizePlan) -> cache.Key:
    """Return the key of `network_onnx`."""
    return cache.Key(checkpoint.info.name, checkpoint.sha256, 'onnx', GRAPH, (0, 0), (plan.net_height, plan.net_width))


def whole_key(checkpoint: Checkpoint, spec: EngineSpec, precision: str) -> cache.Key:
    """Return the key of `whole_onnx`."""
    plan = spec.plan
    return cache.Key(
        checkpoint.info.name,
        checkpoint.sha256,
        'whole-onnx',
        GRAPH,
        (plan.height, plan.width),
        (plan.net_height, plan.net_width),
        spec.output,
        spec.batch,
        precision,
    )


def export_network(checkpoint: Checkpoint, plan: ResizePlan, path: Path) -> None:
    """Write `image` (1, 3, h, w) float32 normalised RGB -> `depth` (1, h, w) float32, weights inside."""
    torch = _torch()
    from dav2_ros.engines.fold import fold

    network = fold(build(checkpoint).explicit_attention())
    network.pretrained.bake_position_embedding(plan.net_height // PATCH, plan.net_width // PATCH)
    _export(network, torch.zeros(1, 3, plan.net_height, plan.net_width), 'image', path)


def export_whole(checkpoint: Checkpoint, spec: EngineSpec, path: Path, precision: str = 'fp32') -> None:
    """Write `picture` (B, H, W, 3) uint8 RGB -> `depth` (B, *out_shape) float32; fp16 is the network's part only."""
    torch = _torch()
    from dav2_ros.engines.fold import fold
    from dav2_ros.engines.picture import PictureToDepth

    if precision not in ('fp32', 'fp16'):
        raise EngineError(f'There is no export in {precision}: choose fp32 or fp16.')
    dtype = torch.float16 if precision == 'fp16' else torch.float32
    network = fold(build(checkpoint).explicit_attention())
    graph = PictureToDepth(network, spec.plan, spec.out_shape, dtype).eval()
    pictures = torch.zeros(spec.batch, spec.plan.height, spec.plan.width, 3, dtype=torch.uint8)
    _export(graph, pictures, 'picture', path)


def _export(graph, example, name: str, path: Path) -> None:
    """Attention is written out by the callers: several TensorRT versions mis-compile the fused operator."""
    import torch

    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    torch.onnx.export(
        graph,
        (example,),
        str(path),
        input_names=[name],
        output_names=['depth'],
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _torch():
    require_exporter()
    import torch

    return torch
