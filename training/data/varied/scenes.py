# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render the endless data set of varied scenes, frame by number, as data/procedural does the simple ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dav2_training.data.procedural.procedural import one_thread
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.varied.camera_faults import take
from dav2_training.data.varied.compose import compose
from dav2_training.data.varied.render import pack, render


@dataclass(frozen=True)
class VariedScenes:
    """Frames by number, as many as anyone asks for; frame `index` of `seed` is the same on every run of one device."""

    seed: int
    height: int = 252
    width: int = 336
    kind: str | None = None  # one of compose.KINDS, or all of them

    def batch(self, indices: Sequence[int]) -> MetricBatch:
        """Render the frames with these numbers, one after the other."""
        frames = []
        with one_thread():
            for index in map(int, indices):
                clean = render(pack([compose(self.seed, index, 1, self.kind)]), self.height, self.width)
                generator = torch.Generator().manual_seed((self.seed << 24) + index)
                frames.append((take(clean.rgb, generator), clean.z_m, clean.f_px))
        return MetricBatch(*(torch.cat(parts) for parts in zip(*frames)))
