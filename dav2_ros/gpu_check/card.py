# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure what the device can do at best: versions, matrix products, copies, attention."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from functools import partial

import numpy as np

from dav2_ros.benchmark.machine import machine
from dav2_ros.benchmark.timing import device_ms
from dav2_ros.engines.backends.torch_engine import DTYPES
from dav2_ros.gpu_check.session import CheckSession

COPIES, PRODUCTS = 10, 20
ATTENTION_TOKENS, ATTENTION_HEADS, ATTENTION_WIDTH = 1814, 16, 64  # of vitl at 518x686


def describe_card(result: dict, session: CheckSession) -> None:
    """Fill in versions and the card's own facts."""
    import torch

    device = session.settings.device
    with suppress(Exception):
        result['machine'] = machine()
    result |= {'python': platform.python_version(), 'torch': torch.__version__, 'cuda': torch.version.cuda}
    result['cudnn'] = torch.backends.cudnn.version()
    result['card'] = platform.machine()
    if device.startswith('cuda'):
        about = torch.cuda.get_device_properties(torch.device(device).index or 0)
        result['card'] = about.name
        result['memory_gb'] = round(about.total_memory * 1e-9, 1)
        result['compute_capability'] = f'{about.major}.{about.minor}'
        result['multiprocessors'] = about.multi_processor_count
        result['nvidia_smi'] = nvidia_smi()


def nvidia_smi() -> str:
    """Return driver, clocks and power limit as the driver tells them; '' where it does not."""
    asked = '--query-gpu=driver_version,clocks.max.sm,clocks.max.mem,power.limit,temperature.gpu'
    with suppress(OSError, subprocess.SubprocessError):
        command = ['nvidia-smi', asked, '--format=csv,noheader']
        return subprocess.run(command, capture_output=True, text=True, timeout=8).stdout.strip()
    return ''


def measure_products(result: dict, session: CheckSession) -> None:
    """Measure the rate of a large matrix product in each precision, in FLOP/s."""
    import torch

    n, device = session.settings.matrix, session.settings.device
    result['n'], rates = n, result.setdefault('flops_s', {})
    with torch.no_grad():
        for precision in session.settings.precisions:
            dtype = getattr(torch, DTYPES[precision])
            a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
            c = torch.empty(n, n, device=device, dtype=dtype)
            count = PRODUCTS if precision != 'fp32' else 4
            ms = device_ms(partial(torch.mm, a, b, out=c), count, device)
            rates[precision] = 2.0 * n**3 / (1e-3 * ms)


def measure_copies(result: dict, session: CheckSession) -> None:
    """Measure copies within the device, and to and from pinned memory, in bytes/s."""
    import torch

    device, nbytes = session.settings.device, session.settings.copied_mb << 20
    one, other = (torch.zeros(nbytes, dtype=torch.uint8, device=device) for _ in range(2))
    result['bytes_s'] = 2.0 * nbytes / (1e-3 * device_ms(lambda: other.copy_(one), COPIES, device))  # read and written
    host = torch.zeros(nbytes // 16, dtype=torch.uint8)
    host = host.pin_memory() if device.startswith('cuda') else host
    part = one[: host.numel()]
    upload_ms = device_ms(lambda: part.copy_(host, non_blocking=True), COPIES, device)
    download_ms = device_ms(lambda: host.copy_(part, non_blocking=True), COPIES, device)
    result['upload_bytes_s'] = host.numel() / (1e-3 * upload_ms)
    result['download_bytes_s'] = host.numel() / (1e-3 * download_ms)


def measure_attention(result: dict, session: CheckSession) -> None:
    """Measure every implementation of fused attention at the shape of the largest network, in ms and FLOP/s."""
    import torch
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel

    device = session.settings.device
    heads, width = ATTENTION_HEADS, ATTENTION_WIDTH
    tokens = ATTENTION_TOKENS if device.startswith('cuda') else 64
    dtype = torch.float16 if device.startswith('cuda') else torch.float32
    flops = 4.0 * heads * tokens**2 * width
    with torch.no_grad():
        qkv = torch.randn(1, tokens, 3, heads, width, device=device, dtype=dtype)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)

        def attend() -> None:
            F.scaled_dot_product_attention(q, k, v)

        result['chosen'] = _rate(device_ms(attend, PRODUCTS, device), flops)
        for name in ('FLASH_ATTENTION', 'CUDNN_ATTENTION', 'EFFICIENT_ATTENTION', 'MATH'):
            try:
                with sdpa_kernel([getattr(SDPBackend, name)]):
                    result[name.lower()] = _rate(device_ms(attend, PRODUCTS, device), flops)
            except Exception as error:
                result[name.lower()] = (str(error).splitlines() or [type(error).__name__])[0][:120]


def _rate(ms: float, flops: float) -> dict[str, float]:
    return {'ms': round(ms, 4), 'flops_s': flops / (1e-3 * ms)}


def try_device_memory(result: dict, session: CheckSession) -> None:
    """Try what the engines without PyTorch stand on: cuda-python's pinned pairs, streams and recorded graphs."""
    from dav2_ros.engines.backends.device_memory import (
        CudaStream,
        PinnedBuffers,
        call,
        cuda_runtime,
        gpu_index,
        gpu_name,
    )

    index = gpu_index(session.settings.device)
    result['gpu'] = gpu_name(index)
    call(cuda_runtime().cudaSetDevice(index))
    stream, pair = CudaStream(), PinnedBuffers((3, 1000), np.float32)
    try:
        sent = np.arange(3000, dtype=np.float32).reshape(3, 1000)
        pair.host[...] = sent
        pair.upload(stream.handle)
        stream.wait()
        stream.record(lambda: pair.download(stream.handle))
        pair.host[...] = 0
        stream.replay()
        stream.wait()
        result['passed'] = bool(np.array_equal(pair.host, sent))
    finally:
        pair.free()
        stream.free()
