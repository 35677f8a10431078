# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run PyTorch on the CPU: in fp32 the reference that every other engine is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.engines.backends.cpu_engine import CpuEngine
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.models.checkpoints import Checkpoint, build
from dav2_ros.network.presets import PATCH

if TYPE_CHECKING:
    from dav2_ros.network.dpt import DepthAnything

DTYPES = {'fp32': 'float32', 'bf16': 'bfloat16', 'fp16': 'float16'}


class TorchEngine(CpuEngine):
    """Eager PyTorch: channels-last, fused attention, the position embedding baked. `precision` auto is fp32."""

    name = 'torch'
    is_built = True

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec) -> None:
        if spec.precision == 'fp16':
            raise EngineError('PyTorch is slow and inexact in fp16 on a CPU: choose precision fp32 or bf16.')
        if spec.precision == 'int8':
            raise EngineError('The torch engine knows no int8: choose engine openvino, or precision fp32 or bf16.')
        self.checkpoint, self.spec = checkpoint, spec
        self.device, self.precision = 'cpu', 'fp32' if spec.precision == 'auto' else spec.precision
        self._network: DepthAnything | None = None

    def __enter__(self) -> TorchEngine:
        import torch

        plan = self.spec.plan
        network = build(self.checkpoint)
        network.pretrained.bake_position_embedding(plan.net_height // PATCH, plan.net_width // PATCH)
        self._dtype = getattr(torch, DTYPES[self.precision])
        self._network = network.to(self._dtype, memory_format=torch.channels_last)
        self._warm_up()
        return self

    def __exit__(self, *exc: object) -> None:
        self._network = None

    def _run(self, image: np.ndarray) -> np.ndarray:
        import torch

        assert self._network is not None  # entered
        with torch.inference_mode():
            x = torch.from_numpy(image).to(self._dtype, memory_format=torch.channels_last)
            return self._network(x).float().numpy()


def torch_device(asked: str) -> str:
    """Return the PyTorch device for `asked`; auto is the first GPU, else the CPU. Raises EngineError."""
    try:
        import torch
    except ImportError as error:
        raise EngineError(
            'The torch engine needs PyTorch: `pip install torch`, or choose engine onnxruntime.'
        ) from error
    gpus = [f'cuda:{k}' for k in range(torch.cuda.device_count())]
    if asked == 'auto':
        return 'cuda' if gpus else 'cpu'
    if asked not in ('cpu', *(['cuda', *gpus] if gpus else [])):
        here = f'the GPUs {", ".join(gpus)}' if gpus else 'no CUDA GPU'
        raise EngineError(f'Device {asked} was asked for, but PyTorch sees {here} here: choose device cpu or auto.')
    return asked
