# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render procedural scenes as a data set like any other: a file of a few lines says what to render."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dav2_training import config
from dav2_training.data.procedural.frame_cache import WORLDS, ProceduralFrames
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample

FILE = 'scenes.yaml'
SEED_STEP = 1_000_003  # between the seeds of two splits


@dataclass(frozen=True)
class ScenesFile:
    """What scenes.yaml may say."""

    world: str = 'procedural'  # or shifted: the same geometry as another world would photograph it
    seed: int = 1
    frames: dict[str, int] = field(default_factory=lambda: {'train': 20000, 'val': 200})  # each split has its own
    height: int = 168
    width: int = 224
    keep: bool = True  # beside the file, once rendered


class ProceduralSet:
    """Exact Z depth, sky as +inf, and the camera of each frame."""

    INFO = SetInfo(
        title='Procedural scenes',
        tree=f'└── {FILE}  (seed: 1, frames: {{train: 20000, val: 200}}, height: 168, width: 224, world: procedural)',
        splits=('train', 'val'),
        truth='metres',
        licence='Apache-2.0',
        source='dav2_training.data.procedural.procedural renders them',
    )

    def __init__(self, root: Path, split: str) -> None:
        path = root / FILE
        if not path.is_file():
            raise refuse(ProceduralSet, root, FILE)
        try:
            scenes = config.from_dict(ScenesFile, yaml.safe_load(path.read_text()) or {}, str(path))
        except (ValueError, yaml.YAMLError) as error:
            raise DataError(f'{path} does not say what to render ({" ".join(str(error).split())})') from error
        if scenes.world not in WORLDS:
            raise DataError(f'{path} has no world {scenes.world!r}: choose one of {", ".join(WORLDS)}.')
        seed = scenes.seed + SEED_STEP * self.INFO.splits.index(split)
        cache = str(root) if scenes.keep else ''
        frames = scenes.frames.get(split, 0)
        self.frames = ProceduralFrames(scenes.world, seed, frames, scenes.height, scenes.width, cache)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        return self.frames[index]
