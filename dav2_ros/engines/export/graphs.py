# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trace the network, alone or with everything around it, into an ONNX graph."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.network.presets import PATCH

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 18


def export_network(checkpoint: Checkpoint, plan: ResizePlan, path: Path) -> None:
    """Write `image` (1, 3, h, w) float32 normalised RGB -> `depth` (1, h, w) float32, weights inside."""
    torch = _torch()
    from dav2_ros.engines.export.fold import fold

    network = fold(build(checkpoint).explicit_attention())
    network.pretrained.bake_position_embedding(plan.net_height // PATCH, plan.net_width // PATCH)
    _export(network, torch.zeros(1, 3, plan.net_height, plan.net_width), 'image', path)


def export_whole(checkpoint: Checkpoint, spec: EngineSpec, path: Path, precision: str = 'fp32') -> None:
    """Write `picture` (B, H, W, 3) uint8 RGB -> `depth` (B, *out_shape) float32; fp16 is the network's part only."""
    torch = _torch()
    from dav2_ros.engines.export.end_to_end import PictureToDepth
    from dav2_ros.engines.export.fold import fold

    if precision not in ('fp32', 'fp16'):
        raise EngineError(f'There is no export in {precision}: choose fp32 or fp16.')
    dtype = torch.float16 if precision == 'fp16' else torch.float32
    network = fold(build(checkpoint).explicit_attention())
    graph = PictureToDepth(network, spec.plan, spec.out_shape, dtype).eval()
    pictures = torch.zeros(spec.batch, spec.plan.height, spec.plan.width, 3, dtype=torch.uint8)
    _export(graph, pictures, 'picture', path)


def _export(graph: nn.Module, example: Tensor, name: str, path: Path) -> None:
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


def _torch() -> ModuleType:
    require_exporter()
    import torch

    return torch


def require_exporter() -> None:
    """Raise EngineError unless everything is installed that exporting takes; nothing is loaded."""
    missing = [name for name in ('torch', 'onnx', 'onnxscript') if find_spec(name) is None]
    if missing:
        raise EngineError(
            f'Exporting to ONNX needs PyTorch, onnx and onnxscript ({missing[0]} is missing): '
            "`pip install torch 'dav2_ros[onnx]'`."
        )
