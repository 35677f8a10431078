# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a name to an engine."""

from __future__ import annotations

from dav2_ros.engines import ENGINES
from dav2_ros.engines.engine import Engine, EngineError
from dav2_ros.models.checkpoints import Checkpoint


def open_engine(
    checkpoint: Checkpoint,
    name: str = 'auto',
    *,
    height: int,
    width: int,
    device: str = 'auto',
    precision: str = 'auto',
) -> Engine:
    """Describe the engine `name` for one network input shape; enter it to load it.

    `auto` is torch, which loads the weights anyway. Raises EngineError with what to install or choose.
    """
    arguments = {'height': height, 'width': width, 'device': device, 'precision': precision}
    if name in ('auto', 'torch'):
        from dav2_ros.engines.torch_engine import TorchEngine

        return TorchEngine(checkpoint, **arguments)
    if name == 'onnxruntime':
        from dav2_ros.engines.onnxruntime_engine import OnnxRuntimeEngine

        return OnnxRuntimeEngine(checkpoint, **arguments)
    raise EngineError(f'There is no engine {name!r}: choose auto, {" or ".join(ENGINES)}.')
