# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Train a student on the labels that a teacher gave to real pictures: the third stage.

    dav2-train student config/training/student_vits.yaml --out out/student

What is special about this stage: pictures are perturbed strongly and pasted together, labels are not (CutMix, each
region with its own scale); a tenth of each picture, where the loss is largest, is taken for a slip of the teacher; the
encoder is held near the one it started from. With `labelled` sets beside the pseudo-labelled ones it is the recipe of
the first paper, 1 : 2; without, that of the second.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch

from dav2_training import config as configs
from dav2_training import export
from dav2_training.config import ConfigError, FitConfig, SetConfig, Start
from dav2_training.data.augment import StrongAugmentConfig
from dav2_training.data.relative_batches import RelativeBatches, open_sets
from dav2_training.loop.fit import fit
from dav2_training.losses import RelativeLoss
from dav2_training.stages import relative
from dav2_training.stages.options import ConfigFile, Out, Steps, Threads


@dataclasses.dataclass(frozen=True)
class StudentConfig:
    """Training on pseudo-labelled sets, and labelled ones beside them."""

    preset: str = 'vits'
    name: str = 'student'
    license: str = 'unknown'  # of the trained weights: what the data sets and the teacher allow
    start: Start = dataclasses.field(default_factory=Start)
    height: int = 518
    width: int = 518
    sets: tuple[SetConfig, ...] = ()  # each with `labels`, as dav2-train pseudo-label wrote them
    labelled: tuple[SetConfig, ...] = ()  # with truth of their own
    labelled_share: float = 0.0  # of each batch: a third in the first paper, nothing in the second
    nearest_m: float = 0.1  # truth nearer than this is clipped before it is inverted; not stated in the papers
    labelled_loss: RelativeLoss = dataclasses.field(default_factory=RelativeLoss)
    loss: RelativeLoss = dataclasses.field(default_factory=lambda: RelativeLoss(ignored=0.1))
    weights: relative.ObjectiveWeights = dataclasses.field(default_factory=relative.ObjectiveWeights)
    strong: StrongAugmentConfig = dataclasses.field(default_factory=StrongAugmentConfig)
    validation: tuple[SetConfig, ...] = ()
    validation_frames: int = 64
    workers: int = 2  # processes that read, crop and augment
    fit: FitConfig = dataclasses.field(default_factory=FitConfig)

    @property
    def labelled_places(self) -> int:
        """How many pictures of a batch have truth. Raises ConfigError where share and sets contradict each other."""
        places = round(self.labelled_share * self.fit.batch)
        for there, wanted, what in ((self.labelled, places, 'labelled'), (self.sets, self.fit.batch - places, 'sets')):
            if bool(there) != bool(wanted):
                raise ConfigError(
                    f'{wanted} of the {self.fit.batch} pictures of a batch come from `{what}`, which names '
                    f'{len(there)} sets: set labelled_share (now {self.labelled_share}) to fit.'
                )
        return places


def train(config: StudentConfig, out: Path, after_step: Callable[[int], None] = lambda step: None) -> Path:
    """Train as configured and write the runtime's safetensors."""
    f, size, places = config.fit, (config.height, config.width), config.labelled_places
    for each in config.sets:
        if not each.labels:
            raise ConfigError(
                f'The set {each.name} has no `labels`: name the folder that dav2-train pseudo-label filled.'
            )
    if config.weights.alignment and not (config.start.encoder or config.start.model):
        raise ConfigError('weights.alignment needs an encoder to stay near: set start.encoder, or alignment to 0.')
    network = relative.build_network(config.start, config.preset, config.height * config.width, f.seed)
    feed = RelativeBatches(
        *size,
        f.batch,
        truth=open_sets(config.labelled, *size),
        pseudo=open_sets(config.sets, *size),
        labelled=places,
        strong=config.strong,
        nearest_m=config.nearest_m,
        seed=f.seed,
        workers=config.workers,
        pin=torch.cuda.is_available(),
    )
    share = places / f.batch
    losses = config.labelled_loss, config.loss
    objective = relative.RelativeObjective(config.weights, *losses, share, network.pretrained, f.precision)
    validate = relative.validator(config.validation, *size, config.validation_frames)
    info = relative.model_info(config.name, config.preset, *size, config.license)
    fit(network, f, feed, objective, validate, out, after_step, info, config)
    return export.write(export.read(out / 'last.pt'), out / f'{config.name}.safetensors')


def main(config: ConfigFile, out: Out, steps: Steps = None, threads: Threads = None) -> None:
    """Train a relative model on pseudo-labelled sets; run again to resume."""
    print(train(configs.load(StudentConfig, config, steps=steps, threads=threads), out))
