# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The metric stage in miniature: it trains, resumes to the very weights, and writes what the node loads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dav2_ros.models import checkpoints
from dav2_training import config as configs
from dav2_training.config import FitConfig, MetricConfig, Start
from dav2_training.data.procedural.frame_buffer import FramePool, square, wide
from dav2_training.data.procedural.procedural import ProceduralScenes
from dav2_training.loop.fit import parameter_groups
from dav2_training.stages.metric import MetricLoss, normalise, train

SHIPPED = Path(__file__).parents[3] / 'config' / 'training' / 'vitt_procedural.yaml'
TINY = MetricConfig(
    height=56,
    width=70,
    pool=8,
    fresh_per_step=2,
    workers=0,
    validation_frames=8,
    fit=FitConfig(
        steps=6, batch=3, warm_up=2, precision='32-true', accelerator='cpu', threads=1, save_every=3, validate_every=6
    ),
)


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(TINY, tmp_path_factory.mktemp('straight'))


def test_what_training_writes_the_runtime_loads_as_what_it_is(trained: Path) -> None:
    checkpoint = checkpoints.load(trained)
    info = checkpoint.info
    assert (info.kind, info.preset, info.canonical, info.max_depth_m) == ('metric', 'vitt', True, 80.0)
    assert (info.f_train_px, info.train_size) == (TINY.f_canonical_px, TINY.height)
    assert next(iter(checkpoint.state_dict.values())).dtype == torch.float16
    lines = (trained.parent / 'log.csv').read_text()
    assert 'AbsRel' in lines and sorted(p.name for p in trained.parent.iterdir()) == [
        'last.pt',
        'log.csv',
        'tensorboard',
        'vitt-procedural.safetensors',
    ]


def test_a_run_that_was_stopped_ends_at_the_very_same_weights(trained: Path, tmp_path: Path) -> None:
    half = torch.load(trained.parent / 'last.pt', weights_only=True)
    assert half['step'] == 6
    stopped = dataclasses.replace(TINY, fit=dataclasses.replace(TINY.fit, steps=6))
    # Stop after the checkpoint at step 3 as a kill would: what came later is lost.
    with pytest.raises(KeyboardInterrupt):
        train(stopped, tmp_path, after_step=_interrupt_at(5))
    assert torch.load(tmp_path / 'last.pt', weights_only=True)['step'] == 3
    resumed = train(stopped, tmp_path)
    again, straight = (checkpoints.load(path).state_dict for path in (resumed, trained))
    assert all(torch.equal(again[name], straight[name]) for name in straight)


def test_a_run_starts_from_the_weights_of_another_model(trained: Path, tmp_path: Path) -> None:
    still = dataclasses.replace(TINY.fit, steps=1, lr=0.0, encoder_lr=0.0)
    untouched = train(dataclasses.replace(TINY, start=Start(model=str(trained)), fit=still), tmp_path)
    before, after = (checkpoints.load(path).state_dict for path in (trained, untouched))
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(ValueError, match='vits'):
        train(dataclasses.replace(TINY, start=Start(model=str(trained)), preset='vits', fit=still), tmp_path / 'other')


def test_a_step_draws_the_same_frames_whether_or_not_the_run_began_there() -> None:
    pool = FramePool(ProceduralScenes(5, 28, 28), batch=3, fresh=2, size=70, workers=0, seed=1)
    from_start = pool(0)
    for _ in range(7):
        next(from_start)
    straight, resumed = next(from_start), next(pool(7))
    assert torch.equal(straight.rgb, resumed.rgb) and torch.equal(straight.z_m, resumed.z_m)


@pytest.mark.parametrize(('cut', 'aspect', 'zoom'), [(wide, 16 / 9, 4 / 3), (square, 1.0, 1.0)])
def test_a_sensor_of_another_shape_sees_the_same_points_where_its_own_intrinsics_say(cut, aspect, zoom) -> None:
    """x = (u - cx) z / f of the cut frame are those of the whole one, in the middle and towards the corners."""
    batch = ProceduralScenes(5, 84, 112).batch([0, 1])
    part = cut(batch)
    assert part.rgb.shape[:3] == part.z_m.shape
    assert part.z_m.shape[2] / part.z_m.shape[1] == pytest.approx(aspect, abs=0.1)
    np.testing.assert_allclose(part.f_px / batch.f_px, zoom, rtol=0.03)  # to whole patches
    (h, w), (rows, columns) = part.z_m.shape[1:], batch.z_m.shape[1:]
    f, part_f = float(batch.f_px[0]), float(part.f_px[0])
    for v, u in ((h // 2, w // 2), (h // 4, w // 4), (3 * h // 4, 3 * w // 4)):
        row = round((v + 0.5 - 0.5 * h) / part_f * f + 0.5 * rows - 0.5)
        column = round((u + 0.5 - 0.5 * w) / part_f * f + 0.5 * columns - 0.5)
        near = batch.z_m[0, row - 1 : row + 2, column - 1 : column + 2]
        assert (near == part.z_m[0, v, u]).any()


def test_the_shares_are_those_of_the_steps() -> None:
    pool = FramePool(ProceduralScenes(5, 28, 42), 2, 2, 70, 0, 1, wide_share=0.5, square_share=0.3)
    shapes = [tuple(batch.z_m.shape[1:]) for batch, _ in zip(pool(0), range(60))]
    share = {shape: shapes.count(shape) / 60 for shape in set(shapes)}
    assert share == pytest.approx({(28, 56): 0.5, (28, 28): 0.3, (28, 42): 0.2}, abs=0.2)


def test_the_target_is_depth_as_the_canonical_camera_would_measure_it() -> None:
    batch = ProceduralScenes(5, 28, 42).batch([0, 1, 2])
    canonical_m = batch.z_m * (200.0 / batch.f_px)[:, None, None]

    class Oracle(torch.nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return canonical_m.clamp(max=80.0) + 0.0 * images.sum()

    loss = MetricLoss(f_canonical_px=200.0, max_depth_m=80.0, sky_weight=0.1)
    assert float(loss(Oracle(1, 1), batch)) < 2e-6  # the floor of the square root


def test_training_sees_pictures_as_the_runtime_does() -> None:
    from dav2_ros.image.resize import ResizePlan

    rgb = np.random.default_rng(0).integers(0, 256, (56, 70, 3), np.uint8)
    served = ResizePlan(56, 70, 56, 70).apply(rgb)
    np.testing.assert_allclose(normalise(torch.from_numpy(rgb)[None])[0].numpy(), served, atol=1e-5)


def test_every_trainable_weight_is_in_exactly_one_group_and_norms_do_not_decay() -> None:
    from dav2_ros.network.dpt import DepthAnything

    network = DepthAnything('vitt', 80.0)
    groups = parameter_groups(network, FitConfig(lr=3.0, encoder_lr=2.0, weight_decay=0.1))
    grouped = [id(p) for group in groups for p in group['params']]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    for group in groups:
        for p in group['params']:
            if p.ndim == 1:
                assert group['weight_decay'] == 0.0


def test_the_shipped_configuration_loads_and_a_slip_of_the_pen_is_named(tmp_path: Path) -> None:
    assert configs.load(MetricConfig, SHIPPED).preset == 'vitt'
    assert configs.load(MetricConfig, SHIPPED, steps=7).fit.steps == 7
    for text, word in (('step: 3', 'step'), ('fit: {stepps: 3}', 'stepps'), ('fit: {steps: many}', 'many')):
        slip = tmp_path / 'slip.yaml'
        slip.write_text(text)
        with pytest.raises(ValueError, match=word):
            configs.load(MetricConfig, slip)


def _interrupt_at(step: int):
    def after(done: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return after
