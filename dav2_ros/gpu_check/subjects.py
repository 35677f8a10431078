# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make what is checked: weights that need no download, plans, pictures, engines."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dav2_ros.benchmark.cases import random_model
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import Engine, EngineSpec
from dav2_ros.engines.selection.reference import gate_pictures
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.models.registry import BUNDLED


@dataclass(frozen=True)
class CheckSubject:
    """An engine to be checked."""

    preset: str
    size: int
    precision: str
    batch: int
    device: str
    frame: tuple[int, int]
    engine: str = 'torch'

    @property
    def name(self) -> str:
        """Name it in a table."""
        return f'{self.engine} {self.preset} {self.size} {self.precision} batch {self.batch}'

    @property
    def plan(self) -> ResizePlan:
        """Return how its pictures reach the network."""
        return ResizePlan.lower_bound(*self.frame, self.size)

    @property
    def spec(self) -> EngineSpec:
        """Return what its engine is asked to be."""
        return EngineSpec(self.plan, self.device, self.precision, batch=self.batch)

    @property
    def checkpoint(self) -> Checkpoint:
        """Return its weights."""
        return load(self.preset)

    def describe(self) -> Engine:
        """Describe its engine; raises EngineError."""
        return describe_engine(self.checkpoint, self.engine, self.spec)

    def pictures(self) -> np.ndarray:
        """Return a batch for it, (batch, H, W, 3) uint8 RGB."""
        pictures = gate_pictures(*self.frame)
        return np.ascontiguousarray(pictures[[i % len(pictures) for i in range(self.batch)]])


@lru_cache(maxsize=4)
def load(preset: str) -> Checkpoint:
    """Return the bundled weights for vitt, else random ones, the same on every run."""
    gc.collect()
    return checkpoints.load(BUNDLED if preset == 'vitt' else random_model(preset))
