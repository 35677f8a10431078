# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch, on the CPU or a CUDA GPU."""

from __future__ import annotations

import numpy as np

from dav2_ros.engines.engine import EngineError
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.network.presets import PATCH

DTYPES = {'fp32': 'float32', 'bf16': 'bfloat16', 'fp16': 'float16'}


class TorchEngine:
    """Eager PyTorch: channels-last, fused attention, the position embedding baked for the shape.

    `precision` auto is fp32 on the CPU, the reference every other engine is compared with, and fp16 on CUDA.
    """

    name = 'torch'

    def __init__(
        self, checkpoint: Checkpoint, *, height: int, width: int, device: str = 'auto', precision: str = 'auto'
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise EngineError(
                'The torch engine needs PyTorch: `pip install torch`, or choose engine onnxruntime.'
            ) from error
        if device == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        gpus = [f'cuda:{k}' for k in range(torch.cuda.device_count())]
        if device not in ('cpu', *(['cuda', *gpus] if gpus else [])):
            here = f'the GPUs {", ".join(gpus)}' if gpus else 'no CUDA GPU'
            raise EngineError(
                f'Device {device} was asked for, but PyTorch sees {here} here: choose device cpu or auto.'
            )
        if precision == 'auto':
            precision = 'fp32' if device == 'cpu' else 'fp16'
        if precision not in DTYPES:
            raise EngineError(f'There is no precision {precision!r}: choose auto, {", ".join(DTYPES)}.')
        if precision == 'fp16' and device == 'cpu':
            raise EngineError('PyTorch is slow and inexact in fp16 on a CPU: choose precision fp32 or bf16.')
        self.checkpoint = checkpoint
        self.device, self.precision = device, precision
        self.height, self.width = height, width
        self._network = None

    def __enter__(self) -> TorchEngine:
        import torch

        network = build(self.checkpoint)
        network.pretrained.bake_position_embedding(self.height // PATCH, self.width // PATCH)
        self._dtype = getattr(torch, DTYPES[self.precision])
        self._network = network.to(self.device, self._dtype, memory_format=torch.channels_last)
        self.infer(np.zeros((1, 3, self.height, self.width), np.float32))
        return self

    def __exit__(self, *exc: object) -> None:
        self._network = None

    def infer(self, images: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is a fresh array."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(images).to(self.device, self._dtype, memory_format=torch.channels_last)
            return self._network(x).float().cpu().numpy()  # .cpu() waits for the GPU
