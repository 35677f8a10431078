# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write an ONNX file for other programs: a picture's bytes in, depth out, and what it is written inside."""

from __future__ import annotations

import math
from dataclasses import astuple
from importlib import metadata
from pathlib import Path

from dav2_ros.engines.engine import EngineSpec
from dav2_ros.engines.export.export import whole_onnx
from dav2_ros.engines.export.keys import GRAPH
from dav2_ros.engines.export.quantise_onnx import find_quantised_onnx
from dav2_ros.files.atomic import write_file
from dav2_ros.models.checkpoints import Checkpoint


def write_onnx(checkpoint: Checkpoint, spec: EngineSpec, precision: str, path: Path) -> None:
    """Write `picture` (B, H, W, 3) uint8 RGB -> `depth` (B, *out_shape) float32, beside and then renamed.

    `precision`, fp32, fp16 or the int8 that was calibrated, is the network's; bytes and depth stay what they are.
    Raises EngineError.
    """
    calibration = ''
    if precision == 'int8':
        graph, calibration = astuple(find_quantised_onnx(checkpoint, spec))
    else:
        graph = whole_onnx(checkpoint, spec, precision)  # without onnx installed this is what says so
    import onnx

    model = onnx.load(graph)
    onnx.helper.set_model_props(model, onnx_facts(checkpoint, spec, precision, calibration))
    write_file(path, model.SerializeToString())


def onnx_facts(checkpoint: Checkpoint, spec: EngineSpec, precision: str, calibration: str = '') -> dict[str, str]:
    """Return what the file says of itself in its `metadata_props`: text by name, '' where it is not known."""
    info, plan = checkpoint.info, spec.plan
    facts = {
        'model': info.name,
        'preset': info.preset,
        'license': info.license,
        'weights_sha256': checkpoint.sha256,
        'kind': info.kind,
        'max_depth_m': info.max_depth_m,
        'f_train_px': info.f_train_px,
        'train_size': info.train_size,
        'canonical': info.canonical,
        'picture': f'uint8 RGB ({spec.batch}, {plan.height}, {plan.width}, 3)',
        'network_input': f'{plan.net_height}, {plan.net_width}: the picture is resized to it inside',
        'depth': f'float32 ({spec.batch}, {spec.out_shape[0]}, {spec.out_shape[1]}): {_meaning(checkpoint, spec)}',
        'precision': precision,
        'calibration_sha256': calibration,
        'made_by': f'dav2_ros {metadata.version("dav2_ros")}, graph {GRAPH}',
    }
    return {name: '' if fact is None else str(fact) for name, fact in facts.items()}


def _meaning(checkpoint: Checkpoint, spec: EngineSpec) -> str:
    info, plan = checkpoint.info, spec.plan
    if info.kind != 'metric':
        return 'relative inverse depth, larger is nearer, no metres'
    if not info.canonical:
        return 'metres along Z, for cameras like those of its training'
    assert info.f_train_px is not None  # ModelInfo refuses a canonical model without
    factor = math.sqrt(plan.net_width / plan.width * plan.net_height / plan.height) / info.f_train_px
    return (
        f"metres along Z once multiplied by {factor:.7g} * sqrt(fx * fy), the camera's focal lengths in pixels of the "
        'picture'
    )
