# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames in the memory of the device that learns: rendered once, drawn a few times, each time through another camera.

Processes compose scenes ahead of time; a thread takes what they send, so that the loop never waits while the buffer
holds enough.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from dav2_training.config import ConfigError
from dav2_training.data.renderer import Batch
from dav2_training.data.varied.compose import compose
from dav2_training.data.varied.render import Packed, pack, render


class ComposedScenes(IterableDataset):
    """Tables of `scenes` scenes with `views` views each, endlessly; every `panorama_every`-th is of very wide ones."""

    def __init__(self, seed: int, first: int, scenes: int, views: int, panorama_every: int) -> None:
        self.seed, self.first, self.scenes, self.views, self.every = seed, first, scenes, views, panorama_every

    def __iter__(self) -> Iterator[tuple[bool, Packed]]:
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        torch.set_num_threads(1)
        while True:
            wide = bool(self.every) and number % self.every == self.every - 1
            start = self.first + number * self.scenes
            yield wide, pack([compose(self.seed, i, self.views, None, wide) for i in range(start, start + self.scenes)])
            number += of


def as_it_is(x: tuple[bool, Packed]) -> tuple[bool, Packed]:
    """Leave arrays arrays: as tensors they would go through shared memory, of which a container has little."""
    return x


class SceneQueue:
    """Composed scenes, taken from processes by a thread. Closed by `with`."""

    def __init__(self, scenes: ComposedScenes, workers: int) -> None:
        self._loader = iter(DataLoader(scenes, batch_size=None, num_workers=workers, collate_fn=as_it_is,
                                       prefetch_factor=2 if workers else None))  # fmt: skip
        self._ready: queue.Queue = queue.Queue(maxsize=2 * workers + 2)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def __enter__(self) -> SceneQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=10)

    def _collect(self) -> None:
        try:
            while not self._stopped.is_set():
                made = next(self._loader)
                while not self._stopped.is_set():
                    try:
                        self._ready.put(made, timeout=0.2)
                        break
                    except queue.Full:
                        continue
        except BaseException as error:  # told to the loop, which else would wait for ever
            self._error = error

    def get(self, wait: bool) -> tuple[bool, Packed] | None:
        """Return the next scenes, or None where none are ready and it is not to wait. Raises ConfigError."""
        while True:
            try:
                return self._ready.get(timeout=0.5) if wait else self._ready.get_nowait()
            except queue.Empty:
                if self._error is not None:
                    raise ConfigError(f'Composing scenes has failed: {self._error!r}.') from self._error
                if not wait:
                    return None


@dataclass(frozen=True)
class Shape:
    """What a step's frames are cut and resized to."""

    height: int
    width: int
    of_height: float = 1.0  # share of the rendered frame that is used at most
    of_width: float = 1.0


class FrameBuffer:
    """A ring of rendered frames of one size on one device."""

    def __init__(self, size: int, height: int, width: int, device: str) -> None:
        self.height, self.width, self.device, self.size = height, width, device, size
        self.rgb = torch.empty(size, height, width, 3, dtype=torch.uint8, device=device)
        self.z_m = torch.empty(size, height, width, dtype=torch.float16, device=device)  # inf is sky
        self.f_px = torch.empty(size, device=device)
        self.made = 0

    @property
    def filled(self) -> int:
        """Number of frames that can be drawn."""
        return min(self.made, self.size)

    def fill(self, packed: Packed) -> int:
        """Render frames into the places of the oldest; return how many."""
        batch = render(packed, self.height, self.width, self.device)
        at = (torch.arange(len(packed)) + self.made) % self.size
        at = at.to(self.device)
        self.rgb[at], self.z_m[at], self.f_px[at] = batch.rgb, batch.z_m.half(), batch.f_px
        self.made += len(packed)
        return len(packed)

    def draw(self, count: int, shape: Shape, generator: torch.Generator, zoom: float = 1.5) -> Batch:
        """Draw frames: mirrored or not, cut anywhere and enlarged up to `zoom` times, at the shape that is wanted."""
        device = self.device

        def rand(*size: int) -> Tensor:
            return torch.rand(*size, generator=generator, device=device)

        which = (rand(count) * self.filled).long().clamp_max(self.filled - 1)
        nearer = torch.where(rand(count) < 0.5, 1.0, zoom ** rand(count))
        wide, high = shape.of_width / nearer, shape.of_height / nearer
        mirror = torch.where(rand(count) < 0.5, -1.0, 1.0)
        zero = torch.zeros(count, device=device)
        x0, y0 = (rand(count) * 2 - 1) * (1 - wide), (rand(count) * 2 - 1) * (1 - high)
        theta = torch.stack([torch.stack([wide * mirror, zero, x0], 1), torch.stack([zero, high, y0], 1)], dim=1)
        grid = F.affine_grid(theta, [count, 1, shape.height, shape.width], align_corners=False)
        rgb = self.rgb[which].permute(0, 3, 1, 2).float()
        rgb = F.grid_sample(rgb, grid, mode='bilinear', padding_mode='border', align_corners=False)
        z_m = self.z_m[which].float()[:, None].clamp_max(6e4)
        z_m = F.grid_sample(z_m, grid, mode='nearest', padding_mode='border', align_corners=False)[:, 0]
        z_m = torch.where(z_m >= 5e4, torch.inf, z_m)
        fx, fy = shape.width / (self.width * wide), shape.height / (self.height * high)
        rgb = rgb.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        return Batch(rgb, z_m, self.f_px[which] * (fx * fy).sqrt())
