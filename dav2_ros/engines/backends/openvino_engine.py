# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run OpenVINO on a CPU or an Intel GPU: compiled once per weights, shape, precision and device."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.backends.cpu_engine import CpuEngine
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.export import network_onnx
from dav2_ros.engines.export.keys import network_key
from dav2_ros.engines.export.quantise import find_quantised
from dav2_ros.engines.openvino_core import openvino_core
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import openvino

HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16'}
BLOB = 'compiled.blob'


class OpenVinoEngine(CpuEngine):
    """OpenVINO. `precision` auto is the device's own: bf16 where a CPU multiplies it, else fp32; fp16 on a GPU.

    OpenVINO keeps what follows the last convolution in float32 in every precision: the metres have no steps. int8 is
    what `dav2 export --int8` made; the rest of its graph computes in bf16 where the CPU multiplies it.
    """

    name = 'openvino'

    def __init__(self, checkpoint: Checkpoint, spec: EngineSpec) -> None:
        try:
            import openvino
        except ImportError as error:
            raise EngineError(
                "The openvino engine needs OpenVINO: `pip install 'dav2_ros[openvino]'`, or choose engine torch."
            ) from error
        self.checkpoint, self.spec = checkpoint, spec
        self._core, self._version = openvino_core(), openvino.__version__
        self.device = self._choose_device()
        self._computes_in = self._best_float()
        self.precision = self._choose_precision()
        self._quantised = find_quantised(checkpoint, spec.plan) if self.precision == 'int8' else None
        self.calibration = self._quantised.calibration if self._quantised else ''
        self._requests: list[openvino.InferRequest] = []

    def _choose_device(self) -> str:
        device = 'cpu' if self.spec.device == 'auto' else self.spec.device
        here = sorted({name.partition('.')[0].lower() for name in self._core.available_devices} & {'cpu', 'gpu'})
        if device not in here:
            raise EngineError(
                f'The openvino engine does not run on {device!r} here, only on {" and ".join(here)}: choose device '
                'auto, or engine torch for CUDA.'
            )
        return device

    def _best_float(self) -> str:
        """Return the fastest float that the device has in hardware and that is known to be right."""
        wanted = 'bf16' if self.device == 'cpu' else 'fp16'
        return wanted if wanted.upper() in self._capabilities() else 'fp32'

    def _capabilities(self) -> list[str]:
        return self._core.get_property(self.device.upper(), 'OPTIMIZATION_CAPABILITIES')

    def _choose_precision(self) -> str:
        asked = self.spec.precision
        if asked == 'auto':
            return self._computes_in
        if asked != 'fp32' and asked.upper() not in self._capabilities():
            raise EngineError(
                f'This {self.device} has no {asked} in hardware: choose precision fp32, {self._computes_in} or auto.'
            )
        return asked

    def __enter__(self) -> OpenVinoEngine:
        try:
            compiled = self._read(self._obtain())
            self._requests = [compiled.create_infer_request() for _ in range(self.spec.batch)]
            self._warm_up()
        except RuntimeError as error:
            if isinstance(error, EngineError):
                raise
            last = str(error).strip().splitlines()[-1]
            raise EngineError(
                f'OpenVINO {self._version} cannot run {self.checkpoint.info.name} in {self.precision} on the '
                f'{self.device} ({last}): choose another precision, or engine torch.'
            ) from error
        return self

    def __exit__(self, *exc: object) -> None:
        self._requests = []

    @property
    def is_built(self) -> bool:
        """See `Engine.is_built`."""
        return cache.find(self._key()) is not None

    def _key(self) -> cache.CacheKey:
        return replace(
            network_key(self.checkpoint, self.spec.plan),
            what='openvino',
            precision=self.precision,
            runtime=f'openvino {self._version}',
            device=self._core.get_property(self.device.upper(), 'FULL_DEVICE_NAME'),
            calibration=self.calibration,
        )

    def _obtain(self) -> Path:
        def compile_to(made: Path) -> None:
            graph = self._quantised.graph if self._quantised else network_onnx(self.checkpoint, self.spec.plan)
            compiled = self._core.compile_model(str(graph), self.device.upper(), self._settings())
            blob = io.BytesIO()
            compiled.export_model(blob)
            (made / BLOB).write_bytes(blob.getbuffer())

        return cache.obtain(self._key(), compile_to) / BLOB

    def _read(self, path: Path) -> openvino.CompiledModel:
        return self._core.import_model(path.read_bytes(), self.device.upper(), self._settings())

    def _settings(self) -> dict[str, object]:
        hint = HINTS[self._computes_in if self.precision == 'int8' else self.precision]
        settings: dict[str, object] = {'INFERENCE_PRECISION_HINT': hint, 'PERFORMANCE_HINT': 'LATENCY'}
        if self.device == 'cpu':
            # A pinned thread waits for its core while the node receives and publishes on it.
            threads = len(os.sched_getaffinity(0))
            settings |= {'INFERENCE_NUM_THREADS': threads, 'ENABLE_CPU_PINNING': False}
            settings |= {'NUM_STREAMS': min(self.spec.batch, threads)} if self.spec.batch > 1 else {}
        return settings

    @cached_property
    def _images(self) -> np.ndarray:
        plan = self.spec.plan
        return np.empty((self.spec.batch, 1, 3, plan.net_height, plan.net_width), np.float32)

    def _run(self, image: np.ndarray) -> np.ndarray:
        return self._requests[0].infer([image], share_inputs=True, share_outputs=True)[0]

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """See `Engine.infer`. Several pictures are in work at once, each on cores of its own.

        On two cores a picture of the bundled model takes 7.6 ms so; 10.0 ms one after the other on both cores, and
        7.9 ms in a graph of four.
        """
        if len(pictures) == 1:
            return super().infer(pictures)
        depths = self._depths[: len(pictures)]
        for request, image, picture in zip(self._requests, self._images, pictures):
            np.copyto(image[0], self._resizer.apply(picture))  # whose buffer is the next picture's too
            request.start_async([image], share_inputs=True)
        for request, depth in zip(self._requests, depths):
            request.wait()
            self._undo(request.get_output_tensor().data[0], depth)
        return depths
