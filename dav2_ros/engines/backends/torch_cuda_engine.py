# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch on a CUDA GPU: one captured graph from the picture's bytes to metres."""

from __future__ import annotations

import threading

import numpy as np

from dav2_ros.engines.backends.torch_engine import DTYPES
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.models.checkpoints import Checkpoint, build

_capturing = threading.Lock()  # PyTorch's allocator takes one capture at a time


class TorchCudaEngine:
    """Channels-last, fused attention, resizing on the GPU, replayed as a CUDA graph. `precision` auto is fp16.

    The bytes travel through pinned memory, and the only wait is for the depth that comes back.
    """

    name = 'torch'
    is_built = True

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec, device: str) -> None:
        if spec.precision == 'int8':
            raise EngineError('The torch engine knows no int8: choose precision fp16 or fp32.')
        self.checkpoint, self.spec = checkpoint, spec
        self.device, self.precision = device, 'fp16' if spec.precision == 'auto' else spec.precision
        self._graph = None

    def __enter__(self) -> TorchCudaEngine:
        import torch

        from dav2_ros.engines.export.end_to_end import PictureToDepth

        spec, dtype = self.spec, getattr(torch, DTYPES[self.precision])
        shape = (spec.batch, spec.plan.height, spec.plan.width, 3)
        # fp32 is to mean fp32: by default cuDNN convolves in TF32, with 10 bits of mantissa
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=self.precision != 'fp32')
        with torch.cuda.device(self.device), torch.inference_mode(), exact:
            network = PictureToDepth(build(self.checkpoint), spec.plan, spec.out_shape, dtype)
            self._network = network.to('cuda', memory_format=torch.channels_last).eval()
            self._stream = torch.cuda.Stream()
            self._given = torch.zeros(shape, dtype=torch.uint8).pin_memory()
            self._pictures = self._given.cuda()
            self._capture()
            self._found = torch.empty(self._depths.shape, dtype=torch.float32).pin_memory()
        return self

    def _capture(self) -> None:
        import torch

        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(3):  # libraries choose their kernels before they are recorded
                self._network(self._pictures)
        self._stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        # thread_local: meanwhile another engine may serve frames on another thread
        with _capturing, torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode='thread_local'):
            self._depths = self._network(self._pictures)

    def __exit__(self, *exc: object) -> None:
        self._graph = self._network = self._pictures = self._depths = self._given = self._found = None

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is the engine's pinned buffer."""
        import torch

        np.copyto(self._given.numpy()[: len(pictures)], pictures)
        # inference mode: the buffers were made in it, and PyTorch writes into such ones nowhere else
        with torch.inference_mode(), torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            self._pictures.copy_(self._given, non_blocking=True)
            self._graph.replay()
            self._found.copy_(self._depths, non_blocking=True)
            self._stream.synchronize()
        return self._found.numpy()[: len(pictures)]
