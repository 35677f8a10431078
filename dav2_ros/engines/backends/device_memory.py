# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Use the CUDA runtime without PyTorch: a GPU's name, a stream, pinned buffers, a graph.

Through cuda-python, which a Jetson can have without the gigabytes of PyTorch. Every call raises EngineError.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from dav2_ros.engines.engine import EngineError

if TYPE_CHECKING:
    from cuda.bindings.runtime import cudaGraphExec_t, cudaStream_t


def cuda_runtime() -> ModuleType:
    """Return cuda-python's module of the CUDA runtime; raises EngineError where it is not installed."""
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise EngineError(
            'The tensorrt engine needs cuda-bindings: `pip install cuda-bindings` in the version of your CUDA, or '
            'choose engine torch.'
        ) from error
    return runtime


def call(returned: tuple[Any, ...]) -> Any:
    """Return what a call of the runtime returned beside its status; raises EngineError for any status but success."""
    status, *values = returned
    if int(status):
        raise EngineError(f'CUDA answered {status.name}: free memory on the GPU, or choose device cpu.')
    return values[0] if len(values) == 1 else None


def gpu_index(device: str) -> int:
    """Return the number of the GPU that `device` names: auto and cuda are the first. Raises EngineError."""
    kind, _, number = ('cuda' if device == 'auto' else device).partition(':')
    if kind != 'cuda' or not (number or '0').isdecimal():
        raise EngineError(f'The tensorrt engine runs on CUDA GPUs, not on {device!r}: choose device auto or cuda.')
    return int(number or 0)


def gpu_name(index: int) -> str:
    """Return name and compute capability: what a plan is made for. Raises EngineError if there is no such GPU."""
    cuda = cuda_runtime()
    try:
        count = call(cuda.cudaGetDeviceCount())
    except (EngineError, RuntimeError):  # no driver: some releases of cuda-python answer, some raise
        count = 0
    if index >= count:
        raise EngineError(
            f'GPU cuda:{index} was asked for, but CUDA sees {count or "none"} here: choose device cpu, or engine auto.'
        )
    about = call(cuda.cudaGetDeviceProperties(index))
    return f'{about.name.split(bytes(1))[0].decode()} (compute {about.major}.{about.minor})'


class PinnedBuffers:
    """The same array twice: on the host, where the GPU can reach it while the CPU does other things, and on the GPU."""

    def __init__(self, shape: tuple[int, ...], dtype: type) -> None:
        cuda = cuda_runtime()
        self.nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        self._pinned = int(call(cuda.cudaMallocHost(self.nbytes)))
        self.pointer = int(call(cuda.cudaMalloc(self.nbytes)))
        bytes_ = (ctypes.c_uint8 * self.nbytes).from_address(self._pinned)
        self.host: np.ndarray = np.frombuffer(memoryview(bytes_), dtype).reshape(shape)
        self.host[...] = 0

    def upload(self, stream: cudaStream_t) -> None:
        """Queue the copy to the GPU."""
        self._copy(self.pointer, self._pinned, 'cudaMemcpyHostToDevice', stream)

    def download(self, stream: cudaStream_t) -> None:
        """Queue the copy from the GPU."""
        self._copy(self._pinned, self.pointer, 'cudaMemcpyDeviceToHost', stream)

    def _copy(self, to: int, source: int, kind: str, stream: cudaStream_t) -> None:
        cuda = cuda_runtime()
        call(cuda.cudaMemcpyAsync(to, source, self.nbytes, getattr(cuda.cudaMemcpyKind, kind), stream))

    def free(self) -> None:
        """Free both; arrays that view `host` must not be read any more."""
        cuda = cuda_runtime()
        cuda.cudaFree(self.pointer)
        cuda.cudaFreeHost(self._pinned)


class CudaStream:
    """A queue of work on one GPU, and its recording: what was queued once can be queued again as one CUDA graph."""

    def __init__(self) -> None:
        cuda = cuda_runtime()
        # non-blocking: what other threads queue on the default stream, as PyTorch does, would break off a recording
        self.handle: cudaStream_t = call(cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))
        self._graph: cudaGraphExec_t | None = None

    def wait(self) -> None:
        """Wait until all that was queued is done."""
        call(cuda_runtime().cudaStreamSynchronize(self.handle))

    def record(self, queue: Callable[[], None]) -> None:
        """Record what `queue` queues, without doing it. Other threads' calls are not in its way."""
        cuda = cuda_runtime()
        call(cuda.cudaStreamBeginCapture(self.handle, cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal))
        try:
            queue()
        finally:  # also after an error: the stream is unusable until its capture ends
            ended = cuda.cudaStreamEndCapture(self.handle)
        graph = call(ended)
        self._graph = call(cuda.cudaGraphInstantiate(graph, 0))
        call(cuda.cudaGraphDestroy(graph))

    def replay(self) -> None:
        """Queue what was recorded."""
        call(cuda_runtime().cudaGraphLaunch(self._graph, self.handle))

    def free(self) -> None:
        """Free the stream and the recording."""
        cuda = cuda_runtime()
        if self._graph is not None:
            cuda.cudaGraphExecDestroy(self._graph)
        cuda.cudaStreamDestroy(self.handle)
