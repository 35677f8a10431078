# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Take every engine through the gate, and time it: whole, in stages, and beside the published way."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from dav2_ros.benchmark.baselines import EagerBaseline
from dav2_ros.benchmark.timing import call_ms, device_ms, in_turns_ms, summary
from dav2_ros.engines.backends.cpu_engine import CpuEngine
from dav2_ros.engines.backends.torch_cuda_engine import TorchCudaEngine
from dav2_ros.engines.engine import Engine
from dav2_ros.engines.selection import accuracy_gate
from dav2_ros.gpu_check.roofline import roofline
from dav2_ros.gpu_check.session import CheckSession
from dav2_ros.gpu_check.subjects import CheckSubject

ROUNDS = 12
STAGE_CALLS = 50
KERNELS = 25  # of a profile: those that take most


def check_engine(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Open an engine, prove it, time whole calls and note the memory that it took at most."""
    import torch

    engine = subject.describe()
    on_gpu = subject.device.startswith('cuda')
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started_s = time.perf_counter()
    with engine:
        result['open_s'] = round(time.perf_counter() - started_s, 2)
        verdict = accuracy_gate.prove(engine, subject.checkpoint)
        result |= {'passed': verdict.passed, 'gate': verdict.reason}
        result |= {'error_p50': verdict.error_p50, 'error_p99': verdict.error_p99}
        settings = session.settings
        if verdict.was_measured:
            pictures = subject.pictures()
            result |= summary(call_ms(lambda: engine.infer(pictures), settings.runs, settings.measure_s))
            depth_m = engine.infer(pictures)
            result['depth_m'] = [round(float(x), 3) for x in np.percentile(depth_m, (1, 50, 99))]
        if on_gpu:
            result['peak_mb'] = round(torch.cuda.max_memory_allocated() * 1e-6, 1)
            result['reserved_mb'] = round(torch.cuda.max_memory_reserved() * 1e-6, 1)


def compare_ways(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Alternate our engine, with and without its graph and in fp32, with the published way in fp32 and autocast."""
    settings, device, pictures = session.settings, subject.device, subject.pictures()
    bgr = np.ascontiguousarray(pictures[..., ::-1])  # what cv2.imread gives, and the published code takes
    checkpoint, plan = subject.checkpoint, subject.plan
    ours: dict[str, Engine] = {f'engine {subject.precision}': subject.describe()}
    if device.startswith('cuda'):
        ours[f'engine {subject.precision}, no graph'] = TorchCudaEngine(checkpoint, subject.spec, device, False)
        fp32 = CheckSubject(subject.preset, subject.size, 'fp32', subject.batch, device, subject.frame)
        ours['engine fp32'] = fp32.describe()
    theirs = {
        'published, fp32': EagerBaseline(checkpoint, plan, device),
        'published, autocast': EagerBaseline(checkpoint, plan, device, autocast=True),
    }
    ways: dict[str, Engine | EagerBaseline] = {**ours, **theirs}
    calls: dict[str, Callable[[], object]] = {}
    opened: list[Engine | EagerBaseline] = []
    absent = result.setdefault('absent', {})
    try:
        for name, way in ways.items():
            try:
                opened.append(way.__enter__())
            except Exception as error:  # the others are compared all the same
                absent[name] = f'{type(error).__name__}: {error}'[:300]
                continue
            calls[name] = _call(way, pictures if name in ours else bgr)
        times_ms = in_turns_ms(calls, ROUNDS if settings.runs > 50 else 2, 6 * settings.measure_s)
    finally:
        for way in opened:
            way.__exit__(None, None, None)
    result['ways'] = {name: summary(times) for name, times in times_ms.items()}


def _call(way: Engine | EagerBaseline, pictures: np.ndarray) -> Callable[[], object]:
    return partial(way if isinstance(way, EagerBaseline) else way.infer, pictures)


def measure_stages(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Time copies, preparation, network and finish apart; relate the network to its arithmetic."""
    settings = session.settings
    with subject.describe() as engine:
        pictures = subject.pictures()
        result['whole'] = summary(call_ms(lambda: engine.infer(pictures), settings.runs, settings.measure_s))
        buffer = np.empty_like(pictures)
        result['host_copy_ms'] = round(device_ms(lambda: np.copyto(buffer, pictures), 20, 'cpu'), 4)
        if isinstance(engine, TorchCudaEngine):
            stages = engine.stage_ms(STAGE_CALLS)
        else:
            assert isinstance(engine, CpuEngine)  # PyTorch's other engine
            stages = _host_stages(engine, pictures)
    result['stages_ms'] = {name: round(ms, 4) for name, ms in stages.items()}
    result['outside_ms'] = result['whole']['p50_ms'] - stages['network']
    _relate(result, session, subject, 1e-3 * stages['network'])


def _relate(result: dict, session: CheckSession, subject: CheckSubject, network_s: float) -> None:
    """Add FLOP/s and bytes/s of the network, and their shares of what was measured on this device."""
    plan, itemsize = subject.plan, 4 if subject.precision == 'fp32' else 2
    is_folded = subject.device.startswith('cuda')
    work = roofline(
        subject.preset, plan.net_height, plan.net_width, batch=subject.batch, itemsize=itemsize, folded=is_folded
    )
    result |= {'flops': work.flops, 'bytes': work.nbytes, 'flops_s': work.flops / network_s}
    result['bytes_s'] = work.nbytes / network_s
    flops_s = session.parts.get('matrix products', {}).get('flops_s', {}).get(subject.precision)
    bytes_s = session.parts.get('copies', {}).get('bytes_s')
    if flops_s and bytes_s:
        result['share_of_product'] = result['flops_s'] / flops_s
        result['share_of_bandwidth'] = result['bytes_s'] / bytes_s
        result['least_ms'] = work.least_ms(flops_s, bytes_s)
        result['memory_bound_share'] = work.memory_share(flops_s, bytes_s)


def _host_stages(engine: CpuEngine, pictures: np.ndarray) -> dict[str, float]:
    """Time the same stages of an engine of the CPU."""
    picture = pictures[0]
    image = engine._resizer.apply(picture)[None].copy()
    depth = engine._run(image)[0].copy()
    place = np.empty(engine.spec.out_shape, np.float32)
    calls = {
        'prepare': lambda: engine._resizer.apply(picture),
        'network': lambda: engine._run(image),
        'finish': lambda: engine._undo(depth, place),
    }
    return {name: len(pictures) * device_ms(call, 5, 'cpu') for name, call in calls.items()}


def profile(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """List the kernels of one picture that take most, without a graph: name, ms, launches."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    on_gpu = subject.device.startswith('cuda')
    pictures, count = subject.pictures(), 3
    engine: Engine = (
        TorchCudaEngine(subject.checkpoint, subject.spec, subject.device, False) if on_gpu else subject.describe()
    )
    with engine:
        engine.infer(pictures)
        with record(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as recorded:
            for _ in range(count):
                engine.infer(pictures)
    field = 'self_device_time_total' if on_gpu else 'self_cpu_time_total'
    rows = [(getattr(event, field, 0.0), event.key, event.count) for event in recorded.key_averages()]
    rows.sort(reverse=True)
    result['total_ms'] = round(1e-3 * sum(us for us, _, _ in rows) / count, 4)
    result['kernels'] = [
        {'ms': round(1e-3 * us / count, 4), 'launches': launches / count, 'name': name[:140]}
        for us, name, launches in rows[:KERNELS]
    ]
