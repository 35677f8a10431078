# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describe what this machine computes on: names for keys and verdicts, and what a CPU multiplies in hardware."""

from __future__ import annotations

import platform
from functools import cache
from importlib.util import find_spec
from pathlib import Path

BF16_FLAGS = {'avx512_bf16', 'amx_bf16', 'bf16'}  # of x86 and, the last, of Arm


@cache
def device_name(device: str) -> str:
    """Return the maker's name of cpu, gpu, cuda or cuda:1: what is built or proved on one may be wrong on another."""
    kind, _, number = device.partition(':')
    if kind == 'cuda':
        if cuda_is_here():
            import torch

            return torch.cuda.get_device_name(int(number or 0))
        from dav2_ros.engines.backends.device_memory import gpu_name

        return gpu_name(int(number or 0))
    if kind == 'gpu':
        from dav2_ros.engines.openvino_core import openvino_core

        return openvino_core().get_property('GPU', 'FULL_DEVICE_NAME')
    return _cpu_facts().get('model name') or platform.processor() or platform.machine()


@cache
def cuda_is_here() -> bool:
    """Return whether PyTorch sees a CUDA GPU."""
    if find_spec('torch') is None:
        return False
    import torch

    return torch.cuda.is_available()


def cpu_has_bf16() -> bool:
    """Return whether the CPU multiplies bf16 itself; where it does not, bf16 is slower than fp32."""
    facts = _cpu_facts()
    return bool(BF16_FLAGS & set((facts.get('flags') or facts.get('Features') or '').split()))


def driver_version() -> str:
    """Return the version of NVIDIA's driver; '' where there is none."""
    try:
        first = Path('/proc/driver/nvidia/version').read_text().splitlines()[0]
    except (OSError, IndexError):
        return ''
    return next((word for word in first.split() if word[0].isdigit() and '.' in word), '')


@cache
def _cpu_facts() -> dict[str, str]:
    """Read the first core's lines of /proc/cpuinfo; {} where there is none."""
    try:
        lines = Path('/proc/cpuinfo').read_text().split('\n\n')[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(':') for line in lines)}
