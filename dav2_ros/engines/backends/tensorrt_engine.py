# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run TensorRT on an NVIDIA GPU: one recorded graph from the picture's bytes to metres.

Written for 10.x (10.3 of JetPack 6 and later) against the published API; the gate proves what it builds, and has to:
several releases give wrong depth for this kind of network without a word.

On a Jetson with JetPack 6 (aarch64, Ubuntu 22.04, Python 3.10) TensorRT is part of the system (python3-libnvinfer):
make the environment with `python3 -m venv --system-site-packages`, and `pip install 'cuda-bindings<13'`. The first use
of a camera's shape exports with PyTorch; a cache made on the same kind of Jetson serves one without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.backends.device_memory import CudaStream, PinnedBuffers, call, cuda_runtime, gpu_index, gpu_name
from dav2_ros.engines.backends.tensorrt_build import make_log, obtain_plan, plan_key
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.quantise_onnx import find_quantised_onnx
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import tensorrt

PRECISIONS = ('fp32', 'fp16', 'int8')

Owned = TypeVar('Owned', PinnedBuffers, CudaStream)


class TensorRtEngine:
    """A plan for one camera's shape, replayed as a CUDA graph. `precision` auto is fp16.

    int8 is what `dav2 export --engine tensorrt --int8` calibrated; what is not int8 of its graph computes in fp32.

    Args:
        checkpoint, spec: as for every engine.
        say: gets sentences while a plan is built, which takes minutes; what it raises stops the build.
    """

    name = 'tensorrt'

    def __init__(
        self, checkpoint: Checkpoint, spec: EngineSpec, say: Callable[[str], None] = lambda text: None
    ) -> None:
        require_tensorrt()
        self._index = gpu_index(spec.device)
        if spec.precision not in ('auto', *PRECISIONS):
            raise EngineError(
                f'The tensorrt engine runs in {", ".join(PRECISIONS)}, not in {spec.precision}: choose one of them.'
            )
        self._gpu = gpu_name(self._index)
        self.checkpoint, self.spec, self._say = checkpoint, spec, say
        self.device = 'cuda' if spec.device == 'auto' else spec.device
        self.precision = 'fp16' if spec.precision == 'auto' else spec.precision
        self._quantised = find_quantised_onnx(checkpoint, spec) if self.precision == 'int8' else None
        self.calibration = self._quantised.calibration if self._quantised else ''
        self._owned: list[PinnedBuffers | CudaStream] = []
        self._plan: tensorrt.ICudaEngine | None = None
        self._context: tensorrt.IExecutionContext | None = None

    def __enter__(self) -> TensorRtEngine:
        self._use_gpu()
        self._plan = self._load()
        assert self._plan is not None  # else it has raised
        spec, plan = self.spec, self.spec.plan
        try:
            self._context = self._plan.create_execution_context()
            if self._context is None:
                raise EngineError('TensorRT has no room to run its plan: free memory on the GPU, or choose device cpu.')
            self._stream = self._own(CudaStream())
            self._pictures = self._own(PinnedBuffers((spec.batch, plan.height, plan.width, 3), np.uint8))
            self._depths = self._own(PinnedBuffers((spec.batch, *spec.out_shape), np.float32))
            self._context.set_tensor_address('picture', self._pictures.pointer)
            self._context.set_tensor_address('depth', self._depths.pointer)
            self._queue()  # TensorRT allocates on the first call: not while it is recorded
            self._stream.wait()
            self._stream.record(self._queue)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @property
    def is_built(self) -> bool:
        """See `Engine.is_built`."""
        import tensorrt as trt

        key = plan_key(self.checkpoint, self.spec, self.precision, trt.__version__, self._gpu, self.calibration)
        return cache.find(key) is not None

    def __exit__(self, *exc: object) -> None:
        self._use_gpu()
        self._context = self._plan = None
        while self._owned:
            self._owned.pop().free()

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is the engine's pinned buffer."""
        self._use_gpu()
        np.copyto(self._pictures.host[: len(pictures)], pictures)
        self._stream.replay()
        self._stream.wait()
        return self._depths.host[: len(pictures)]

    def _queue(self) -> None:
        """Queue one call: bytes up, the network, metres down."""
        self._pictures.upload(self._stream.handle)
        assert self._context is not None  # entered
        if not self._context.execute_async_v3(int(self._stream.handle)):
            raise EngineError('TensorRT refused to run its own plan: choose engine torch.')
        self._depths.download(self._stream.handle)

    def _use_gpu(self) -> None:
        """Say which GPU is meant: CUDA remembers it for each thread, and several threads use an engine in turn."""
        call(cuda_runtime().cudaSetDevice(self._index))

    def _own(self, what: Owned) -> Owned:
        self._owned.append(what)
        return what

    def _load(self) -> tensorrt.ICudaEngine:
        """Return the plan, built if need be; one that TensorRT does not take is built once more."""
        import tensorrt as trt

        self._log = make_log(trt)  # it must outlive the plan
        for _ in range(2):
            path = obtain_plan(trt, self.checkpoint, self.spec, self.precision, self._gpu, self._say, self._quantised)
            self._runtime = trt.Runtime(self._log)
            if plan := self._runtime.deserialize_cuda_engine(path.read_bytes()):
                return plan
            self._say(f'TensorRT does not take {path.parent.name}: building it again.')
            cache.remove(path.parent)
        raise EngineError(
            f'TensorRT {trt.__version__} does not load the plan that it has just built '
            f'({self._log.errors[-1] if self._log.errors else "it gives no reason"}): choose engine torch.'
        )


def require_tensorrt() -> None:
    """Raise EngineError unless TensorRT is here and loads."""
    try:
        import tensorrt  # noqa: F401
    except ImportError as error:
        raise EngineError(
            'The tensorrt engine needs TensorRT 10: `pip install tensorrt cuda-bindings` on a desktop, part of '
            'JetPack on a Jetson; or choose engine torch.'
        ) from error
