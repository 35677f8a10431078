# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Export the network as an ONNX file of one shape: alone for a CPU, with everything around it for the rest."""

from __future__ import annotations

from pathlib import Path

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineSpec
from dav2_ros.engines.export.keys import network_key, whole_key
from dav2_ros.engines.export.subprocess_export import export_in_a_process
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint


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
