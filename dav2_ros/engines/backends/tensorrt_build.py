# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build a TensorRT plan of our ONNX file into the cache. Minutes on a Jetson: call it where nobody waits.

Networks are strongly typed: every tensor computes in the type that the ONNX file gives it, so that resizing and the
metres stay float32 whatever the network is in. The older way, float32 plus the FP16 flag, lets TensorRT choose, and
TensorRT 11 has done away with it. Attention is written out (several releases mis-compile the fused operator), shapes
are fixed, the bytes' first operator is the cast to float: TensorRT takes uint8 only there. int8 is written the same
way: products between quantising and dequantising operators, everything else in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from dav2_ros.engines import cache
from dav2_ros.engines.backends.build_progress import BuildProgress
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.export import whole_onnx
from dav2_ros.engines.export.keys import whole_key
from dav2_ros.engines.export.quantise import QuantisedModel
from dav2_ros.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import tensorrt

PLAN = 'model.plan'
TIMINGS = 'timings.bin'
WORKSPACE_BYTES = 1 << 30  # what one layer may borrow while it runs; a Jetson shares its memory with everybody


def plan_key(
    checkpoint: Checkpoint, spec: EngineSpec, precision: str, version: str, gpu: str, calibration: str = ''
) -> cache.CacheKey:
    """Return the key of a plan: it serves this release of TensorRT on this kind of GPU only."""
    key = whole_key(checkpoint, spec, precision)
    return replace(key, what='tensorrt', runtime=f'tensorrt {version}', device=gpu, calibration=calibration)


def timings_key(version: str, gpu: str) -> cache.CacheKey:
    """Return the key of what TensorRT measured here: the next plan is built in a fraction of the time."""
    return cache.CacheKey('any', '', 'tensorrt-timings', 0, (0, 0), (0, 0), runtime=f'tensorrt {version}', device=gpu)


def obtain_plan(
    trt: ModuleType,
    checkpoint: Checkpoint,
    spec: EngineSpec,
    precision: str,
    gpu: str,
    say: Callable[[str], None],
    quantised: QuantisedModel | None = None,
) -> Path:
    """Return the cached plan's file, built on the current GPU if there is none: of `quantised`, or else of our export.

    Raises EngineError, and what `say` raises.
    """
    calibration = quantised.calibration if quantised else ''
    key = plan_key(checkpoint, spec, precision, trt.__version__, gpu, calibration)

    def make(folder: Path) -> None:
        if quantised:
            onnx = quantised.graph
        else:
            say(f'{key.name}: exporting the network to ONNX.')
            onnx = whole_onnx(checkpoint, spec, precision)
        (folder / PLAN).write_bytes(build(trt, onnx, timings_key(trt.__version__, gpu), say))

    return cache.obtain(key, make) / PLAN


def build(trt: ModuleType, onnx: Path, timings: cache.CacheKey, say: Callable[[str], None]) -> tensorrt.IHostMemory:
    """Return the plan of an ONNX file as bytes; raises EngineError with TensorRT's reason."""
    log = make_log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(onnx)):
        why = [parser.get_error(k).desc() for k in range(parser.num_errors)]
        raise EngineError(f'TensorRT {trt.__version__} cannot read {onnx.name} ({_first(why)}): choose engine torch.')
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is to mean fp32
    _recall(config, timings)
    progress = BuildProgress('TensorRT', say)
    config.progress_monitor = monitor = make_monitor(trt, progress)
    serialized = builder.build_serialized_network(network, config)
    del monitor  # it had to outlive the build
    if progress.stopped:
        raise progress.stopped
    if serialized is None:
        raise EngineError(f'TensorRT {trt.__version__} built no plan ({_first(log.errors)}): choose engine torch.')
    _remember(config, timings)
    return serialized


class BuildLog(Protocol):
    """A trt.ILogger that keeps errors."""

    errors: list[str]


def make_log(trt: ModuleType) -> BuildLog:
    """Make a logger that keeps errors for our own sentences, and otherwise is quiet."""
    base: Any = trt.ILogger

    class Log(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: tensorrt.ILogger.Severity, text: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(text)

    return Log()


def make_monitor(trt: ModuleType, progress: BuildProgress) -> tensorrt.IProgressMonitor:
    """Make TensorRT's own kind of listener, which passes everything on."""
    base: Any = trt.IProgressMonitor

    class Monitor(base):
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.phase_start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step_complete(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.phase_finish(phase_name)

    return Monitor()


def _recall(config: tensorrt.IBuilderConfig, timings: cache.CacheKey) -> None:
    """Give the builder what earlier ones measured here; if it does not want that, it measures anew."""
    folder = cache.find(timings)
    known = config.create_timing_cache((folder / TIMINGS).read_bytes() if folder else b'')
    if known is None or not config.set_timing_cache(known, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b''), ignore_mismatch=False)


def _remember(config: tensorrt.IBuilderConfig, timings: cache.CacheKey) -> None:
    measured = bytes(config.get_timing_cache().serialize())
    if folder := cache.find(timings):
        cache.remove(folder)
    cache.obtain(timings, lambda folder: (folder / TIMINGS).write_bytes(measured))


def _first(reasons: list[str]) -> str:
    return ' '.join(reasons[0].split()).rstrip('.') if reasons else 'it gives no reason'
