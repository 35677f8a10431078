# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run ONNX Runtime on a CUDA GPU: the whole graph, from bytes to metres, between buffers that stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.export import whole_onnx
from dav2_ros.engines.export.keys import whole_key
from dav2_ros.models.checkpoints import Checkpoint

PROVIDER = 'CUDAExecutionProvider'
PRECISIONS = ('fp32', 'fp16')


class OnnxRuntimeCudaEngine:
    """ONNX Runtime's CUDA provider, fp32 or fp16 (`precision` auto)."""

    name = 'onnxruntime'
    calibration = ''

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec, device: str) -> None:
        import onnxruntime

        if PROVIDER not in onnxruntime.get_available_providers():
            raise EngineError(
                f'This ONNX Runtime cannot use {device}: `pip install onnxruntime-gpu` in place of onnxruntime, or '
                'choose device cpu, or engine torch.'
            )
        if spec.precision not in ('auto', *PRECISIONS):
            raise EngineError(
                f'The onnxruntime engine runs on CUDA in {" or ".join(PRECISIONS)}, not in {spec.precision}: choose '
                'one of them, or engine torch.'
            )
        self.checkpoint, self.spec = checkpoint, spec
        self.device, self.precision = device, 'fp16' if spec.precision == 'auto' else spec.precision
        self._bound: BoundSession | None = None

    def __enter__(self) -> OnnxRuntimeCudaEngine:
        path = whole_onnx(self.checkpoint, self.spec, self.precision)
        kind, _, number = self.device.partition(':')
        options = {'device_id': number or '0', 'use_tf32': '0'}  # fp32 is to mean fp32
        self._bound = bound = BoundSession(path, self.spec, (PROVIDER, options), kind, int(number or 0))
        bound(np.zeros((self.spec.batch, self.spec.plan.height, self.spec.plan.width, 3), np.uint8))
        return self

    @property
    def is_built(self) -> bool:
        """See `Engine.is_built`."""
        return cache.find(whole_key(self.checkpoint, self.spec, self.precision)) is not None

    def __exit__(self, *exc: object) -> None:
        self._bound = None

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`; the result is a fresh array."""
        assert self._bound is not None  # entered
        return self._bound(pictures)


class BoundSession:
    """A session of one provider whose input and output keep their places in its device's memory."""

    def __init__(self, path: Path, spec: EngineSpec, provider: tuple[str, dict], kind: str, number: int) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path), providers=[provider])
        if self._session.get_providers()[0] != provider[0]:  # it has warned, and gone on with the CPU
            raise EngineError(f'ONNX Runtime found no GPU for {kind}:{number}: choose device cpu, or mend its driver.')
        place = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._given = np.zeros((spec.batch, spec.plan.height, spec.plan.width, 3), np.uint8)
        self._pictures = place(list(self._given.shape), np.uint8, kind, number)
        self._depths = place([spec.batch, *spec.out_shape], np.float32, kind, number)
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input('picture', self._pictures)
        self._binding.bind_ortvalue_output('depth', self._depths)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 -> (B, *out_shape) float32."""
        self._given[: len(pictures)] = pictures
        self._pictures.update_inplace(self._given)
        self._session.run_with_iobinding(self._binding)
        return self._depths.numpy()[: len(pictures)].copy()  # on a CPU, numpy() is a view of the buffer
