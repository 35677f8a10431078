# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The proof of the method, run whole with next to nothing to learn from, and what it judges by."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.evaluation.da2k import judge_picture
from dav2_training import config as configs
from dav2_training.assets import robot_bag
from dav2_training.data.procedural.frame_cache import ProceduralFrames
from dav2_training.stages.ablation import MIN_DISTANCE_RATIO, PAIRS_PER_PICTURE, STAGES, draw_pairs
from dav2_training.stages.pseudo_label import PseudoLabelConfig
from dav2_training.stages.teacher import TeacherConfig

CONFIGS = Path(__file__).parents[3] / 'config' / 'training' / 'proof'


def test_pairs_are_clearly_apart_and_the_truth_orders_all_of_them():
    sample = ProceduralFrames('shifted', 5, 1, 56, 84)[0]
    picture = draw_pairs(sample, 0)
    assert len(picture.pairs) == PAIRS_PER_PICTURE
    for pair in picture.pairs:
        near, far = (sample.z_m[pair.points[k]] for k in (pair.closer, 1 - pair.closer))
        assert far > MIN_DISTANCE_RATIO * near
    truth = judge_picture(1 / sample.z_m, picture, kind='relative')
    assert truth.right == truth.pairs
    assert judge_picture(sample.z_m, picture, kind='relative').right == 0  # the wrong way round
    assert picture == draw_pairs(sample, 0) != draw_pairs(sample, 1)


def test_students_differ_in_what_they_learn_from_and_in_nothing_else():
    def without_data(name: str) -> dict:
        kind, _ = STAGES[name]
        config = configs.load(kind, CONFIGS / f'{name}.yaml')
        return {key: getattr(config, key) for key in ('preset', 'start', 'height', 'width', 'validation', 'fit')}

    students = [without_data(name) for name in STAGES if name.startswith('student')]
    assert len(students) == 3
    assert students[0] == students[1] == students[2]
    shared = [configs.load(STAGES[name][0], CONFIGS / f'{name}.yaml') for name in ('metric_nothing', 'metric_student')]
    assert shared[0].fit == shared[1].fit


def test_nobody_learns_from_what_judges():
    used = [configs.load(PseudoLabelConfig, CONFIGS / 'pseudo_label.yaml').sets]
    used.append(configs.load(TeacherConfig, CONFIGS / 'teacher.yaml').sets)
    seeds = {each.seed for sets in used for each in sets}
    validation = {each.seed for each in configs.load(TeacherConfig, CONFIGS / 'teacher.yaml').validation}
    assert not seeds & validation


@pytest.fixture(scope='module')
def proved(tmp_path_factory) -> Path:
    """Run it in a folder of its own, every network a step long."""
    folder = tmp_path_factory.mktemp('proof')
    small = folder / 'configs'
    small.mkdir()
    for path in CONFIGS.glob('*.yaml'):
        text = re.sub(r'frames: \d+', 'frames: 6', path.read_text())
        text = re.sub(r'batch: \d+', 'batch: 2', text).replace('preset: vitt', 'preset: vitn')
        text = text.replace('start: {model: vitt-procedural}', '').replace(
            'validation_frames: 128', 'validation_frames: 2'
        )
        text = (
            text.replace('height: 112', 'height: 56')
            .replace('width: 154', 'width: 70')
            .replace('workers: 1', 'workers: 0')
        )
        (small / path.name).write_text(
            text.replace('short_side: 112', 'short_side: 56').replace('threads: 2', 'threads: 1')
        )
    run(folder)
    return folder


def run(folder: Path) -> str:
    arguments = ['proof', '--configs', 'configs', '--seeds', '2', '--steps', '1', '--frames', '4']
    done = subprocess.run(
        [sys.executable, '-m', 'dav2_training', *arguments], cwd=folder, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_it_scores_every_network_on_both_worlds(proved):
    scores = json.loads((proved / 'out/proof/scores.json').read_text())
    assert list(scores) == ['teacher', *STAGES]
    for name, worlds in scores.items():
        for each in worlds.values():
            assert len(each) == (1 if name == 'teacher' else 2)
            assert all(score['abs_rel'] > 0 and 0 <= score['d1'] <= 1 for score in each)
            pairs = [score['pairs'] for score in each]
            assert all(p is None or 0 <= p <= 1 for p in pairs)
    two = scores['student_pseudo']['shifted']
    assert two[0] != two[1]  # seeds are seeds
    drawn = cv2.imread(str(proved / 'out/proof/proof.png'))
    assert drawn.shape[1] > 800 and len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100


def test_what_is_done_is_not_done_again(proved):
    models = sorted((proved / 'out/proof').rglob('*.safetensors'))
    assert len(models) == 1 + 2 * len(STAGES)
    before = [path.stat().st_mtime_ns for path in models]
    table = run(proved).splitlines()[-6:]
    assert [path.stat().st_mtime_ns for path in models] == before
    assert [line.split()[0] for line in table] == ['teacher', *STAGES]
    scores = json.loads((proved / 'out/proof/scores.json').read_text())
    both = [score['abs_rel'] for score in scores['student_both']['shifted']]
    shown = table[2].split()
    assert float(shown[1]) == pytest.approx(np.mean(both), abs=5e-5)
    assert float(shown[3]) == pytest.approx(np.std(both, ddof=1), abs=5e-5)


def test_the_robot_s_recording_holds_what_was_rendered(tmp_path):
    """To a millimetre, which is what its depth is stored in; other places have other pictures."""
    robot_bag.main(tmp_path / 'drive', seed=3, shots=2)
    camera = Camera.from_hfov(robot_bag.WIDTH, robot_bag.HEIGHT, np.deg2rad(robot_bag.HFOV_DEG))
    rendered = [truth for k in range(2) for _, truth in robot_bag.shot(3, k, k * robot_bag.FRAMES, camera)]
    with BagReader(tmp_path / 'drive') as bag:
        frames, stored = list(bag.frames()), list(bag.depths())
    assert [f.stamp_ns for f in frames] == [d.stamp_ns for d in stored] == [d.stamp_ns for d in rendered]
    for frame, depth, truth in zip(frames, stored, rendered, strict=True):
        assert np.allclose(frame.camera.k, camera.k)
        near = truth.z_m < 65.0
        np.testing.assert_allclose(depth.z_m[near], truth.z_m[near], atol=6e-4)
    pictures = np.stack([frame.rgb for frame in frames]).astype(float)
    assert np.abs(pictures[0] - pictures[1]).mean() < np.abs(pictures[0] - pictures[robot_bag.FRAMES]).mean()
