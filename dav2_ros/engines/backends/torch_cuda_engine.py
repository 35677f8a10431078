# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run PyTorch on a CUDA GPU: one captured graph from the picture's bytes to metres."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.engines.backends.torch_engine import DTYPES
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.models.checkpoints import Checkpoint, build

if TYPE_CHECKING:
    import torch

    from dav2_ros.engines.export.end_to_end import PictureToDepth

WARM_UPS = 3  # libraries choose their kernels, and cuDNN tries several, before anything is captured
NO_MEMORY = ('out of memory', 'alloc_failed')  # how CUDA and its libraries say it
_capturing = threading.Lock()  # PyTorch's allocator takes one capture at a time, and frees nothing during one


class TorchCudaEngine:
    """Channels-last, fused attention, folded weights, resizing on the GPU, replayed as a CUDA graph.

    The bytes travel through pinned memory, and the only wait is for the depth that comes back. `precision` auto is
    fp16.

    Args:
        checkpoint, spec: as for every engine.
        device: cuda, cuda:1 ...
        use_graph: False launches every kernel anew for each picture; to measure what the graph gains.
    """

    name = 'torch'
    calibration = ''
    is_built = True

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec, device: str, use_graph: bool = True) -> None:
        if spec.precision == 'int8':
            raise EngineError('The torch engine knows no int8: choose precision fp16 or fp32.')
        self.checkpoint, self.spec, self.use_graph = checkpoint, spec, use_graph
        self.device, self.precision = device, 'fp16' if spec.precision == 'auto' else spec.precision
        self._network: PictureToDepth | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._pictures: torch.Tensor | None = None  # on the GPU, and what the graph makes of them
        self._depths: torch.Tensor | None = None
        self._given: torch.Tensor | None = None  # the same in pinned memory
        self._found: torch.Tensor | None = None

    def __enter__(self) -> TorchCudaEngine:
        try:
            self._open()
            return self
        except Exception as error:
            self.__exit__(None, None, None)
            if not _is_out_of_memory(error):
                raise
        with contextlib.suppress(RuntimeError):  # outside of `except`: the traceback kept what had been allocated
            self._free_cached()
        plan = self.spec.plan
        raise EngineError(
            f'{self.checkpoint.info.name} in {self.precision} at {plan.net_width}x{plan.net_height}, batch '
            f'{self.spec.batch}, does not fit into the memory of {self.device}: free some there, choose a smaller '
            'model, size or batch, or device cpu.'
        )

    def _open(self) -> None:
        import torch

        from dav2_ros.engines.export.end_to_end import PictureToDepth
        from dav2_ros.engines.export.fold import fold

        spec, dtype = self.spec, getattr(torch, DTYPES[self.precision])
        with torch.cuda.device(self.device), torch.no_grad():
            network = PictureToDepth(fold(build(self.checkpoint)), spec.plan, spec.out_shape, dtype)
            self._network = network = network.to('cuda', memory_format=torch.channels_last).eval()
            self._stream = torch.cuda.Stream()
            self._given = given = torch.zeros(
                (spec.batch, spec.plan.height, spec.plan.width, 3), dtype=torch.uint8
            ).pin_memory()
            self._found = torch.zeros((spec.batch, *spec.out_shape), dtype=torch.float32).pin_memory()
            self._pictures = pictures = given.cuda()
            self._stream.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.device(self.device), self._exact():
            if self.use_graph:
                self._graph, self._depths = self._capture(lambda: network(pictures))
            else:
                with torch.cuda.stream(self._stream):
                    network(pictures)
            self._stream.synchronize()

    def _exact(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which fp32 means fp32: by default cuDNN convolves in TF32, with 10 bits of mantissa."""
        import torch

        return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=self.precision != 'fp32')

    def _capture(self, call: Callable[[], torch.Tensor]) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        """Capture what `call` launches; returns the graph and what `call` returned, which each replay fills again."""
        import torch

        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                call()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # thread_local: meanwhile another engine may serve frames on another thread
        with _capturing, torch.cuda.graph(graph, stream=self._stream, capture_error_mode='thread_local'):
            result = call()
        return graph, result

    def __exit__(self, *exc: object) -> None:
        was_open = self._network is not None
        self._graph = self._network = self._pictures = self._depths = self._given = self._found = None
        if was_open:
            with contextlib.suppress(RuntimeError):  # what broke the GPU's context has been raised before
                self._free_cached()

    def _free_cached(self) -> None:
        """Give freed memory back to the GPU: the next engine may be another library's, or another process's."""
        import torch

        with _capturing, torch.cuda.device(self.device):
            torch.cuda.empty_cache()

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is the engine's pinned buffer."""
        import torch

        assert self._network is not None and self._pictures is not None  # entered
        assert self._given is not None and self._found is not None
        np.copyto(self._given.numpy()[: len(pictures)], pictures)
        with torch.inference_mode(), torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            self._pictures.copy_(self._given, non_blocking=True)
            if self._graph is not None:
                self._graph.replay()
                depths = self._depths
            else:
                with self._exact():
                    depths = self._network(self._pictures)
            self._found.copy_(depths, non_blocking=True)
            self._stream.synchronize()
        return self._found.numpy()[: len(pictures)]

    def stage_ms(self, count: int = 50) -> dict[str, float]:
        """Time the stages of `infer` one by one, by the GPU's own clock: ms of each, the mean of `count`."""
        import torch

        whole, pictures, given, found = self._network, self._pictures, self._given, self._found
        assert whole is not None and pictures is not None and given is not None and found is not None  # entered
        with torch.inference_mode(), torch.cuda.device(self.device), self._exact():
            images = whole.prepare(pictures)
            depths = whole.network(images)
            finished = whole.finish(depths)
            self._stream.wait_stream(torch.cuda.current_stream())
            calls = {
                'upload': lambda: pictures.copy_(given, non_blocking=True),
                'prepare': self._capture(lambda: whole.prepare(pictures))[0].replay,
                'network': self._capture(lambda: whole.network(images))[0].replay,
                'finish': self._capture(lambda: whole.finish(depths))[0].replay,
                'download': lambda: found.copy_(finished, non_blocking=True),
            }
            with torch.cuda.stream(self._stream):
                return {name: event_ms(call, count) for name, call in calls.items()}


def event_ms(call: Callable[[], object], count: int) -> float:
    """Return the mean time of a call on the current stream, without its launch where the GPU is behind."""
    import torch

    call()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(count):
        call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / count


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one before it, was about memory: a capture that breaks off raises its own."""
    import torch

    while error is not None:
        if isinstance(error, torch.cuda.OutOfMemoryError) or any(x in str(error).lower() for x in NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
