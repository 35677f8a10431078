# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""List what is measured: which way of running which network, at which size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dav2_ros.engines import ENGINES, cache
from dav2_ros.engines.engine import EngineSpec
from dav2_ros.engines.selection.candidates import list_candidates
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.info import ModelInfo

ENGINE, AUTO, OUTSIDE = 'engine', 'auto', 'outside'
EAGER, TRANSFORMERS, PLAIN_ONNX = 'eager', 'transformers', 'plain-onnx'
AGAINST = {  # how people run it today
    EAGER: 'published code (eager)',
    TRANSFORMERS: 'transformers pipeline',
    PLAIN_ONNX: 'plain onnxruntime fp32',
}
SEED = 0
RANDOM_SIZES = {'vitt': 224}  # short side of the network's input; 518 is everyone else's


@dataclass(frozen=True)
class BenchmarkCase:
    """One way of running the network; a process of its own measures it."""

    model: str  # name or path
    frame: tuple[int, int]  # width, height of the camera's pictures
    size: int  # short side of the network's input
    way: str = ENGINE
    batch: int = 1
    engine: str = ''
    precision: str = ''
    device: str = ''

    @property
    def title(self) -> str:
        """Name it in a table."""
        if self.way == ENGINE:
            where = '' if self.device in ('', 'auto', 'cpu') else f' on {self.device}'
            name = f'{self.engine} {self.precision}{where}'
        else:
            name = {**AGAINST, OUTSIDE: 'all but the network', AUTO: 'auto, proved'}[self.way]
        return name if self.batch == 1 else f'{name}, batch {self.batch}'

    @property
    def plan(self) -> ResizePlan:
        """Return how its pictures reach the network."""
        width, height = self.frame
        return ResizePlan.lower_bound(height, width, self.size)

    @property
    def spec(self) -> EngineSpec:
        """Return what its engine is asked to be."""
        return EngineSpec(self.plan, self.device or 'auto', self.precision or 'auto', batch=self.batch)


@dataclass(frozen=True)
class EngineChoice:
    """What the command line asks for; empty means all."""

    engines: Sequence[str] = ()
    precisions: Sequence[str] = ()
    batches: Sequence[int] = (1,)
    device: str = 'auto'
    against: bool = False


def cases_of(model: str, frame: tuple[int, int], size: int, choice: EngineChoice) -> list[BenchmarkCase]:
    """List what to measure at one size: our engines, what is around them, and the others."""
    base = BenchmarkCase(model, frame, size)
    spec = EngineSpec(base.plan, choice.device)
    found = [
        replace(base, engine=rung.engine, precision=rung.precision, device=rung.device)
        for rung in list_candidates('auto', spec)
        if not choice.precisions or rung.precision in choice.precisions
    ]
    here = {case.engine for case in found}
    # describing an engine that is not here says what to install
    found += [
        replace(base, engine=name, precision='auto', device=choice.device) for name in ENGINES if name not in here
    ]
    found = [case for case in found if not choice.engines or case.engine in choice.engines]
    found = [replace(case, batch=batch) for batch in choice.batches for case in found]
    if not (choice.engines or choice.precisions):
        found.append(replace(base, way=AUTO, device=choice.device))
    found.append(replace(base, way=OUTSIDE))
    return found + ([replace(base, way=way) for way in AGAINST] if choice.against else [])


def random_model(preset: str) -> Path:
    """Return a file of random weights, always the same, made on first use: good for timing, not for looking at."""
    key = cache.CacheKey(f'random-{preset}', f'seed {SEED}', 'random-weights', 1, (0, 0), (0, 0))
    return (
        cache.obtain(key, lambda made: _write_random(preset, made / f'{preset}.safetensors')) / f'{preset}.safetensors'
    )


def _write_random(preset: str, path: Path) -> None:
    """Spread values as training leaves them, so that bf16 and int8 have no easier time: nothing stays 0 or 1."""
    import torch

    from dav2_ros.models import checkpoints
    from dav2_ros.network.dpt import DepthAnything

    info = ModelInfo(f'random-{preset}', preset, 'metric', max_depth_m=20.0, train_size=RANDOM_SIZES.get(preset, 518))
    network, generator = DepthAnything(preset, info.max_depth_m), torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if p.ndim == 1 and 'bias' not in name:
                p.uniform_(0.5, 1.0, generator=generator)  # norms and layer scales
            else:
                fan_in = math.prod(p.shape[1:]) if p.ndim > 1 else 100
                p.normal_(0.0, fan_in**-0.5, generator=generator)
    checkpoints.save(path, network.state_dict(), info, dtype=torch.float16)
