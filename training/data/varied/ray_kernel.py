# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""primitives.py as one CUDA kernel for all primitives of a frame, compiled when first used (NVRTC, no host compiler).

In torch each step of each primitive is a pass over all pixels: on a GPU that is limited by its memory, not by its
arithmetic. Here a thread keeps its ray in registers and walks through the table, held by its block in shared memory.

What the driver or the toolkit refuses falls back to torch.compile, then to torch alone, and says so in a sentence. The
same source is a CPU's where there is a C++ compiler (`HostCaster`, some thirty times faster than torch there), which is
also how it is tested without a GPU.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from dav2_training.data.varied.kernel_source import BLOCK, SOURCE_CUDA, SOURCE_HOST
from dav2_training.data.varied.primitives import ROW, SHADOW, hit_any


class CudaCaster:
    """The two kernels, launched on torch's tensors. Raises whatever the driver or the compiler refuses with."""

    name = 'CUDA kernel'

    def __init__(self) -> None:
        compiled = torch.cuda._compile_kernel
        self._nearest = compiled(kernel_source=SOURCE_CUDA, kernel_name='cast_nearest')
        self._blocked = compiled(kernel_source=SOURCE_CUDA, kernel_name='cast_blocked')

    def nearest(self, rows: Tensor, counts: Tensor, origin: Tensor, direction: Tensor, t: Tensor, index: Tensor):
        """Lower t (B, P) and index (B, P) int32 in place; rows (B, N, ROW), origin (B, 3), direction (B, 3, P)."""
        b, n, p = rows.shape[0], rows.shape[1], t.shape[1]
        args = [rows, counts, origin, direction, t, index, n, p]
        self._nearest(grid=(-(-p // BLOCK), b, 1), block=(BLOCK, 1, 1), args=args)

    def blocked(self, rows: Tensor, counts: Tensor, lamp: Tensor, towards: Tensor, until: Tensor) -> Tensor:
        """Tell (B, P) what is in shadow; lamp (B, 3), towards (B, 3, P), until (B, P)."""
        b, n, p = rows.shape[0], rows.shape[1], until.shape[1]
        dark = torch.empty(b, p, dtype=torch.uint8, device=rows.device)
        args = [x.contiguous() for x in (rows, counts, lamp, towards, until)] + [dark, n, p]
        self._blocked(grid=(-(-p // BLOCK), b, 1), block=(BLOCK, 1, 1), args=args)
        return dark.bool()


class HostCaster:
    """The same arithmetic on a CPU, built by the C++ compiler of this machine. Raises OSError, CalledProcessError."""

    name = 'C++'

    def __init__(self) -> None:
        compiler = os.environ.get('CXX') or shutil.which('c++') or shutil.which('g++') or 'c++'
        with tempfile.TemporaryDirectory() as folder:
            source, built = f'{folder}/cast.cpp', f'{folder}/cast.so'
            with open(source, 'w') as file:
                file.write(SOURCE_HOST)
            command = [compiler, '-O3', '-ffp-contract=off', '-shared', '-fPIC', source, '-o', built]
            subprocess.run(command, check=True, capture_output=True)
            self._library = ctypes.CDLL(built)  # stays loaded when the file goes

    def nearest(self, rows: Tensor, counts: Tensor, origin: Tensor, direction: Tensor, t: Tensor, index: Tensor):
        """As CudaCaster's."""
        for b in range(len(rows)):
            args = [rows[b], int(counts[b]), origin[b], direction[b], t[b], index[b], t.shape[1]]
            self._library.nearest_host(*map(_as_c, args))

    def blocked(self, rows: Tensor, counts: Tensor, lamp: Tensor, towards: Tensor, until: Tensor) -> Tensor:
        """As CudaCaster's."""
        dark = torch.empty(until.shape, dtype=torch.uint8)
        for b in range(len(rows)):
            args = [rows[b], int(counts[b]), lamp[b], towards[b], until[b], dark[b], until.shape[1]]
            self._library.blocked_host(*map(_as_c, args))
        return dark.bool()


def _as_c(value: Tensor | int) -> ctypes.c_void_p | ctypes.c_int:
    if isinstance(value, int):
        return ctypes.c_int(value)
    if not value.is_contiguous():
        raise ValueError('A kernel reads tensors as they lie in memory: they have to be contiguous.')
    return ctypes.c_void_p(value.data_ptr())


class CupyCaster(CudaCaster):
    """The same kernels compiled and launched by CuPy."""

    name = 'CUDA kernel (CuPy)'

    def __init__(self) -> None:
        import cupy

        module = cupy.RawModule(code=SOURCE_CUDA, backend='nvrtc')

        def launcher(name: str) -> Callable:
            kernel = module.get_function(name)

            def launch(grid: tuple, block: tuple, args: list) -> None:
                given = [a.data_ptr() if isinstance(a, Tensor) else cupy.int32(a) for a in args]
                stream = cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
                with stream:
                    kernel(grid, block, tuple(given))

            return launch

        self._nearest, self._blocked = launcher('cast_nearest'), launcher('cast_blocked')


class TorchCaster:
    """All primitives at once in torch, in chunks; with `compile` as one fused pass over each chunk."""

    def __init__(self, compile: bool, chunk: int = 16) -> None:
        self.name = 'torch.compile' if compile else 'torch'
        self._chunk = chunk
        self._first = torch.compile(self._first_of, dynamic=False) if compile else self._first_of

    @staticmethod
    def _first_of(rows: Tensor, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        rays = tuple(direction[:, k, None] for k in range(3))
        return hit_any(rows, tuple(origin[:, k, None, None] for k in range(3)), rays).min(dim=1)

    def _chunks(self, rows: Tensor):
        for first in range(0, rows.shape[1], self._chunk):
            part = rows[:, first : first + self._chunk]
            if part.shape[1] < self._chunk:
                part = torch.nn.functional.pad(part, (0, 0, 0, self._chunk - part.shape[1]))
            yield first, part.contiguous()

    def nearest(self, rows: Tensor, counts: Tensor, origin: Tensor, direction: Tensor, t: Tensor, index: Tensor):
        """As CudaCaster's."""
        for first, part in self._chunks(hidden_beyond(rows, counts)):
            found, which = self._first(part, origin, direction)
            nearer = found < t
            t.copy_(torch.where(nearer, found, t))
            index.copy_(torch.where(nearer, (first + which).int(), index))

    def blocked(self, rows: Tensor, counts: Tensor, lamp: Tensor, towards: Tensor, until: Tensor) -> Tensor:
        """As CudaCaster's."""
        rows = torch.where(rows[..., SHADOW, None] > 0, rows, 0.0)
        dark = torch.zeros_like(until, dtype=torch.bool)
        for _, part in self._chunks(hidden_beyond(rows, counts)):
            dark |= self._first(part, lamp, towards)[0] < until
        return dark


def hidden_beyond(rows: Tensor, counts: Tensor) -> Tensor:
    """Zero the rows that a frame does not have: a box whose map is 0 is around everything and never entered."""
    n = torch.arange(rows.shape[1], device=rows.device)
    return torch.where((n < counts[:, None])[..., None], rows, 0.0)


def agrees(caster: CudaCaster | HostCaster | TorchCaster, device: str) -> bool:
    """Compare a way of casting rays with plain torch on a small random table."""
    g = torch.Generator().manual_seed(3)
    rows = torch.zeros(2, 40, ROW)
    rows[..., :9] = torch.randn(2, 40, 9, generator=g) * 2
    rows[..., 9:12] = torch.randn(2, 40, 3, generator=g) * 2 + torch.tensor([0, 0, 8.0])
    rows[..., 12] = torch.arange(40) % 4
    rows[..., 13], rows[..., 14] = 5.0, (torch.arange(40) % 3 > 0).float()
    direction = torch.randn(2, 3, 600, generator=g) * 0.4
    direction[:, 2] = 1.0
    counts, origin = torch.tensor([40, 33], dtype=torch.int32), torch.zeros(2, 3)
    inputs = [x.to(device) for x in (rows, counts, origin, direction)]
    results = []
    for each in (caster, TorchCaster(compile=False)):
        t = torch.full((2, 600), 1e3, device=device)
        index = torch.full((2, 600), 99, dtype=torch.int32, device=device)
        each.nearest(*inputs, t, index)
        results.append((t, index, each.blocked(*inputs, torch.full((2, 600), 8.0, device=device))))
    (t, index, dark), (t_ref, index_ref, dark_ref) = results
    same = torch.isclose(t, t_ref, rtol=1e-3).float().mean(), (index == index_ref).float().mean()
    return min(*same, (dark == dark_ref).float().mean()) > 0.99


@lru_cache(maxsize=8)
def caster_for(device: str) -> CudaCaster | HostCaster | TorchCaster:
    """Choose the fastest way that works on this device and agrees with plain torch."""
    on_gpu = device.startswith('cuda')
    for make in (CudaCaster, CupyCaster, lambda: TorchCaster(compile=True)) if on_gpu else (HostCaster,):
        try:
            caster = make()
            if agrees(caster, device):
                return caster
            warnings.warn(f'Ray casting by {caster.name} differs from plain torch: it is not used.', stacklevel=2)
        except Exception as error:  # whatever a compiler or a driver raises, there is another way
            warnings.warn(f'Ray casting: {" ".join(str(error).split())[:300]}; trying the next way.', stacklevel=2)
    return TorchCaster(compile=False)
