# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make an engine by its name."""

from __future__ import annotations

from collections.abc import Callable

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import Engine, EngineError, EngineSpec
from dav2_ros.models.checkpoints import Checkpoint


def describe_engine(
    checkpoint: Checkpoint, name: str, spec: EngineSpec, say: Callable[[str], None] = lambda text: None
) -> Engine:
    """Describe the engine `name`; enter it to load it. Raises EngineError with what to install or choose.

    `say` gets a sentence now and then from an engine that is minutes in the making; what it raises stops that.
    """
    if name in ('auto', 'torch'):
        from dav2_ros.engines.backends.torch_cuda_engine import TorchCudaEngine
        from dav2_ros.engines.backends.torch_engine import TorchEngine, torch_device

        device = torch_device(spec.device)
        return TorchEngine(checkpoint, spec) if device == 'cpu' else TorchCudaEngine(checkpoint, spec, device)
    if name == 'onnxruntime':
        from dav2_ros.engines.backends.onnxruntime_cuda_engine import OnnxRuntimeCudaEngine
        from dav2_ros.engines.backends.onnxruntime_engine import OnnxRuntimeEngine, onnxruntime_device

        device = onnxruntime_device(spec.device)
        return (
            OnnxRuntimeEngine(checkpoint, spec) if device == 'cpu' else OnnxRuntimeCudaEngine(checkpoint, spec, device)
        )
    if name == 'openvino':
        from dav2_ros.engines.backends.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(checkpoint, spec)
    if name == 'tensorrt':
        from dav2_ros.engines.backends.tensorrt_engine import TensorRtEngine

        return TensorRtEngine(checkpoint, spec, say)
    raise EngineError(f'There is no engine {name!r}: choose auto, {" or ".join(ENGINES)}.')
