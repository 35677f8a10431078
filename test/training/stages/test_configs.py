# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every file in config/training: it loads, its commands are commands, and what claims a paper's numbers has them."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

from dav2_ros.commands.app import app as dav2
from dav2_ros.evaluation.protocols import protocol
from dav2_ros.models.registry import lookup
from dav2_ros.network.presets import PRESETS
from dav2_training import config as configs
from dav2_training.cli import app as dav2_train
from dav2_training.config import MetricConfig
from dav2_training.data import registry
from dav2_training.data.batch_share import Share
from dav2_training.data.procedural.frame_cache import WORLDS
from dav2_training.data.sets import segmentation
from dav2_training.stages.metric import info_of, loss_of
from dav2_training.stages.pseudo_label import PseudoLabelConfig
from dav2_training.stages.segment import SegmentConfig
from dav2_training.stages.student import StudentConfig
from dav2_training.stages.teacher import TeacherConfig

FOLDER = Path(__file__).parents[3] / 'config' / 'training'
NAMES = sorted(path.stem for path in FOLDER.glob('*.yaml'))
STAGES = {
    'teacher': TeacherConfig,
    'pseudo-label': PseudoLabelConfig,
    'student': StudentConfig,
    'metric': MetricConfig,
    'segment': SegmentConfig,
}
SIZES = {'s': 'vits', 'b': 'vitb', 'l': 'vitl', 'g': 'vitg'}
DAV2, DAV2_TRAIN = (typer.main.get_command(app) for app in (dav2, dav2_train))
SYNTHETIC = {'blendedmvs', 'hypersim', 'irs', 'tartanair', 'vkitti2'}
UNLABELLED = {'bdd100k', 'google-landmarks', 'imagenet21k', 'lsun', 'objects365', 'openimages', 'places365', 'sa1b'}


def commands(name: str) -> list[list[str]]:
    """Read the commands in a file's head: the one that runs it, and those that make its input."""
    head = re.match(r'(#.*\n)+', (FOLDER / f'{name}.yaml').read_text()).group()
    return [shlex.split(line) for line in re.findall(r'^#   ((?:dav2|dav2-train|torchrun) .*)', head, re.MULTILINE)]


def parsed(words: list[str]) -> tuple[str, dict]:
    """Parse a command as the command line would; return its name and arguments. Raises click's UsageError."""
    if words[0] == 'torchrun':
        assert words[1] == '--nproc-per-node' and words[2].isdigit() and words[3:5] == ['-m', 'dav2_training']
    group = DAV2 if words[0] == 'dav2' else DAV2_TRAIN
    rest = words[5:] if words[0] == 'torchrun' else words[1:]
    name = ''
    while hasattr(group, 'commands'):
        name, group, rest = rest[0], group.commands[rest[0]], rest[1:]
    return name, group.make_context(name, list(rest)).params


@cache
def run(name: str) -> tuple[str, dict]:
    """Return stage and arguments of the command that runs a file."""
    return parsed(commands(name)[0])


@cache
def load(name: str):
    return configs.load(STAGES[run(name)[0]], FOLDER / f'{name}.yaml')


@pytest.mark.parametrize('name', NAMES)
def test_the_commands_in_its_head_are_commands_and_the_first_runs_it(name: str) -> None:
    _, arguments = run(name)
    assert arguments['config'] == Path(f'config/training/{name}.yaml')
    for stage, arguments in map(parsed, commands(name)):
        if stage in STAGES:
            assert (FOLDER / arguments['config'].name).is_file()
        if stage == 'fetch':
            assert lookup(arguments['name']).repo


@pytest.mark.parametrize('name', NAMES)
def test_it_names_what_there_is(name: str) -> None:
    """Data sets and their splits, protocols, losses; models of other files or of the registry; batches to deal."""
    config = load(name)
    parts = (getattr(config, part, ()) for part in ('sets', 'labelled', 'validation'))
    named = [each for part in parts for each in part if each.name not in WORLDS]
    for each in named:
        assert each.split in ('', *registry.set_info(each.name).splits), each
    if isinstance(config, SegmentConfig):
        assert config.set in segmentation.LOADERS
    if isinstance(config, MetricConfig):
        assert protocol(config.protocol).max_m >= 10 and loss_of(config) and info_of(config)
        assert config.validation or not config.sets
    start = getattr(config, 'start', configs.Start())
    for source in filter(None, (getattr(config, 'teacher', ''), start.model, start.encoder)):
        if source.startswith('out/'):
            folder, file = Path(source).parts[1:]
            makers = [n for n in NAMES if run(n)[1].get('out') == Path('out') / folder]
            assert len(makers) == 1 and f'{load(makers[0]).name}.safetensors' == file, source
            assert load(makers[0]).preset == getattr(config, 'preset', load(makers[0]).preset)
        elif source.startswith('/'):
            assert f'dinov2_vit{config.preset[-1]}14_pretrain' in source
        else:
            assert lookup(source).preset == config.preset
    if hasattr(config, 'fit'):
        words = commands(name)[0]
        devices = int(words[2]) if words[0] == 'torchrun' else 1
        assert Share(0, devices, config.fit.accumulate).slots(config.fit.batch)
        assert config.height % 14 == config.width % 14 == 0 if hasattr(config, 'height') else config.crop % 14 == 0


@pytest.mark.parametrize('name', [n for n in NAMES if re.fullmatch(r'.*_[sblg]', n)])
def test_its_size_is_that_of_its_name(name: str) -> None:
    assert load(name).preset == SIZES[name[-1]] in PRESETS


def rates(name: str) -> tuple[float, float]:
    fit = load(name).fit
    return fit.encoder_lr, fit.lr


def test_the_teacher_has_the_second_papers_numbers() -> None:
    config = load('teacher_g')
    assert (config.preset, config.height, config.width) == ('vitg', 518, 518)
    assert (config.fit.batch, config.fit.steps) == (64, 160_000)
    assert rates('teacher_g') == (5e-6, 5e-5)
    assert {each.name for each in config.sets} == SYNTHETIC and len(config.sets) == 5
    assert (config.loss.ssi_weight, config.loss.gradient_weight, config.loss.ignored) == (1.0, 2.0, 0.0)


@pytest.mark.parametrize('size', 'sblg')
def test_the_students_have_the_second_papers_numbers(size: str) -> None:
    config = load(f'student_{size}')
    assert (config.fit.batch, config.fit.steps, config.height, config.width) == (192, 480_000, 518, 518)
    assert rates(f'student_{size}') == (5e-6, 5e-5)
    assert {each.name for each in config.sets} == UNLABELLED and all(each.labels for each in config.sets)
    assert (config.labelled, config.labelled_places) == ((), 0), 'pseudo labels only'
    assert (config.loss.ssi_weight, config.loss.gradient_weight, config.loss.ignored) == (1.0, 2.0, 0.1)
    assert config.weights.alignment > 0 and config.weights.margin == 0.85
    assert config.strong.cutmix_share == 0.5
    labelled = load('pseudo_label').sets
    assert [(s.name, s.root, s.split, s.labels) for s in config.sets] == [
        (s.name, s.root, s.split, s.labels) for s in labelled
    ]


@pytest.mark.parametrize('size', 'sbl')
def test_the_first_papers_students_have_its_numbers(size: str) -> None:
    config = load(f'student_v1_{size}')
    assert config.labelled_places * 2 == config.fit.batch - config.labelled_places, '1 : 2'
    assert config.fit.steps * (config.fit.batch - config.labelled_places) == pytest.approx(62e6, rel=1e-3), 'one pass'
    assert (config.fit.schedule, config.weights.margin, config.strong.cutmix_share) == ('linear', 0.85, 0.5)
    assert rates(f'student_v1_{size}') == (5e-6, 5e-5)
    parts = config.weights
    assert parts.labelled == parts.pseudo == parts.alignment, 'the mean of the three'
    assert load('teacher_v1_l').preset == 'vitl'


@pytest.mark.parametrize('size', 'sbl')
@pytest.mark.parametrize(
    ('name', 'frames', 'max_m'), [('hypersim', 59_543, 20.0), ('vkitti', 19_559, 80.0), ('kitti', 23_158, 80.0)]
)
def test_the_metric_configurations_have_the_published_numbers(name: str, frames: int, max_m: float, size: str) -> None:
    config, fit = load(f'metric_{name}_{size}'), load(f'metric_{name}_{size}').fit
    assert (fit.batch, fit.steps, fit.validate_every) == (32, frames // 32 * 120, frames // 32)
    assert (fit.encoder_lr, fit.lr, fit.schedule, fit.warm_up) == (5e-6, 5e-5, 'poly', 0)
    assert (fit.weight_decay, fit.decay_all, fit.betas, fit.clip_norm) == (0.01, True, (0.9, 0.999), 0.0)
    assert (fit.precision, fit.accumulate) == ('32-true', 1)
    assert (config.min_depth_m, config.max_depth_m, config.height, config.width) == (1e-3, max_m, 518, 518)
    assert (config.loss, config.l1_weight, config.sky_weight, config.canonical) == ('silog', 0.0, 0.0, False)
    assert config.start.encoder and not config.start.model
    assert config.augment == configs.AugmentConfig(), 'mirrored and cropped, nothing else'
    assert config.validation_frames == 0 and not config.mirror_too


@pytest.mark.parametrize('size', 'sbl')
@pytest.mark.parametrize(('name', 'frames', 'max_m'), [('nyu', 24_231, 10.0), ('kitti', 23_158, 80.0)])
def test_the_zoedepth_configurations_have_its_numbers(name: str, frames: int, max_m: float, size: str) -> None:
    config, fit = load(f'zoedepth_{name}_{size}'), load(f'zoedepth_{name}_{size}').fit
    assert (fit.batch, fit.steps) == (16, frames // 16 * 5)
    assert (fit.lr, fit.encoder_lr) == (1.61e-4, pytest.approx(1.61e-4 / 50))
    assert (fit.schedule, fit.clip_norm, fit.weight_decay) == ('onecycle', 0.1, 0.01)
    assert (config.loss, config.max_depth_m, config.mirror_too) == ('silog_zoedepth', max_m, True)
    a = config.augment
    assert (a.rotate_deg, a.colour_share, a.gamma, a.colour) == (1.0, 0.5, (0.9, 1.1), (0.9, 1.1))
    assert a.brightness == ((0.75, 1.25) if name == 'nyu' else (0.9, 1.1)) and a.kb_crop == (name == 'kitti')
    assert config.protocol == ('nyu_eigen' if name == 'nyu' else 'kitti_garg')


def test_fine_tuning_keeps_the_space_that_its_model_was_trained_in() -> None:
    for name in ('metric_recorded', 'metric_recorded_small'):
        config = load(name)
        theirs, ours = lookup(config.start.model), info_of(config)
        for fact in ('preset', 'canonical', 'max_depth_m', 'train_size'):
            assert getattr(ours, fact) == getattr(theirs, fact)
        assert ours.f_train_px == pytest.approx(theirs.f_train_px, rel=1e-3)
