# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run ONNX Runtime on the CPU, from a graph exported once per weights and shape."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.backends.cpu_engine import CpuEngine
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.export import network_onnx
from dav2_ros.engines.export.keys import network_key
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import onnxruntime


class OnnxRuntimeEngine(CpuEngine):
    """ONNX Runtime, fp32. The first use of a shape exports its graph, which needs PyTorch and takes some seconds."""

    name = 'onnxruntime'

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec) -> None:
        if spec.precision not in ('auto', 'fp32'):
            raise EngineError(
                f'The onnxruntime engine runs on a CPU in fp32, not in {spec.precision}: choose fp32, or engine torch.'
            )
        self.checkpoint, self.spec = checkpoint, spec
        self.device, self.precision = 'cpu', 'fp32'
        self._session: onnxruntime.InferenceSession | None = None

    def __enter__(self) -> OnnxRuntimeEngine:
        import onnxruntime

        path = network_onnx(self.checkpoint, self.spec.plan)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        # Spinning threads would take the cores that the node needs to receive and publish.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
        self._warm_up()
        return self

    @property
    def is_built(self) -> bool:
        """See `Engine.is_built`."""
        return cache.find(network_key(self.checkpoint, self.spec.plan)) is not None

    def __exit__(self, *exc: object) -> None:
        self._session = None

    def _run(self, image: np.ndarray) -> np.ndarray:
        assert self._session is not None  # entered
        return self._session.run(None, {'image': image})[0]


def onnxruntime_device(asked: str) -> str:
    """Return the device for `asked`; auto is the first GPU of an ONNX Runtime that knows CUDA, else the CPU.

    Raises EngineError.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            "The onnxruntime engine needs ONNX Runtime: `pip install 'dav2_ros[onnx]'`, or choose engine torch."
        ) from error
    if asked == 'auto':
        return 'cuda' if 'CUDAExecutionProvider' in onnxruntime.get_available_providers() else 'cpu'
    if asked != 'cpu' and asked.partition(':')[0] != 'cuda':
        raise EngineError(
            f'The onnxruntime engine runs on cpu or cuda, not on {asked!r}: choose one of them, or engine torch.'
        )
    return asked
