# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training by the clock: the schedule, the averaged weights, the time box, what a stop leaves, going on from there."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from dav2_ros.models import checkpoints
from dav2_training import config as configs
from dav2_training.config import ConfigError, FitConfig, MetricConfig, Start, TimedConfig
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.sample import DataError
from dav2_training.evaluation import evaluate_photos
from dav2_training.loop.lr_schedule import warm_cosine
from dav2_training.losses import log_gradients
from dav2_training.stages import metric
from dav2_training.timed.evaluation import near_rims_found, score_network
from dav2_training.timed.fit import shapes
from dav2_training.timed.session import TimedSession, WeightAverage

ROOT = Path(__file__).parents[3]
FIT = FitConfig(batch=4, lr=1e-3, encoder_lr=1e-3, accelerator='cpu', threads=1)
TIMED = TimedConfig(
    minutes=0.25, buffer=40, panoramas=10, panorama_height=28, panorama_width=84, panorama_every=3, fill=8, scenes=2,
    views=2, judge_every_s=1e9,
)  # fmt: skip
TINY = MetricConfig(
    preset='vitn', name='tiny', height=28, width=42, f_canonical_px=40.0, workers=1, validation_frames=4,
    wide_share=0.2, square_share=0.2, timed=TIMED, fit=FIT,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures('one_thread')


def open_session(out: Path, config: MetricConfig = TINY) -> TimedSession:
    out.mkdir(exist_ok=True)
    network = metric.network_of(config)
    return TimedSession(network, config, metric.loss_of(config), metric.info_of(config), out, 'cpu', time.monotonic())


def a_batch(n: int = 4) -> MetricBatch:
    g = torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 256, (n, 28, 42, 3), generator=g, dtype=torch.uint8)
    return MetricBatch(rgb, 1.0 + 5.0 * torch.rand(n, 28, 42, generator=g), torch.full((n,), 40.0))


def test_the_rate_rises_then_falls_to_nothing_whatever_the_number_of_steps():
    at = np.linspace(0, 1, 1001)
    rates = np.array([warm_cosine(p, 0.1) for p in at])
    assert rates[0] > 0 and rates.max() == pytest.approx(1.0, abs=1e-3) and rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(rates[:100]) > 0).all() and (np.diff(rates[102:]) < 0).all()
    assert warm_cosine(0.55, 0.1) == pytest.approx(0.5) and warm_cosine(1.7, 0.1) == pytest.approx(0.0, abs=1e-9)


def test_the_average_is_the_exponential_one_and_is_only_borrowed():
    network = torch.nn.Linear(2, 1)
    average = WeightAverage(network, 0.5)
    average.updates = 10**6  # past its quick beginning
    expected = float(network.weight[0, 0].detach())
    for k in range(4):
        with torch.no_grad():
            network.weight.fill_(k)
        average.update()
        expected = 0.5 * expected + 0.5 * k
    assert float(average.weights['weight'][0, 0]) == pytest.approx(expected, rel=1e-6)
    with average.applied():
        assert float(network.weight[0, 0]) == pytest.approx(expected, rel=1e-6)
    assert float(network.weight[0, 0]) == 3.0


def test_neighbours_that_differ_rightly_cost_nothing_and_edges_that_are_smeared_do():
    true_m = torch.ones(1, 8, 8)
    true_m[..., 4:] = 4.0
    valid = torch.ones_like(true_m, dtype=torch.bool)
    smeared = true_m.clone()
    smeared[..., 3:5] = 2.0
    assert float(log_gradients(3.0 * true_m, true_m, valid)) == pytest.approx(0.0, abs=1e-6), 'scale does not matter'
    assert float(log_gradients(smeared, true_m, valid)) > 0.05
    hidden = valid.clone()
    hidden[..., 3:5] = False
    assert float(log_gradients(smeared, true_m, hidden)) == pytest.approx(0.0, abs=1e-6)
    one = float(log_gradients(smeared, true_m, valid, scales=1))
    d = (true_m.log() - smeared.log())[0, 0]
    assert one == pytest.approx(0.5 * float((d[1:] - d[:-1]).abs().mean()), rel=1e-5)


def test_steps_learn_and_a_run_goes_on_where_it_was(tmp_path):
    hour = dataclasses.replace(TINY, timed=dataclasses.replace(TIMED, minutes=60.0))  # no end however slow the machine
    first = open_session(tmp_path, hour)
    losses = [first.learn(a_batch())[0] for _ in range(12)]
    assert losses[-1] < losses[0]
    path = first.keep()
    kept = checkpoints.load(path)
    assert kept.info.canonical and kept.info.f_train_px == 40.0 and kept.info.train_size == 28
    for name, tensor in kept.state_dict.items():
        torch.testing.assert_close(tensor.float(), first.average.weights[name], atol=2e-3, rtol=2e-3)
    second = open_session(tmp_path)
    second.resume()
    assert second.progress.step == 12 and second.elapsed_s >= first.progress.elapsed_s
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], tensor)
    assert first.optimizer.state_dict()['state'].keys() == second.optimizer.state_dict()['state'].keys()
    longer = open_session(tmp_path, dataclasses.replace(TINY, timed=dataclasses.replace(TIMED, minutes=7.0)))
    longer.resume()  # more minutes are the same run
    assert longer.progress.step == 12
    with pytest.raises(ConfigError, match=r'another run .timed\.zoom'):
        open_session(tmp_path, dataclasses.replace(TINY, timed=dataclasses.replace(TIMED, zoom=2.0))).resume()
    (tmp_path / 'last.pt').write_bytes(b'cut off')
    with pytest.raises(ConfigError, match='not a whole checkpoint'):
        open_session(tmp_path).resume()


def test_a_batch_that_is_spoilt_changes_nothing(tmp_path):
    one = open_session(tmp_path)
    one.learn(a_batch())
    before = {name: tensor.clone() for name, tensor in one.network.state_dict().items()}
    spoilt = dataclasses.replace(a_batch(), f_px=torch.full((4,), float('nan')))
    one.loss = lambda network, batch: network(torch.zeros(1, 3, 28, 42)).mean() * batch.f_px.mean()
    _, norm = one.learn(spoilt)
    assert not math.isfinite(norm)
    assert all(torch.equal(tensor, before[name]) for name, tensor in one.network.state_dict().items())


def test_shapes_share_the_steps():
    found = shapes(TINY)
    assert sum(share for share, _, _ in found) == pytest.approx(1.0) and found[0][0] > 0
    assert all(s.height % 14 == s.width % 14 == 0 for _, _, s in found)
    real = shapes(configs.load(MetricConfig, ROOT / 'config/training/vitt_procedural_gpu.yaml'))
    assert [(s.height, s.width) for _, _, s in real] == [(252, 336), (168, 224), (252, 448), (252, 252), (168, 560)]


@pytest.fixture(scope='module')
def ended(tmp_path_factory) -> tuple[Path, float]:
    """Train for fifteen seconds, in this process."""
    out, began = tmp_path_factory.mktemp('timed'), time.monotonic()
    path = metric.train(TINY, out)
    assert path == out / 'tiny.safetensors'
    return out, time.monotonic() - began


def test_the_time_is_used_and_not_exceeded(ended):
    out, took_s = ended
    assert 0.6 * 15 < took_s < 15 + 10, 'a busy machine may take a little longer to write'
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['steps'] > 0 and summary['frames_drawn'] == 4 * summary['steps']
    assert summary['frames_rendered'] > 0 and not summary['stopped']
    assert checkpoints.load(out / 'tiny.safetensors').info.preset == 'vitn'


def test_a_run_whose_time_is_over_only_judges(ended):
    out, _ = ended
    steps = json.loads((out / 'summary.json').read_text())['steps']
    metric.train(TINY, out)
    assert json.loads((out / 'summary.json').read_text())['steps'] == steps


def test_sigterm_leaves_a_model_and_the_same_command_goes_on(tmp_path):
    config = tmp_path / 'tiny.yaml'
    plain = dataclasses.asdict(dataclasses.replace(TINY, timed=dataclasses.replace(TIMED, minutes=5.0)))
    config.write_text(yaml.safe_dump(json.loads(json.dumps(plain))))
    command = [sys.executable, '-m', 'dav2_training.stages.metric', str(config), '--out', str(tmp_path / 'out')]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log, until = tmp_path / 'out' / 'log.csv', time.monotonic() + 120
    while time.monotonic() < until and not (log.is_file() and any(
        line[0].isdigit() for line in log.read_text().splitlines() if line
    )):  # fmt: skip
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.2)
    os.kill(run.pid, signal.SIGTERM)
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 0, said
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['stopped'] and summary['steps'] > 0
    checkpoints.load(tmp_path / 'out' / 'tiny.safetensors')
    state = torch.load(tmp_path / 'out' / 'last.pt', weights_only=True)
    assert state['step'] == summary['steps'] and state['progress']['elapsed_s'] > 0


def test_a_model_that_knows_the_truth_is_judged_perfect():
    class Knowing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.anything = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return truth * 40.0 / 30.0 + self.anything

    truth = torch.full((2, 28, 42), 6.0)
    truth[:, 8:20, 10:25] = 2.0
    batch = MetricBatch(torch.zeros(2, 28, 42, 3, dtype=torch.uint8), truth, torch.full((2,), 30.0))
    found = score_network(Knowing(), [batch], TINY, edges=2)
    assert found.abs_rel == pytest.approx(0.0, abs=1e-6) and found.d1 == 1.0 and found.frames == 2
    assert found.boundary_f1 == pytest.approx(1.0) and found.near_recall == 1.0


def test_rims_of_near_things_are_counted():
    true_m = np.full((20, 20), 5.0, np.float32)
    true_m[5:10, 5:10] = 2.0
    right, rims = near_rims_found(true_m.copy(), true_m)
    assert rims == right == 16
    smeared = np.full_like(true_m, 5.0)
    assert near_rims_found(smeared, true_m) == (0, 16)


class TestPhotos:
    def folder(self, root: Path) -> Path:
        rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
        for name in ('seven_scenes', 'kitti_annotated/rgb', 'kitti_annotated/depth'):
            (root / name).mkdir(parents=True)
        depth = np.full((60, 80), 2000, np.uint16)
        depth[0] = 65535
        cv2.imwrite(str(root / 'seven_scenes/frame-000000.color.jpg'), rgb)
        cv2.imwrite(str(root / 'seven_scenes/frame-000000.depth.png'), depth)
        cv2.imwrite(str(root / 'kitti_annotated/rgb/1.png'), rgb)
        cv2.imwrite(str(root / 'kitti_annotated/depth/1.png'), np.full((60, 80), 256 * 10, np.uint16))
        return root

    def test_both_depths_are_metres_and_every_picture_is_judged(self, tmp_path, capsys):
        root = self.folder(tmp_path)
        groups = 'seven_scenes', 'kitti_annotated'
        truth = {s.name: s.z_m for group in groups for s in evaluate_photos.READERS[group](root / group)}
        assert np.nanmax(truth['frame-000000']) == 2.0 and np.isnan(truth['frame-000000'][0]).all()
        assert (truth['1'] == 10.0).all()
        evaluate_photos.main(root, ['vitt-procedural'], 56, tmp_path / 'found.json')
        found = json.loads((tmp_path / 'found.json').read_text())['vitt-procedural']
        assert {each['group'] for each in found} == {'seven_scenes', 'kitti_annotated'}
        assert all(each['constant_d1'] == 1.0 for each in found)
        assert 'seven_scenes' in capsys.readouterr().out

    def test_scores_are_those_of_the_formulas(self):
        true_m = np.array([[1.0, 2.0, 4.0, np.nan]], np.float32)
        s = evaluate_photos.score('g', 'p', 2 * np.nan_to_num(true_m, nan=9.0), true_m)
        assert (s.scale, s.abs_rel, s.d1, s.scaled_abs_rel, s.scaled_d1) == (2.0, 1.0, 0.0, 0.0, 1.0)
        assert s.pixels == 3 and s.constant_d1 == pytest.approx(1 / 3)
        assert evaluate_photos.score('g', 'p', np.ones((1, 1)), np.full((1, 1), np.nan)) is None

    def test_a_folder_without_any_is_one_sentence(self, tmp_path):
        with pytest.raises(DataError, match='give the folder above'):
            evaluate_photos.judge(tmp_path, 'vitt-procedural')


def test_start_is_part_of_the_real_configuration():
    config = configs.load(MetricConfig, ROOT / 'config/training/vitt_procedural_gpu.yaml')
    assert config.start == Start(model='vitt-procedural') and config.timed.minutes > 0
    network = metric.network_of(config)
    assert sum(p.numel() for p in network.parameters()) < 8e6
