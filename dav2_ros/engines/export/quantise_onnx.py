# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Quantise the whole to int8 as an ONNX file, for TensorRT and whoever reads quantising operators.

Products compute in int8 between QuantizeLinear and DequantizeLinear, the rest in float32. TensorRT takes signed bytes
with zero points of 0 only; ONNX knows float16 between these operators from opset 19, and our files are opset 18.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.export import whole_onnx
from dav2_ros.engines.export.keys import whole_key
from dav2_ros.engines.export.quantise import QuantisedModel, digest_of, find_latest, load_nncf
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import onnx

FILE = 'model.onnx'


def find_quantised_onnx(checkpoint: Checkpoint, spec: EngineSpec) -> QuantisedModel:
    """Return the latest int8 file of these weights and this spec; raises EngineError that says how to make one."""
    facts = replace(whole_key(checkpoint, spec, 'int8'), what=cache.QUANTISED_ONNX).facts()
    wanted = {name: fact for name, fact in facts.items() if name not in ('runtime', 'calibration')}
    if found := find_latest(wanted, FILE):
        return found
    plan = spec.plan
    options = f' --frame {plan.width}x{plan.height}'
    options += f' --output {spec.output}' if spec.output != 'camera' else ''
    options += f' --batch {spec.batch}' if spec.batch != 1 else ''
    raise EngineError(
        f'There is no int8 file of {checkpoint.info.name} for {plan.width}x{plan.height} pictures and a network of '
        f'{plan.net_width}x{plan.net_height} here: make it with `dav2 export --engine tensorrt|onnx --int8 --calibrate '
        f'BAG|FOLDER{options}`, or choose another precision.'
    )


def quantise_onnx(checkpoint: Checkpoint, spec: EngineSpec, pictures: Sequence[np.ndarray]) -> QuantisedModel:
    """Return `whole_onnx` in int8, whose ranges are those of these pictures, (H, W, 3) uint8 RGB of any shape.

    It takes minutes, and shows its progress on stderr. Raises EngineError.
    """
    nncf, _ = load_nncf('onnxruntime', 'ONNX Runtime')
    key = replace(
        whole_key(checkpoint, spec, 'int8'),
        what=cache.QUANTISED_ONNX,
        runtime=f'nncf {nncf.__version__}',
        calibration=digest_of(pictures),
    )

    def make(made: Path) -> None:
        graph = whole_onnx(checkpoint, spec)
        import onnx

        model = onnx.load(graph)
        batches = _batches(pictures, spec)
        with contextlib.redirect_stdout(sys.stderr):  # where its progress bars belong
            quantised = nncf.quantize(
                model,
                nncf.Dataset(batches, lambda batch: {'picture': batch}),
                subset_size=len(batches),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.PERFORMANCE,  # symmetric
                ignored_scope=nncf.IgnoredScope(names=_kept(model)),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=nncf.OverflowFix.DISABLE,  # for CPUs without VNNI; it costs a bit of the weights
                    smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1),
                ),
            )
        _suit_tensorrt(quantised)
        onnx.save(quantised, made / FILE)

    folder = cache.obtain(key, make)
    os.utime(folder)  # the latest is the one that is found
    return QuantisedModel(folder / FILE, key.calibration)


def _batches(pictures: Sequence[np.ndarray], spec: EngineSpec) -> list[np.ndarray]:
    """Return all of them as (B, H, W, 3); another shape is stretched, and the last batch begins again in front."""
    size = spec.plan.width, spec.plan.height
    fitting = [picture if picture.shape[1::-1] == size else cv2.resize(picture, size) for picture in pictures]
    starts = range(0, len(fitting), spec.batch)
    return [np.stack([fitting[(k + i) % len(fitting)] for i in range(spec.batch)]) for k in starts]


def _kept(model: onnx.ModelProto) -> list[str]:
    """Return the names of what stays in floats: the convolutions of `quantise._kept`, resizing, transposed ones.

    TensorRT takes one scale per *input* channel of a transposed convolution and computes wrong depth from one per
    output channel, which is what quantising gives (NVIDIA/TensorRT issues 1694 and 2380).
    """
    convolutions = [node.name for node in model.graph.node if node.op_type == 'Conv']
    others = [node.name for node in model.graph.node if node.op_type in ('Resize', 'ConvTranspose')]
    return [convolutions[0], *convolutions[-3:], *others]


def _suit_tensorrt(model: onnx.ModelProto) -> None:
    """Make unsigned bytes, which NNCF takes where nothing is negative, signed ones; count axes from the front.

    Zero points are 0 before and after; what is left of 256 steps above 0 is 127.
    """
    from onnx import TensorProto, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    unsigned = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.UINT8}
    types = {value.name: value.type.tensor_type for value in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == 'QuantizeLinear' and node.input[2] in unsigned:
            scale, zero = (constants[name] for name in node.input[1:])
            wider = numpy_helper.to_array(scale) * np.float32(255 / 127)
            scale.CopyFrom(numpy_helper.from_array(np.float32(wider), scale.name))
            zero.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(zero), np.int8), zero.name))
            if node.output[0] in types:
                types[node.output[0]].elem_type = TensorProto.INT8
        elif node.op_type == 'DequantizeLinear' and node.input[0] in constants:
            for axis in (each for each in node.attribute if each.name == 'axis' and each.i < 0):
                axis.i += len(constants[node.input[0]].dims)
