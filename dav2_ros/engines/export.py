# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network as an ONNX file of one shape, kept between runs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dav2_ros.engines.engine import EngineError
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.network.presets import PATCH

GRAPH = 1  # raise when the exported graph changes: older files are then made anew
OPSET = 18


def cache_home() -> Path:
    """Return the folder of built engines: $DAV2_CACHE, or ~/.cache/dav2_ros/engines."""
    return Path(os.environ.get('DAV2_CACHE') or Path.home() / '.cache' / 'dav2_ros' / 'engines').expanduser()


def cached_onnx(checkpoint: Checkpoint, height: int, width: int) -> Path:
    """Return the ONNX file of this checkpoint for (1, 3, height, width), exporting it if it is not there."""
    key = f'{checkpoint.info.name}-{checkpoint.sha256[:16]}-{height}x{width}-graph{GRAPH}'
    path = cache_home() / f'{key}.onnx'
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as beside:
            made = Path(beside) / path.name
            export_onnx(checkpoint, height, width, made)
            os.replace(made, path)
    return path


def export_onnx(checkpoint: Checkpoint, height: int, width: int, path: Path) -> None:
    """Write `image` (1, 3, height, width) float32 -> `depth` (1, height, width) float32, weights inside.

    Attention is written out (matmul, softmax, matmul), because several TensorRT versions mis-compile the fused
    operator, and the position embedding is a constant of the shape.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
        import torch
    except ImportError as error:
        raise EngineError(
            f'Exporting to ONNX needs PyTorch, onnx and onnxscript ({error.name} is missing): '
            "`pip install torch 'dav2_ros[onnx]'`."
        ) from error
    import logging

    network = build(checkpoint).explicit_attention()
    network.pretrained.bake_position_embedding(height // PATCH, width // PATCH)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, height, width),),
        str(path),
        input_names=['image'],
        output_names=['depth'],
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
