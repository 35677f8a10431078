# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Train a teacher of relative depth on exact, synthetic truth alone: the first stage.

    dav2-train teacher config/training/teacher_vitg.yaml --out out/teacher

What is special about this stage: truth is inverted, sky is 0 (and counts), the loss is affine-invariant with gradient
matching 1 : 2, pictures are cropped and mirrored, nothing else (Depth Anything V2, sections 4 and 5).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch

from dav2_training import config as configs
from dav2_training import export
from dav2_training.config import FitConfig, SetConfig, Start
from dav2_training.data.relative_batches import RelativeBatches, open_sets
from dav2_training.loop.fit import fit
from dav2_training.losses import RelativeLoss
from dav2_training.stages import relative
from dav2_training.stages.options import ConfigFile, Out, Steps, Threads


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
    """Training on labelled sets."""

    preset: str = 'vitg'
    name: str = 'teacher'
    license: str = 'unknown'  # of the trained weights: what the data sets allow
    start: Start = dataclasses.field(default_factory=Start)
    height: int = 518
    width: int = 518
    sets: tuple[SetConfig, ...] = ()  # simply joined: a large one is seen more often
    nearest_m: float = 0.1  # truth nearer than this is clipped before it is inverted; not stated in the papers
    loss: RelativeLoss = dataclasses.field(default_factory=RelativeLoss)
    validation: tuple[SetConfig, ...] = ()
    validation_frames: int = 64
    workers: int = 2  # processes that read, crop and augment
    fit: FitConfig = dataclasses.field(default_factory=FitConfig)


def train(config: TeacherConfig, out: Path, after_step: Callable[[int], None] = lambda step: None) -> Path:
    """Train as configured and write the runtime's safetensors."""
    f = config.fit
    size = config.height, config.width
    network = relative.build_network(config.start, config.preset, config.height * config.width, f.seed)
    feed = RelativeBatches(
        *size,
        f.batch,
        truth=open_sets(config.sets, *size),
        labelled=f.batch,
        nearest_m=config.nearest_m,
        seed=f.seed,
        workers=config.workers,
        pin=torch.cuda.is_available(),
    )
    objective = relative.RelativeObjective(relative.ObjectiveWeights(), config.loss, config.loss, 1.0)
    validate = relative.validator(config.validation, *size, config.validation_frames)
    info = relative.model_info(config.name, config.preset, *size, config.license)
    fit(network, f, feed, objective, validate, out, after_step, info, config)
    return export.write(export.read(out / 'last.pt'), out / f'{config.name}.safetensors')


def main(config: ConfigFile, out: Out, steps: Steps = None, threads: Threads = None) -> None:
    """Train a relative model on sets with exact depth; run again to resume."""
    print(train(configs.load(TeacherConfig, config, steps=steps, threads=threads), out))
