# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describe the machine, and set the environment that makes measurements comparable."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from dav2_ros.engines.devices import cuda_is_here, device_name, driver_version

# What decides how fast small numbers are multiplied: x86 and Arm.
FLAGS = ('avx2', 'avx512f', 'avx_vnni', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16', 'amx_tile', 'amx_bf16', 'amx_int8',
         'asimdhp', 'asimddp', 'i8mm', 'bf16', 'sve')  # fmt: skip
PACKAGES = ('dav2_ros', 'torch', 'onnxruntime', 'onnxruntime-gpu', 'openvino', 'nncf', 'tensorrt', 'transformers',
            'numpy', 'opencv-python-headless', 'opencv-python')  # fmt: skip
ISAS = ('SSE41', 'AVX', 'AVX2', 'AVX2_VNNI', 'AVX512_CORE', 'AVX512_CORE_VNNI', 'AVX512_CORE_BF16', 'AVX512_CORE_FP16',
        'AVX512_CORE_AMX')  # fmt: skip
ISA_VARIABLES = ('ONEDNN_MAX_CPU_ISA', 'ATEN_CPU_CAPABILITY', 'MKL_ENABLE_INSTRUCTIONS')


def fair_environment(isa: str = '') -> dict[str, str]:
    """Return what every measured process gets, as far as the user has not set it.

    Waiting threads do not spin, or they would take the next one's cores. Memory stays with the process that freed it,
    since in a virtual machine a page fault costs more than copying the page.

    `isa` is the newest instruction set that oneDNN may use: PyTorch and OpenVINO obey; ONNX Runtime's own kernels, and
    MKL's on a processor that is not Intel's, cannot be told.
    """
    found = {'OMP_WAIT_POLICY': 'PASSIVE', 'MALLOC_MMAP_MAX_': '0', 'MALLOC_TOP_PAD_': str(64 << 20)}
    found = {name: os.environ.get(name, value) for name, value in found.items()}
    if isa:
        found['ONEDNN_MAX_CPU_ISA'] = isa
        if not isa.startswith('AVX512'):
            found['ATEN_CPU_CAPABILITY'] = 'avx2' if isa.startswith('AVX2') else 'default'
            found['MKL_ENABLE_INSTRUCTIONS'] = isa.partition('_')[0].replace('SSE41', 'SSE4_2')
    return found


def machine() -> dict[str, object]:
    """Say what is measured on: processor, memory, GPU, versions."""
    found: dict[str, object] = {
        'cpu': device_name('cpu'),
        'flags': sorted(_flags() & set(FLAGS)),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gb': round(1e-3 * _meminfo_mb('MemTotal'), 1),
        'load_before': round(os.getloadavg()[0], 2),  # processes that wanted to run in the last minute
        'system': platform.platform(terse=True),
        'python': platform.python_version(),
        'versions': {name: version for name in PACKAGES if (version := _version(name))},
    }
    if cuda_is_here():
        found |= {'gpu': device_name('cuda'), 'driver': driver_version()}
    return found


def available_mb() -> float:
    """Return how much memory can still be had without swapping."""
    return _meminfo_mb('MemAvailable')


def _meminfo_mb(name: str) -> float:
    lines = dict(line.split(':') for line in Path('/proc/meminfo').read_text().splitlines())
    return 1.024e-3 * int(lines[name].split()[0])


def _flags() -> set[str]:
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    return set(next((x.partition(':')[2] for x in lines if x.lower().startswith(('flags', 'features'))), '').split())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
