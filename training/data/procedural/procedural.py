# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render an endless data set of procedural scenes with exact Z depth, sky and intrinsics.

    batch = ProceduralScenes(seed=1).batch(range(8))
    batch.rgb, batch.z_m, batch.f_px  # (8, 168, 224, 3) uint8, (8, 168, 224) float32 with +inf for sky, (8,)

Deterministic: frame `index` of `seed` is the same in every batch, on every run of one device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from dav2_training.data.procedural.camera_noise import sense
from dav2_training.data.procedural.camera_poses import random_view, reach
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.renderer import MetricBatch, render


@dataclass(frozen=True)
class ProceduralScenes:
    """Frames by number, as many as anyone asks for."""

    seed: int
    height: int = 168
    width: int = 224
    device: str = 'cpu'
    kind: str | None = None  # one of compose.KINDS, or all of them

    def batch(self, indices: Sequence[int]) -> MetricBatch:
        """Render the frames with these numbers."""
        views = [random_view(self.seed, int(i)) for i in indices]
        scenes = [compose(self.seed, int(i), self.kind, reach(v)) for i, v in zip(indices, views)]
        if self.device != 'cpu':
            clean = render(scenes, views, self.height, self.width, self.device)
            return MetricBatch(sense(clean.rgb, self.seed, indices), clean.z_m, clean.f_px)
        with one_thread():
            frames = [render([s], [v], self.height, self.width) for s, v in zip(scenes, views)]
            rgb, z_m, f_px = (torch.cat(parts) for parts in zip(*((f.rgb, f.z_m, f.f_px) for f in frames)))
            return MetricBatch(sense(rgb, self.seed, indices), z_m, f_px)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one CPU thread: a scene alone stays in the cache, and the other cores are for other processes.

    A frame of 224x168 takes 30 ms so, and 65 ms in a batch of 8 on two threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
