# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render held-out procedural scenes as they are asked for: the data set that every machine has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.frame_cache import ProceduralFrames
from dav2_training.data.sample import Sample
from dav2_training.data.varied.compose import compose as compose_varied

HELD_OUT_SEED = 2_000_003  # of no training run and no validation during one


@dataclass(frozen=True)
class HeldOutScenes:
    """Frames that no training saw; a name begins with the kind of its scene."""

    frames: int
    height: int = 168
    width: int = 224
    seed: int = HELD_OUT_SEED
    world: str = 'procedural'  # of data.procedural.frame_cache.WORLDS

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: int) -> Sample:
        sample = ProceduralFrames(self.world, self.seed, self.frames, self.height, self.width)[index]
        scene = compose_varied(self.seed, index, 0).scene if self.world == 'varied' else compose(self.seed, index)
        return replace(sample, name=f'{scene.kind}/{sample.name}')
