# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Teacher, pseudo labels and student in miniature: the whole way, killed in the middle, and by two processes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dav2_ros.models import checkpoints
from dav2_training.config import FitConfig, SetConfig
from dav2_training.data.procedural.frame_cache import ProceduralFrames
from dav2_training.data.pseudo import label_file
from dav2_training.loop.checkpoints import plain
from dav2_training.stages import pseudo_label, student, teacher
from dav2_training.stages.pseudo_label import PseudoLabelConfig
from dav2_training.stages.student import StudentConfig
from dav2_training.stages.teacher import TeacherConfig

SIZE = {'height': 28, 'width': 42}
FIT = FitConfig(
    steps=16, batch=6, warm_up=2, precision='32-true', accelerator='cpu', threads=1,
    save_every=5, validate_every=16, log_every=1, tensorboard=False,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder with everything the chain makes."""

    root: Path
    frames: Path  # rendered once for all of them

    def set(self, world: str, **more) -> SetConfig:
        return SetConfig(name=world, seed=4, frames=23, cache=str(self.frames), **more)

    @property
    def labelled(self) -> SetConfig:
        return self.set('shifted', labels=str(self.root / 'labels'))

    def teacher(self) -> TeacherConfig:
        return TeacherConfig(preset='vitt', sets=(self.set('procedural'),), fit=FIT, workers=0, **SIZE)

    def labels(self, teacher: Path) -> PseudoLabelConfig:
        where = {'accelerator': 'cpu', 'threads': 1, 'workers': 0}
        return PseudoLabelConfig(str(teacher), (self.labelled,), short_side=28, batch=4, **SIZE, **where)

    def student(self, **more) -> StudentConfig:
        return StudentConfig(preset='vitt', sets=(self.labelled,), fit=FIT, workers=0, **SIZE, **more)


@pytest.fixture(scope='module')
def chain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Everything, without a stop."""
    place = Place(tmp_path_factory.mktemp('chain'), tmp_path_factory.mktemp('frames'))
    made = teacher.train(place.teacher(), place.root / 'teacher')
    pseudo_label.label(place.labels(made))
    student.train(place.student(validation=(place.set('shifted'),)), place.root / 'student')
    return place


def elsewhere(chain: Place, root: Path) -> Place:
    return dataclasses.replace(chain, root=root)


def stage(command: str, config, *options: str, processes: int = 1) -> list[str]:
    """Return the command line of a stage as a user gives it."""
    path = Path(options[-1] if options else config.sets[0].labels).with_suffix('.yaml')
    path.write_text(yaml.safe_dump(plain(dataclasses.asdict(config))))
    run = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', str(processes)] if processes > 1 else []
    return [sys.executable, *run, '-m', 'dav2_training', command, str(path), *options]


def kill_when(command: list[str], ready: Callable[[], bool]) -> None:
    """Start a stage and kill it, as a machine that loses its power would, once `ready`."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=quiet()) as process:
        while process.poll() is None and not ready():
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().decode()
    assert process.returncode == -signal.SIGKILL, told


def quiet() -> dict[str, str]:
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}


def losses(out: Path) -> list[float]:
    lines = [line.split(',') for line in (out / 'log.csv').read_text().splitlines() if not line.startswith('#')]
    assert [int(line[0]) for line in lines] == list(range(1, FIT.steps + 1))
    return [float(line[1]) for line in lines]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / 'last.pt', weights_only=True)['network']


def same_run(a: Path, b: Path) -> None:
    assert losses(a) == losses(b)
    assert all(torch.equal(tensor, weights(b)[name]) for name, tensor in weights(a).items())


def stepped(out: Path, step: int) -> Callable[[], bool]:
    log = out / 'log.csv'
    return lambda: log.is_file() and f'\n{step},' in log.read_text()


def labels(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob('[0-9]*.png')}


class TestChain:
    def test_each_stage_leaves_what_the_runtime_loads_as_what_it_is(self, chain: Place) -> None:
        for name in ('teacher', 'student'):
            info = checkpoints.load(chain.root / name / f'{name}.safetensors').info
            assert (info.kind, info.preset, info.train_size, info.max_depth_m) == ('relative', 'vitt', 28, None)

    def test_a_label_is_what_the_teacher_says_of_the_picture(self, chain: Place) -> None:
        loaded = checkpoints.load(chain.root / 'teacher' / 'teacher.safetensors')
        network = checkpoints.build(loaded)
        for sample in (ProceduralFrames('shifted', 4, 23, 28, 42)[i] for i in (0, 7, 22)):
            from dav2_ros.image.resize import ResizePlan

            with torch.no_grad():
                wanted = network(torch.from_numpy(ResizePlan(28, 42, 28, 42).apply(sample.rgb))[None])[0].numpy()
            found, notes = label_file.decode(label_file.label_path(chain.root / 'labels', sample.name).read_bytes())
            np.testing.assert_allclose(found, wanted, atol=np.ptp(wanted) / 65535 + 1e-5)
            assert notes['teacher'] == loaded.sha256[:16]

    def test_every_picture_is_labelled_once(self, chain: Place) -> None:
        folder = chain.root / 'labels'
        assert sorted(labels(folder)) == [f'{i:08d}.png' for i in range(23)]
        done = [line.split('\t')[0] for line in (folder / 'done-00000.tsv').read_text().splitlines()]
        assert sorted(map(int, done)) == list(range(23))
        assert json.loads((folder / 'settings.json').read_text())['pictures'] == 23

    def test_training_learns(self, chain: Place) -> None:
        for name in ('teacher', 'student'):
            found = losses(chain.root / name)
            assert sum(found[-4:]) < sum(found[:4])
        assert 'AbsRel' in (chain.root / 'student' / 'log.csv').read_text()


class TestKill:
    def test_a_killed_teacher_ends_as_one_that_was_not(self, chain: Place, tmp_path: Path) -> None:
        out, config = tmp_path / 'teacher', chain.teacher()
        kill_when(stage('teacher', config, '--out', str(out)), stepped(out, 7))
        assert torch.load(out / 'last.pt', weights_only=True)['step'] in (5, 10)
        teacher.train(config, out)
        same_run(out, chain.root / 'teacher')

    def test_a_killed_student_ends_as_one_that_was_not(self, chain: Place, tmp_path: Path) -> None:
        out, config = tmp_path / 'student', chain.student(validation=(chain.set('shifted'),))
        kill_when(stage('student', config, '--out', str(out)), stepped(out, 7))
        student.train(config, out)
        same_run(out, chain.root / 'student')

    def test_labelling_that_was_killed_goes_on_and_leaves_the_same_files(self, chain: Place, tmp_path: Path) -> None:
        place = elsewhere(chain, tmp_path)
        config, folder = place.labels(chain.root / 'teacher' / 'teacher.safetensors'), tmp_path / 'labels'
        before: dict[str, int] = {}
        for _ in range(5):  # on a busy machine it may be done before it is killed
            shutil.rmtree(folder, ignore_errors=True)
            kill_when(stage('pseudo-label', config), lambda: len(list(folder.glob('[0-9]*.png'))) >= 5)
            before = {path.name: path.stat().st_mtime_ns for path in folder.glob('[0-9]*.png')}
            if len(before) < 23:
                break
        assert 5 <= len(before) < 23
        journal = folder / 'done-00000.tsv'  # not there before the first chunk is settled
        done = {line.split('\t')[1] for line in journal.read_text().splitlines()} if journal.is_file() else set()
        pseudo_label.label(config)
        assert labels(folder) == labels(chain.root / 'labels')
        after = {path.name: path.stat().st_mtime_ns for path in folder.glob('[0-9]*.png')}
        whole = [i // 4 for i in range(23) if f'{i:08d}' in done]
        for i in range(23):
            if whole.count(i // 4) == 4:  # its chunk was done
                assert before[f'{i:08d}.png'] == after[f'{i:08d}.png']
        assert len(list(folder.glob('.*.part.png'))) <= 1  # of the one that was killed


class TestTwoProcesses:
    """Gloo on one machine stands for NCCL on many: what is dealt, summed and averaged is the same."""

    def test_a_teacher_learns_what_one_process_learns_from_the_whole_batch(self, chain: Place, tmp_path: Path) -> None:
        """In double precision: in single, rounding alone grows a hundredfold in a few steps from nothing."""
        config = chain.teacher()
        config = dataclasses.replace(config, fit=dataclasses.replace(config.fit, precision='64-true'))
        teacher.train(config, tmp_path / 'alone')
        out = tmp_path / 'teacher'
        command = stage('teacher', config, '--out', str(out), processes=2)
        done = subprocess.run(command, capture_output=True, text=True, env=quiet(), timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        np.testing.assert_allclose(losses(out), losses(tmp_path / 'alone'), rtol=1e-4)
        assert '2 x cpu' in done.stdout and 'batch 6 = 2 processes x 1 parts x 3' in ' '.join(done.stdout.split())

    def test_labels_of_two_are_those_of_one(self, chain: Place, tmp_path: Path) -> None:
        config = elsewhere(chain, tmp_path).labels(chain.root / 'teacher' / 'teacher.safetensors')
        done = subprocess.run(
            stage('pseudo-label', config, processes=2), capture_output=True, text=True, env=quiet(), timeout=300
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert labels(tmp_path / 'labels') == labels(chain.root / 'labels')
        counts = [len((tmp_path / 'labels' / f'done-0000{i}.tsv').read_text().splitlines()) for i in (0, 1)]
        assert counts == [12, 11]
