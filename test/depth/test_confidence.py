# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Confidence is a number from 0 to 1 that falls where error is to be expected; and so is the measure of that."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dav2_ros.camera import Camera
from dav2_ros.depth.confidence import VARIANTS, confidence_of, mask_unsure
from dav2_ros.estimator import DepthEstimator
from dav2_ros.evaluation.sparsification import mean, sparsify
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED

HEIGHT, WIDTH = 120, 160
SEED = 2_000_021  # neither of training nor of the fit of the weights
FRAMES = 12


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Depth with errors of all sizes, and its truth."""
    rng = np.random.default_rng(seed)
    true_m = rng.uniform(1.0, 20.0, (HEIGHT, WIDTH)).astype(np.float32)
    return true_m * np.exp(rng.normal(0, 0.2, true_m.shape) * rng.random(true_m.shape)).astype(np.float32), true_m


class TestSparsification:
    def test_a_perfect_confidence_has_nothing_above_the_oracle(self):
        z_m, true_m = maps()
        assert sparsify(z_m, true_m, -np.abs(z_m - true_m) / true_m).ause == pytest.approx(0.0, abs=1e-12)

    def test_a_confidence_by_chance_stays_level(self):
        z_m, true_m = maps()
        found = sparsify(z_m, true_m, np.random.default_rng(1).random(z_m.shape))
        assert found.ause == pytest.approx(found.ause_of_chance, rel=0.05) and found.ause > 0.01

    def test_the_worst_confidence_is_worse_than_chance(self):
        z_m, true_m = maps()
        found = sparsify(z_m, true_m, np.abs(z_m - true_m) / true_m)
        assert found.ause > 1.3 * found.ause_of_chance

    def test_only_the_order_counts(self):
        z_m, true_m = maps()
        confidence = np.random.default_rng(2).random(z_m.shape)
        assert sparsify(z_m, true_m, confidence).ause == sparsify(z_m, true_m, confidence**3 / 7).ause

    def test_a_curve_is_the_mean_error_of_what_is_left(self):
        z_m, true_m = maps()
        confidence = np.random.default_rng(3).random(z_m.shape)
        error = (np.abs(z_m - true_m) / true_m).ravel()[np.argsort(confidence.ravel())]
        found = sparsify(z_m, true_m, confidence)
        for share in (0, 40, 99):
            assert found.by_confidence[share] == pytest.approx(
                error[round(share / 100 * error.size) :].mean(), rel=1e-2
            )

    def test_what_cannot_be_compared_does_not_count(self):
        z_m, true_m = maps()
        holes = z_m.copy()
        holes[::2] = np.nan
        whole = sparsify(z_m[1::2], true_m[1::2], z_m[1::2])
        assert sparsify(holes, true_m, z_m).ause == whole.ause
        assert sparsify(np.full_like(z_m, np.inf), true_m, z_m) is None


class TestConfidence:
    @pytest.mark.parametrize('shape', [(HEIGHT, WIDTH), (480, 640), (5, 9), (481, 643)])
    def test_it_is_between_0_and_1_and_0_where_nothing_was_measured(self, shape):
        rng = np.random.default_rng(0)
        z_m = rng.uniform(0.1, 80.0, shape).astype(np.float32)
        z_m[rng.random(shape) < 0.1], z_m[rng.random(shape) < 0.1] = np.nan, np.inf
        for mirrored_m in (None, np.ascontiguousarray(z_m[:, ::-1])):
            found = confidence_of(z_m, 80.0, mirrored_m)
            assert found.shape == shape and found.dtype == np.float32
            assert found.min() >= 0.0 and found.max() <= 1.0 and (found[~np.isfinite(z_m)] == 0).all()

    def test_it_falls_with_distance_at_edges_and_where_the_mirror_disagrees(self):
        z_m = np.where(np.arange(WIDTH) < 80, 4.0, 16.0).astype(np.float32) * np.ones((HEIGHT, 1), np.float32)
        cheap = confidence_of(z_m, 80.0)[60]
        assert cheap[20] > cheap[140] > 0 and cheap[20] - cheap[80] > 0.05
        mirrored_m = z_m.copy()
        mirrored_m[:, :20] *= 1.5
        full = confidence_of(z_m, 80.0, mirrored_m)[60]
        assert full[5] < full[60] - 0.1

    def test_it_does_not_depend_on_the_unit_of_length(self):
        z_m, _ = maps()
        np.testing.assert_allclose(confidence_of(3 * z_m, 240.0), confidence_of(z_m, 80.0), atol=1e-5)

    def test_a_floor_is_no_edge(self):
        """Along a row of a floor only distance counts, and rows near the camera are the surest."""
        v = np.arange(HEIGHT)[:, None] - 30.0
        z_m = np.where(v > 2, 120.0 / np.maximum(v, 1e-3), np.inf).astype(np.float32) * np.ones((1, WIDTH), np.float32)
        found = confidence_of(z_m, 80.0)[50:, 80]
        assert (np.diff(found) >= -1e-6).all()

    def test_a_threshold_makes_depth_unknown_but_leaves_the_sky(self):
        z_m = np.array([[1.0, 2.0, np.inf, np.nan]], np.float32)
        mask_unsure(z_m, np.array([[0.9, 0.3, 0.0, 0.0]], np.float32), 0.5)
        np.testing.assert_array_equal(z_m, np.array([[1.0, np.nan, np.inf, np.nan]], np.float32))


@pytest.fixture(scope='module')
def estimates():
    """Depth maps of the bundled model, with both confidences, and the truth, on scenes that nothing was fitted to."""
    pytest.importorskip('torch')
    from dav2_training.data.procedural.procedural import ProceduralScenes

    batch = ProceduralScenes(SEED, 168, 224).batch(range(FRAMES))
    found = []
    with DepthEstimator(checkpoints.load(BUNDLED), engine='torch', device='cpu', precision='fp32') as estimator:
        for rgb, true_m, f_px in zip(batch.rgb, batch.z_m, batch.f_px):
            camera = Camera.from_hfov(224, 168, 2 * math.atan(112 / float(f_px)))
            each = [estimator.estimate(Frame(rgb.numpy(), camera), confidence=variant)[0] for variant in VARIANTS]
            found.append((each, true_m.numpy()))
        frame = Frame(batch.rgb[0].numpy(), camera)
        bare, masked = (
            estimator.estimate(frame)[0],
            estimator.estimate(frame, confidence='cheap', min_confidence=0.8)[0],
        )
    return found, bare, masked


@pytest.mark.parametrize('variant', VARIANTS)
def test_on_the_bundled_model_it_has_less_than_two_thirds_of_the_ause_of_chance(estimates, variant):
    curves = [
        sparsify(each[VARIANTS.index(variant)].z_m, true_m, each[VARIANTS.index(variant)].confidence)
        for each, true_m in estimates[0]
    ]
    assert mean(curves).ause < 0.66 * mean(curves).ause_of_chance


def test_asking_for_confidence_changes_no_depth_and_a_threshold_only_removes(estimates):
    found, bare, masked = estimates
    assert bare.confidence is None
    for each, _ in found:
        np.testing.assert_array_equal(each[0].z_m, each[1].z_m)
    gone = np.isfinite(bare.z_m) & np.isnan(masked.z_m)
    np.testing.assert_array_equal(gone, np.isfinite(bare.z_m) & (masked.confidence < 0.8))
    assert 0 < gone.mean() < 1
    np.testing.assert_array_equal(masked.z_m[~gone], bare.z_m[~gone])
