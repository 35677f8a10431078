# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric training on data sets: what the crops are, where weights come from, and that judging is the runtime's own."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from random_weights import random_model, random_network
from sets import hypersim, vkitti2

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelError, ModelInfo
from dav2_ros.network.dpt import DepthAnything
from dav2_training import config as configs
from dav2_training.config import AugmentConfig, ConfigError, FitConfig, MetricConfig, SetConfig, Start
from dav2_training.data import registry
from dav2_training.data.batch_share import Share
from dav2_training.data.metric_batches import MetricBatches, in_metres, kb_crop, recolour, rotate
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.sample import DataError, Sample
from dav2_training.loop import pretrained
from dav2_training.loop.validation import on_sets, validator
from dav2_training.stages.metric import MetricLoss, network_of, train

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures('one_thread')
FIT = FitConfig(
    steps=3, batch=2, precision='32-true', accelerator='cpu', save_every=3, validate_every=3, tensorboard=False
)
TINY = MetricConfig(height=56, width=70, workers=0, validation_frames=0, fit=FIT, protocol='official_outdoor')


class Ramp:
    """Two pictures whose pixels say where they are: row in red, column in green and in metres."""

    camera = Camera(120, 90, 100.0, 100.0, 59.5, 44.5)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        v, u = np.mgrid[0:90, 0:120]
        rgb = np.stack([v, u, np.full_like(u, index)], axis=-1).astype(np.uint8)
        return Sample(rgb, str(index), z_m=(1 + u).astype(np.float32), camera=self.camera)


def test_a_crop_has_the_focal_length_that_its_pixels_have() -> None:
    """Between two pixels that show the columns u and v lie (v - u) f'/f pixels, mirrored or not."""
    batch = MetricBatches(Ramp(), 56, 70, 8, needs_camera=True).make(0, range(8))
    assert batch.rgb.shape == (8, 56, 70, 3) and batch.z_m.shape == (8, 56, 70)
    mirrored = 0
    for z_m, f_px in zip(batch.z_m.numpy(), batch.f_px.numpy()):
        columns = z_m[20] - 1
        mirrored += columns[0] > columns[-1]
        seen = abs(columns[65] - columns[5])
        assert 60 / f_px == pytest.approx(seen / Ramp.camera.f_px, abs=1.1 / Ramp.camera.f_px)
    assert 0 < mirrored < 8


def test_the_same_batch_comes_to_one_process_and_to_two_and_after_a_stop() -> None:
    feed = MetricBatches(Ramp(), 28, 28, 4, True, AugmentConfig(rotate_deg=1.0, colour_share=0.5), workers=1)
    made = feed(0)
    next(made)
    whole = next(made)
    halves = [next(dataclasses.replace(feed, workers=0)(1, Share(rank, 2))) for rank in (0, 1)]
    for name in ('rgb', 'z_m', 'f_px'):
        torch.testing.assert_close(
            getattr(whole, name), torch.cat([getattr(h, name) for h in halves]), rtol=0, atol=0, equal_nan=True
        )


def test_turning_moves_pixels_and_leaves_metres_alone() -> None:
    sample = Ramp()[0]
    same, z_m = rotate(sample.rgb, sample.z_m, 0.0)
    np.testing.assert_array_equal(same, sample.rgb)
    np.testing.assert_array_equal(z_m, sample.z_m)
    rgb, z_m = rotate(sample.rgb, sample.z_m, 20.0)
    assert set(np.unique(z_m[np.isfinite(z_m)])) <= set(np.unique(sample.z_m)) and np.isnan(z_m[0, 0])
    known = np.isfinite(z_m)
    assert np.abs(rgb[..., 1][known] - (z_m[known] - 1)).max() <= 1  # picture and truth have turned together


def test_colours_change_as_gamma_and_gain_say() -> None:
    rgb = np.full((2, 2, 3), 64, np.uint8)
    still = AugmentConfig(gamma=(1.0, 1.0), brightness=(1.0, 1.0), colour=(1.0, 1.0))
    np.testing.assert_array_equal(recolour(rgb, still, np.random.default_rng(0)), rgb)
    changed = dataclasses.replace(still, gamma=(2.0, 2.0), brightness=(3.0, 3.0))
    assert (recolour(rgb, changed, np.random.default_rng(0)) == round(255 * 3 * (64 / 255) ** 2)).all()


def test_the_kitti_benchmark_keeps_the_bottom_and_the_middle() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (375, 1242, 3), np.uint8)
    camera = Camera(1242, 375, 721.5, 721.5, 609.6, 172.9)
    cut = kb_crop(Sample(rgb, 'a', z_m=rgb[..., 0].astype(np.float32), camera=camera))
    np.testing.assert_array_equal(cut.rgb, rgb[23:, 13:1229])
    np.testing.assert_array_equal(cut.z_m, rgb[23:, 13:1229, 0])
    assert (cut.camera.cx_px, cut.camera.cy_px, cut.camera.f_px) == (609.6 - 13, 172.9 - 23, 721.5)
    with pytest.raises(DataError, match='KITTI'):
        kb_crop(Ramp()[0])


def test_what_is_unknown_or_out_of_range_has_no_influence() -> None:
    batch = MetricBatch(
        torch.zeros(1, 2, 3, 3, dtype=torch.uint8),
        torch.tensor([[[2.0, 3.0, np.nan], [1e-4, 90, np.inf]]]),
        torch.zeros(1),
    )
    predicted_m = torch.full((1, 2, 3), 5.0, requires_grad=True)

    class Fixed(torch.nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return predicted_m

    for form, counted in (('silog', 0), ('silog_zoedepth', 0), ('silog', 2)):
        predicted_m.grad = None
        MetricLoss(None, 80.0, sky_weight=0.1 * counted, form=form)(Fixed(1, 1), batch).backward()
        moved = (predicted_m.grad != 0).flatten().tolist()
        assert moved == [True, True, False, False, bool(counted), bool(counted)]


@pytest.fixture(scope='module')
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('vkitti2')
    vkitti2.write(root)
    return root


@pytest.mark.parametrize('canonical', [True, False])
def test_validation_is_what_the_runtime_would_score(canonical: bool, drives: Path, tmp_path: Path) -> None:
    """The same pictures through DepthEstimator, with each camera, and the metrics written out from their formulas."""
    f_px = 150.0
    held_out = SetConfig('vkitti2', str(drives), 'all')
    config = dataclasses.replace(TINY, validation=(held_out,), canonical=canonical, f_canonical_px=f_px)
    facts = {'max_depth_m': 80.0, 'train_size': 56, 'f_train_px': f_px, 'canonical': canonical}
    model = random_model(tmp_path, spread=0.5, offset=-1.5, **facts)
    found = on_sets(config)(checkpoints.build(model).eval())
    opened = registry.open_set('vkitti2', drives, 'all')
    assert len(found) == len(opened) == 4
    with DepthEstimator(model, engine='torch', precision='fp32') as estimator:
        for metrics, sample in zip(found, (opened[i] for i in range(4))):
            z_m = estimator.estimate(Frame(sample.rgb, sample.camera))[0].z_m.astype(np.float64)
            counts = (sample.z_m >= 1e-3) & (sample.z_m <= 80)
            p, t = z_m[counts], sample.z_m[counts].astype(np.float64)
            p = np.where(np.isinf(p), np.nan, p)
            assert np.isfinite(p).all(), 'the sigmoid is far from its end'
            assert metrics.abs_rel == pytest.approx(np.mean(np.abs(p - t) / t), rel=1e-3)
            assert metrics.rmse == pytest.approx(np.sqrt(np.mean((p - t) ** 2)), rel=1e-3)
            assert metrics.d1 == pytest.approx(np.mean(np.maximum(p / t, t / p) < 1.25), abs=2e-3)
            assert metrics.pixels == counts.sum()


def test_the_command_trains_on_rooms_and_streets_and_leaves_a_model(drives: Path, tmp_path: Path) -> None:
    rooms = tmp_path / 'hypersim'
    hypersim.write(rooms)
    encoder = random_model(tmp_path, 'order', kind='relative').info.file
    config = tmp_path / 'rooms.yaml'
    config.write_text(
        f"""
name: rooms
license: MIT
start: {{encoder: {tmp_path / encoder}}}
sets: [{{name: hypersim, root: {rooms}, split: train}}, {{name: vkitti2, root: {drives}, split: all}}]
validation: [{{name: hypersim, root: {rooms}, split: val}}]
protocol: official_indoor
canonical: false
f_canonical_px: 0.0
max_depth_m: 20.0
sky_weight: 0.0
height: 56
width: 56
workers: 0
fit: {{steps: 4, batch: 4, lr: 5.0e-5, encoder_lr: 5.0e-6, warm_up: 0, clip_norm: 0.0, precision: 32-true,
      accelerator: cpu, threads: 1, tensorboard: false}}
"""
    )
    order = [sys.executable, '-c', 'from dav2_training.cli import main; main()', 'metric', str(config), '--out']
    environment = {**os.environ, 'COLUMNS': '200'}
    done = subprocess.run([*order, str(tmp_path / 'out')], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    info = checkpoints.load(tmp_path / 'out' / 'rooms.safetensors').info
    assert (info.kind, info.max_depth_m, info.canonical, info.f_train_px) == ('metric', 20.0, False, None)
    assert (info.train_size, info.license) == (56, 'MIT')
    assert 'AbsRel' in (tmp_path / 'out' / 'log.csv').read_text()
    lost = tmp_path / 'lost.yaml'
    lost.write_text(config.read_text().replace(str(rooms), str(tmp_path / 'nowhere')))
    with pytest.raises(DataError, match='ai_001_001'):
        train(configs.load(MetricConfig, lost), tmp_path / 'no')


def test_fine_tuning_the_bundled_model_makes_it_better_there(tmp_path: Path) -> None:
    there = (SetConfig('shifted', frames=4, seed=11, cache=str(tmp_path / 'cache')),)
    fit = dataclasses.replace(FIT, steps=12, batch=4, lr=2e-4, encoder_lr=2e-4, warm_up=2, validate_every=12)
    config = dataclasses.replace(
        TINY, start=Start('vitt-procedural'), sets=there, validation=there, f_canonical_px=200 * 56 / 168, fit=fit
    )
    score = on_sets(config)
    before = np.mean([m.silog for m in score(network_of(config).eval())])
    tuned = checkpoints.build(checkpoints.load(train(config, tmp_path / 'out')))
    assert np.mean([m.silog for m in score(tuned)]) < 0.9 * before


def test_an_encoder_comes_from_a_depth_model_or_a_dinov2_file_and_the_head_stays_at_random(tmp_path: Path) -> None:
    source = random_network(None, seed=3)
    info = ModelInfo('order', 'vitt', 'relative')
    checkpoints.save(tmp_path / 'order.safetensors', source.state_dict(), info)
    alone = source.pretrained.state_dict()
    torch.save(alone, tmp_path / 'dinov2_vitt14_pretrain.pth')
    for file in ('order.safetensors', 'dinov2_vitt14_pretrain.pth'):
        network = network_of(dataclasses.replace(TINY, start=Start(encoder=str(tmp_path / file))))
        assert all(torch.equal(value, alone[name]) for name, value in network.pretrained.state_dict().items())
        head, theirs = network.depth_head.state_dict(), source.depth_head.state_dict()
        assert not any(torch.equal(head[name], theirs[name]) for name in head if 'weight' in name)
    torch.save({**alone, 'register_tokens': torch.zeros(1, 4, 192)}, tmp_path / 'reg.pth')
    for source_of, preset, word in (
        (tmp_path / 'reg.pth', 'vitt', 'register'),
        (tmp_path / 'order.safetensors', 'vits', 'vits'),
        (tmp_path / 'nothing.pth', 'vitt', 'neither a file'),
    ):
        with torch.device('meta'):
            encoder = DepthAnything(preset, None).pretrained
        with pytest.raises(ModelError, match=word):
            pretrained.load_encoder(encoder, preset, str(source_of))


def test_what_cannot_be_learnt_from_is_refused_with_the_remedy() -> None:
    nameless = dataclasses.replace(Ramp()[0], camera=None)
    assert in_metres(nameless, needs_camera=False) is nameless
    with pytest.raises(DataError, match='canonical to false'):
        in_metres(nameless, needs_camera=True)
    with pytest.raises(DataError, match='no depth in metres'):
        in_metres(dataclasses.replace(nameless, z_m=None), needs_camera=False)
    with pytest.raises(ConfigError, match='validation'):
        validator(dataclasses.replace(TINY, sets=(SetConfig('vkitti2'),)))
    with pytest.raises(ConfigError, match='choose one'):
        Start('a', 'b')
    with pytest.raises(ConfigError, match='silog_zoedepth'):
        train(dataclasses.replace(TINY, loss='l2', sets=(SetConfig('shifted', frames=1),)), Path('nowhere'))
