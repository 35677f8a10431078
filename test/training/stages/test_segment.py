# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The encoder's transfer to segmentation: the score, what is ignored, the crops, and the whole stage in miniature."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_weights import random_network
from sets.label_maps import ade20k, write

from dav2_training.config import ConfigError, FitConfig, Start
from dav2_training.data.augment import StrongAugmentConfig
from dav2_training.data.batch_share import Share
from dav2_training.data.segmentation_batches import SegmentationBatches, scaled_crop
from dav2_training.data.sets.segmentation import IGNORE, LabelledImage
from dav2_training.stages.segment import SegmentConfig, predict_classes, train
from dav2_training.stages.segmentation_network import ConfusionMatrix, SegmentationNetwork, cross_entropy

pytestmark = pytest.mark.usefixtures('one_thread')


def miou_by_sets(named: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Intersection over union from sets of pixels, class by class, as the definition says."""
    known = {i for i in range(labels.size) if labels.flat[i] != IGNORE}
    found = []
    for c in range(classes):
        ours = {i for i in known if named.flat[i] == c}
        true = {i for i in known if labels.flat[i] == c}
        if ours | true:
            found.append(len(ours & true) / len(ours | true))
    return sum(found) / len(found)


@pytest.mark.parametrize('seed', range(4))
def test_mean_iou_is_that_of_sets_of_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 2, 4, IGNORE], (12, 15)).astype(np.uint8)
    named = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, 5, labels.shape)) % 6
    found = ConfusionMatrix.of(torch.from_numpy(named), torch.from_numpy(labels), 6)
    assert found.mean_iou() == pytest.approx(miou_by_sets(named, labels, 6), abs=1e-9)
    assert found.counts.sum() == (labels != IGNORE).sum()
    halves = [
        ConfusionMatrix.of(torch.from_numpy(named[p]), torch.from_numpy(labels[p]), 6) for p in (slice(5), slice(5, 12))
    ]
    assert torch.equal((halves[0] + halves[1]).counts, found.counts)
    right = torch.from_numpy(labels)
    assert ConfusionMatrix.of(right.long() % 6, right, 6).mean_iou() == 1.0


def test_what_is_ignored_moves_nothing() -> None:
    scores = torch.randn(2, 5, 3, 4, requires_grad=True)
    labels = torch.full((2, 6, 8), IGNORE, dtype=torch.uint8)
    cross_entropy(scores, labels).backward()
    assert not scores.grad.any()
    labels[0, :2, :2] = 3
    once = cross_entropy(scores, labels)
    scores.grad = None
    once.backward()
    assert scores.grad[0].any() and not scores.grad[1].any()


def test_a_crop_keeps_each_pixel_with_its_label_and_pads_with_unlabelled() -> None:
    labels = np.zeros((20, 40), np.uint8)
    labels[:, 20:] = 1
    rgb = np.repeat((labels * 200)[..., None], 3, -1)
    for short_px, seed in ((10, 0), (20, 1), (60, 2)):
        x, y = scaled_crop(rgb, labels, short_px, 28, np.random.default_rng(seed))
        assert x.shape == (28, 28, 3) and y.shape == (28, 28)
        inside = y != IGNORE
        assert inside.mean() == pytest.approx(min(1.0, short_px / 28) * min(1.0, 2 * short_px / 28))
        assert ((x[..., 0] > 100) == (y == 1))[inside & (cv2.blur(y, (5, 5)) % 1 == 0)].mean() > 0.9


def test_the_same_batch_comes_to_one_process_and_to_two() -> None:
    class Noise:
        classes = 3

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> LabelledImage:
            rng = np.random.default_rng(index)
            return LabelledImage(
                rng.integers(0, 256, (30, 50, 3), np.uint8), rng.integers(0, 3, (30, 50), np.uint8), ''
            )

    feed = SegmentationBatches(Noise(), 28, 28, (0.5, 2.0), 4, StrongAugmentConfig())
    whole = next(feed(2))
    halves = [next(feed(2, Share(rank, 2))) for rank in (0, 1)]
    assert torch.equal(whole.rgb, torch.cat([h.rgb for h in halves]))
    assert torch.equal(whole.labels, torch.cat([h.labels for h in halves]))


def test_a_picture_is_named_at_the_size_of_its_labels() -> None:
    network = SegmentationNetwork('vitt', 7, 32).eval()
    picture = LabelledImage(np.zeros((37, 61, 3), np.uint8), np.zeros((37, 61), np.uint8), 'a')
    named = predict_classes(network, picture, 28)
    assert named.shape == (37, 61) and 0 <= named.min() <= named.max() < 7


def test_the_stage_learns_to_tell_sky_from_ground(tmp_path: Path) -> None:
    """ADE20K in miniature: the upper part is blue and class 3 (sky), the lower brown and class 4 (floor)."""
    root = tmp_path / 'ade'
    for number, folder in enumerate(('training', 'training', 'validation')):
        coded = np.zeros((42, 56), np.uint8)
        horizon = 14 + 6 * number
        coded[:horizon], coded[horizon:], coded[:, :3] = 3, 4, 0
        ade20k(root, coded, folder, number)
        picture = np.where((np.arange(42) < horizon)[:, None, None], (200, 120, 60), (40, 80, 120))
        name = next((root / 'annotations' / folder).glob(f'*{number:08d}.png')).stem
        write(root / 'images' / folder / f'{name}.jpg', np.broadcast_to(picture, (42, 56, 3)).astype(np.uint8))
    encoder = tmp_path / 'encoder.pth'
    torch.save(random_network(None).pretrained.state_dict(), encoder)
    fit = FitConfig(steps=40, batch=2, lr=5e-3, encoder_lr=1e-4, warm_up=2, precision='32-true', accelerator='cpu',
                    save_every=40, validate_every=10, tensorboard=False)  # fmt: skip
    config = SegmentConfig('vitt', Start(encoder=str(encoder)), 'ade20k', str(root), size=42, crop=42, width=32,
                           scales=(1.0, 1.3), workers=0, fit=fit,
                           colours=StrongAugmentConfig(jitter_share=0.0))  # fmt: skip
    found = train(config, tmp_path / 'out')
    assert found.mean_iou() > 0.6 and found.counts.sum() == 42 * 53
    assert 'mIoU' in (tmp_path / 'out' / 'log.csv').read_text()
    weights = torch.load(tmp_path / 'out' / 'last.pt', weights_only=True)['network']
    assert 'pretrained.cls_token' in weights and 'classify.weight' in weights
    again = train(config, tmp_path / 'out')
    assert torch.equal(again.counts, found.counts), 'a run that is over is judged again, not trained'
    with pytest.raises(ConfigError, match=r'start\.encoder'):
        train(dataclasses.replace(config, start=Start(model='vitt-procedural')), tmp_path / 'other')


def test_sizes_are_whole_patches() -> None:
    with pytest.raises(ConfigError, match='multiple of 14'):
        SegmentConfig(crop=512)
