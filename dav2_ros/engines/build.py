# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a name to an engine."""

from __future__ import annotations

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import Engine, EngineError, EngineSpec
from dav2_ros.models.checkpoints import Checkpoint


def describe_engine(checkpoint: Checkpoint, name: str, spec: EngineSpec) -> Engine:
    """Describe the engine `name`; enter it to load it. Raises EngineError with what to install or choose."""
    if name in ('auto', 'torch'):
        from dav2_ros.engines.torch_cuda_engine import TorchCudaEngine
        from dav2_ros.engines.torch_engine import TorchEngine, torch_device

        device = torch_device(spec.device)
        return TorchEngine(checkpoint, spec) if device == 'cpu' else TorchCudaEngine(checkpoint, spec, device)
    if name == 'onnxruntime':
        from dav2_ros.engines.onnxruntime_engine import OnnxRuntimeEngine

        return OnnxRuntimeEngine(checkpoint, spec)
    if name == 'openvino':
        from dav2_ros.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(checkpoint, spec)
    raise EngineError(f'There is no engine {name!r}: choose auto, {" or ".join(ENGINES)}.')
