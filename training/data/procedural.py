# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An endless data set of procedural scenes with exact Z depth, sky masks and intrinsics.

    batch = ProceduralScenes(seed=1).batch(range(8))
    batch.rgb, batch.z_m, batch.f_px  # (8, 168, 224, 3) uint8, (8, 168, 224) float32 with +inf for sky, (8,)

Deterministic: frame `index` of `seed` is the same in every batch, on every run of one device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dav2_training.data.renderer import Batch, render
from dav2_training.data.scenes import compose
from dav2_training.data.sensor import sense
from dav2_training.data.views import random_view, reach


@dataclass(frozen=True)
class ProceduralScenes:
    """Frames by number, as many as anyone asks for."""

    seed: int
    height: int = 168
    width: int = 224
    device: str = 'cpu'
    kind: str | None = None  # one of scenes.KINDS, or all of them

    def batch(self, indices: Sequence[int]) -> Batch:
        """Render the frames with these numbers."""
        views = [random_view(self.seed, int(i)) for i in indices]
        scenes = [compose(self.seed, int(i), self.kind, reach(v)) for i, v in zip(indices, views)]
        clean = render(scenes, views, self.height, self.width, self.device)
        return Batch(sense(clean.rgb, self.seed, indices), clean.z_m, clean.f_px)
