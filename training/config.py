# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration of a run: one frozen dataclass holds every default, the YAML file holds what differs from it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml

from dav2_ros.models.info import is_name

T = TypeVar('T')


class ConfigError(ValueError):
    """Settings that are unknown, contradict each other or do not fit this machine; one sentence with the remedy."""


@dataclass(frozen=True)
class SetConfig:
    """A data set: one of data/registry.py, or frames of a procedural world (data/procedural/frame_cache.py)."""

    name: str = ''  # as `dav2-train data` knows it; procedural or shifted
    root: str = ''  # folder of the set
    split: str = ''  # '' is its first
    labels: str = ''  # folder of pseudo labels, which take the place of the set's own truth
    seed: int = 1  # procedural and shifted: which frames
    frames: int = 1024  # and how many
    cache: str = ''  # folder to keep rendered frames in; '' renders them each time


@dataclass(frozen=True)
class Start:
    """Where weights come from, at most one of the two; neither means from nothing. Raises ConfigError for both."""

    model: str = ''  # a model of the same preset, by its name or file: all of it
    encoder: str = ''  # a published DINOv2 file, or a model: its encoder; the head is new

    def __post_init__(self) -> None:
        if self.model and self.encoder:
            raise ConfigError('Both start.model and start.encoder are set: choose one.')


@dataclass(frozen=True)
class FitConfig:
    """What the loop needs to know, whatever the stage."""

    steps: int = 1000
    batch: int = 16  # frames per step, on all devices together
    accumulate: int = 1  # parts in which a device takes its share of them, one after another
    lr: float = 5e-4  # of the head; peak, reached after warm_up
    encoder_lr: float = 5e-4  # 5e-6 in the papers, which start from a trained encoder; this one starts from nothing
    weight_decay: float = 0.01
    decay_all: bool = False  # of norms, biases and tokens too, as the published metric training has it
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = 'poly'  # of the learning rates; poly, linear, onecycle, constant (loop/lr_schedule.py)
    warm_up: int = 100  # steps; the papers have none
    clip_norm: float = 1.0  # the papers do not clip
    precision: str = 'bf16-mixed'  # of the forward pass; losses are always float32
    accelerator: str = 'auto'  # cpu, cuda
    strategy: str = 'auto'  # how devices share the work: auto (ddp for more than one), ddp, fsdp
    devices: int = 1  # of one node; torchrun says it by itself
    nodes: int = 1
    threads: int = 0  # of the CPU; 0 leaves torch's choice
    seed: int = 0
    save_every: int = 250  # steps between checkpoints
    validate_every: int = 500
    log_every: int = 10
    tensorboard: bool = True  # write for it too, into the run's folder


@dataclass(frozen=True)
class AugmentConfig:
    """What metric training does to pictures on disk beside cropping and mirroring; the defaults do nothing."""

    kb_crop: bool = False  # keep what the KITTI benchmark keeps of its pictures, also to judge
    rotate_deg: float = 0.0  # to either side
    colour_share: float = 0.0  # of pictures whose colours change
    gamma: tuple[float, float] = (0.9, 1.1)
    brightness: tuple[float, float] = (0.9, 1.1)
    colour: tuple[float, float] = (0.9, 1.1)  # of each channel


@dataclass(frozen=True)
class TimedConfig:
    """Metric training on varied scenes for so many minutes (timed/fit.py); everything here is of that way only."""

    minutes: float = 0.0  # of the run, all its sessions together; 0: fit.steps decides, and the way is fit.py's
    finish_s: float = 25.0  # of these, kept for the last judgement and writing
    warm_up: float = 0.03  # share of the time in which the learning rate rises; after it a cosine falls to 0
    ema: float = 0.999  # of the weights that are kept and judged, for each step
    buffer: int = 20_000  # rendered frames on the device
    panoramas: int = 4_000  # very wide ones beside them
    panorama_height: int = 168
    panorama_width: int = 560
    panorama_every: int = 7  # of the tables that are composed
    uses: float = 2.5  # how often a frame is drawn, where composing keeps up; else more often
    fill: int = 3_000  # frames in the buffer before the first step
    scenes: int = 16  # in a table
    views: int = 3  # of a scene
    small_share: float = 0.12  # of steps, at 2/3 of the size
    panorama_share: float = 0.14
    zoom: float = 1.5  # how much a frame is enlarged at most
    gradient_weight: float = 0.5  # of the differences between neighbours, which make edges sharp
    judge_every_s: float = 60.0  # and keep
    compile: bool = False  # the network, by torch.compile; where that fails it runs as it is


@dataclass(frozen=True)
class MetricConfig:
    """Metric training, on data sets or on procedural scenes, in canonical-camera space or in the cameras' own."""

    preset: str = 'vitt'
    name: str = 'vitt-procedural'
    license: str = 'unknown'  # of the trained weights; an SPDX name
    start: Start = dataclasses.field(default_factory=Start)
    sets: tuple[SetConfig, ...] = ()  # in metres; none: procedural scenes, rendered while it trains
    validation: tuple[SetConfig, ...] = ()
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    height: int = 168  # network input
    width: int = 224
    canonical: bool = True  # learn depth as if every camera had the focal length f_canonical_px
    f_canonical_px: float = 200.0  # at `height`; not canonical: what the pictures have there, 0 unknown
    min_depth_m: float = 1e-3  # truth that is nearer is not learnt
    max_depth_m: float = 80.0  # what the sigmoid is multiplied by; in the canonical camera, if there is one
    loss: str = 'silog'  # or silog_zoedepth
    l1_weight: float = 0.0  # of mean |d ln z| beside it
    sky_weight: float = 0.1  # of the term that sends sky to max_depth_m
    scenes_seed: int = 1
    fresh_per_step: int = 6  # new frames rendered for each step; the others of a batch are seen again
    pool: int = 1024  # newest frames that a batch is drawn from
    wide_share: float = 0.0  # of steps whose frames are cut to 16:9, so that a camera's video mode keeps its metres
    square_share: float = 0.0  # of steps whose frames are cut to 1:1
    workers: int = 1  # processes that render, or read pictures
    validation_seed: int = 1_000_003
    validation_frames: int = 64  # evenly from the sets to validate on; 0: all
    protocol: str = 'plain'  # by which they are judged (dav2_ros/evaluation/protocols.py)
    mirror_too: bool = False  # average with the prediction for the mirrored picture when judging, as ZoeDepth does
    timed: TimedConfig = dataclasses.field(default_factory=TimedConfig)
    fit: FitConfig = dataclasses.field(default_factory=FitConfig)


def from_dict(cls: type[T], values: dict[str, Any], where: str) -> T:
    """Build a configuration; raises ConfigError that names an unknown key and those there are."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f'{where} has no setting {unknown[0]!r}; there are: {", ".join(known)}.')
    made = {}
    for key, value in values.items():
        default = getattr(cls(), key)
        if dataclasses.is_dataclass(default):
            made[key] = from_dict(type(default), value or {}, f'{where}: {key}')
        elif isinstance(default, tuple):
            made[key] = _tuple(cls, key, value, f'{where}: {key}')
        elif isinstance(default, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
            made[key] = float(value)
        elif type(value) is type(default):
            made[key] = value
        else:
            raise ConfigError(
                f'{where}: {key} is {value!r}, but must be a {type(default).__name__} such as {default!r}.'
            )
    return cls(**made)


def _tuple(cls: type, key: str, value: Any, where: str) -> tuple:
    """Read a list: of configurations, where the field is declared as tuple[SomeConfig, ...], else of plain values."""
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f'{where} is {value!r}, but must be a list.')
    kind = (get_args(get_type_hints(cls)[key]) or (object,))[0]
    if not dataclasses.is_dataclass(kind):
        return tuple(value)
    return tuple(from_dict(kind, each or {}, f'{where}[{i}]') for i, each in enumerate(value))


def load(cls: type[T], path: str | Path, **overrides: Any) -> T:
    """Read a YAML file into a configuration; `overrides` whose value is not None replace settings of `fit`."""
    values = yaml.safe_load(Path(path).read_text()) or {}
    config = from_dict(cls, values, str(path))
    if not is_name(getattr(config, 'name', 'none')):
        raise ConfigError(
            f'{path}: name is {config.name!r}: use letters, digits, dots, dashes and underscores only, since the '
            'trained model is called by it.'
        )
    changed = {k: v for k, v in overrides.items() if v is not None}
    return dataclasses.replace(config, fit=dataclasses.replace(config.fit, **changed)) if changed else config
