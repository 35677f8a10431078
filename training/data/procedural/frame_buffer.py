# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Buffer an endless data set: workers render, each frame is drawn a few times, then dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from dav2_ros.network.presets import PATCH
from dav2_training.data.batch_share import WHOLE, Share
from dav2_training.data.procedural.procedural import MetricBatch, ProceduralScenes


class FrameStream(IterableDataset):
    """Frames first, first + n, ... in batches of n; with W workers each renders every W-th batch."""

    def __init__(self, scenes: ProceduralScenes, first: int, n: int) -> None:
        self.scenes, self.first, self.n = scenes, first, n

    def __iter__(self) -> Iterator[MetricBatch]:
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        torch.set_num_threads(1)
        while True:
            start = self.first + number * self.n
            yield self.scenes.batch(range(start, start + self.n))
            number += of


@dataclass(frozen=True)
class FramePool:
    """Batches for each step, a pure function of the step: a resumed run refills the same window.

    Step s draws from frames [hi - size, hi) with hi = first_fill + (s + 1) * fresh.
    """

    scenes: ProceduralScenes
    batch: int
    fresh: int
    size: int
    workers: int
    seed: int
    wide_share: float = 0.0  # of steps whose frames are cut to 16:9
    square_share: float = 0.0  # and to 1:1

    def __call__(self, start: int, share: Share = WHOLE) -> Iterator[MetricBatch]:
        slots = share.slots(self.batch)
        fill = min(self.size, max(self.batch, 32 * self.fresh))
        low = max(0, fill + start * self.fresh - self.size) // self.fresh * self.fresh
        loader = DataLoader(
            FrameStream(self.scenes, low, self.fresh),
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=16 if self.workers else None,
        )
        source = iter(loader)
        window: deque[tuple] = deque(maxlen=self.size)
        newest, step = low, start
        while True:
            while newest < fill + (step + 1) * self.fresh:
                rendered = next(source)
                window.extend(zip(rendered.rgb, rendered.z_m.half(), rendered.f_px))
                newest += self.fresh
            rng = np.random.default_rng([self.seed, step])
            rgb, z_m, f_px = zip(*(window[i] for i in rng.choice(len(window), self.batch, replace=False)))
            batch = augment(MetricBatch(torch.stack(rgb), torch.stack(z_m).float(), torch.stack(f_px)), rng)
            batch = self._reframe(batch, rng.random())
            for part in slots:
                yield MetricBatch(*(x[part.start : part.stop] for x in (batch.rgb, batch.z_m, batch.f_px)))
            step += 1

    def _reframe(self, batch: MetricBatch, draw: float) -> MetricBatch:
        if draw < self.wide_share:
            return wide(batch)
        return square(batch) if draw < self.wide_share + self.square_share else batch


def augment(batch: MetricBatch, rng: np.random.Generator) -> MetricBatch:
    """Mirror half of the frames, and vary colour and brightness, so that a frame drawn again is not the same."""
    rgb, z_m = batch.rgb.clone(), batch.z_m.clone()
    for i in range(len(rgb)):
        if rng.random() < 0.5:
            rgb[i], z_m[i] = rgb[i].flip(1), z_m[i].flip(1)
        x = rgb[i].float()
        if rng.random() < 0.1:
            x = x.mean(-1, keepdim=True).expand_as(x)
        gain = torch.from_numpy((rng.uniform(0.75, 1.3) * rng.uniform(0.9, 1.1, 3)).astype(np.float32))
        rgb[i] = (x * gain).clamp_(0, 255).to(torch.uint8)
    return MetricBatch(rgb, z_m, batch.f_px)


def wide(batch: MetricBatch) -> MetricBatch:
    """Cut 4:3 frames to 16:9, as a video mode cuts the sensor, and enlarge them to the old height.

    A network that saw one shape only takes its position embedding for a ruler: through 16:9 all was 6 % too far.
    """
    h, w = batch.z_m.shape[-2:]
    keep = round(0.75 * h)
    top = (h - keep) // 2
    out = h, round(w * h / keep / PATCH) * PATCH  # 168x224 -> 126x224 -> 168x294
    rgb = batch.rgb[:, top : top + keep].permute(0, 3, 1, 2).float()
    rgb = F.interpolate(rgb, out, mode='bilinear').add_(0.5).to(torch.uint8).permute(0, 2, 3, 1)
    z_m = F.interpolate(batch.z_m[:, None, top : top + keep], out, mode='nearest-exact')[:, 0]
    fx, fy = out[1] / w, out[0] / keep
    return MetricBatch(rgb.contiguous(), z_m, batch.f_px * (fx * fy) ** 0.5)


def square(batch: MetricBatch) -> MetricBatch:
    """Cut frames to their middle square."""
    h, w = batch.z_m.shape[-2:]
    left = (w - h) // 2
    return MetricBatch(
        batch.rgb[:, :, left : left + h].contiguous(), batch.z_m[:, :, left : left + h].contiguous(), batch.f_px
    )
