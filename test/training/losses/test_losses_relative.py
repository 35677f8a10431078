# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The relative losses do not see scale and shift, vanish at equality, and see nothing where nothing is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dav2_training.losses import RelativeLoss, feature_alignment, gradient_matching, per_region, shift_and_scale, ssi
from dav2_training.losses.relative import keep_smallest, residual

LOSSES = {
    'ssi': ssi,
    'both': RelativeLoss(),
    'matching': RelativeLoss(ssi_weight=0.0),
    'ignoring pixels': RelativeLoss(ignored=0.25),
    'ignoring squares': RelativeLoss(ignored=0.25, region_px=3, ignored_in_gradient=True),
}
every = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)


def maps(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype).uniform_(0.0, 2.0, generator=torch.Generator().manual_seed(seed))


def some(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7)) < 0.6


def written_out(predicted: np.ndarray, target: np.ndarray, valid: np.ndarray) -> float:
    """Depth Anything, eq. 1 to 3, with the lower median of an even number."""

    def hat(d: np.ndarray) -> np.ndarray:
        t = np.sort(d)[(len(d) - 1) // 2]
        return (d - t) / np.mean(np.abs(d - t))

    return float(np.mean(np.abs(hat(predicted[valid].astype(float)) - hat(target[valid].astype(float)))))


class TestNormalisation:
    def test_median_and_mean_distance_are_those_of_the_valid_pixels_alone(self):
        d = torch.tensor([[[1.0, 2.0, 9.0, 100.0, 5.0]]])
        shift, scale = shift_and_scale(d, torch.tensor([[[True, True, True, False, False]]]))
        assert (shift.item(), scale.item()) == (2.0, pytest.approx((1 + 0 + 7) / 3))

    def test_afterwards_every_map_has_median_0_and_mean_distance_1(self):
        d, valid = maps(3, 6, 7), some(3, 6, 7)
        shift, scale = shift_and_scale(d, valid)
        again = shift_and_scale((d - shift) / scale, valid)
        torch.testing.assert_close(again, (torch.zeros(3, 1, 1), torch.ones(3, 1, 1)))


class TestAnyRelativeLoss:
    @every
    @pytest.mark.parametrize(('scale', 'shift'), [(0.01, 0.0), (7.0, -3.0), (1.0, 50.0)])
    def test_scale_and_shift_of_either_map_do_not_matter(self, loss, scale, shift):
        predicted, target, valid = maps(2, 9, 8), maps(2, 9, 8, seed=1), some(2, 9, 8)
        wanted = loss(predicted.double(), target.double(), valid)
        for moved in (
            loss(predicted.double() * scale + shift, target.double(), valid),
            loss(predicted.double(), target.double() * scale + shift, valid),
        ):
            torch.testing.assert_close(moved, wanted)

    @every
    def test_nothing_is_lost_by_who_is_right_up_to_scale_and_shift(self, loss):
        target, valid = maps(2, 9, 8, dtype=torch.float64), some(2, 9, 8)
        assert loss(target.clone(), target, valid).tolist() == [0.0, 0.0]
        assert loss(3.0 * target + 2.0, target, valid).max() < 1e-12

    @every
    def test_its_gradient_is_that_of_its_value_through_median_and_scale(self, loss):
        predicted = maps(2, 6, 5, dtype=torch.float64).requires_grad_()
        target, valid = maps(2, 6, 5, seed=1, dtype=torch.float64), some(2, 6, 5)
        assert torch.autograd.gradcheck(lambda p: loss(p, target, valid), predicted)

    @every
    @pytest.mark.parametrize('rubbish', [0.0, 1e9, math.inf, math.nan])
    def test_a_masked_pixel_has_no_influence_at_all(self, loss, rubbish):
        valid = some(2, 9, 8)
        clean = [maps(2, 9, 8).requires_grad_(), maps(2, 9, 8, seed=1)]
        spoilt = [torch.where(valid, x.detach(), rubbish) for x in clean]
        spoilt[0].requires_grad_()
        first, second = (loss(p, t, valid) for p, t in (clean, spoilt))
        first.sum().backward(), second.sum().backward()
        assert torch.equal(first, second) and torch.equal(clean[0].grad, spoilt[0].grad)
        assert torch.all(clean[0].grad[~valid] == 0) and torch.any(clean[0].grad[valid] != 0)

    @every
    def test_a_picture_of_which_nothing_is_known_loses_nothing_and_its_neighbour_all_the_same(self, loss):
        predicted, target, valid = maps(2, 9, 8).requires_grad_(), maps(2, 9, 8, seed=1), some(2, 9, 8)
        alone = loss(predicted[:1], target[:1], valid[:1])
        valid[1] = False
        found = loss(predicted, torch.where(valid, target, math.nan), valid)
        found.sum().backward()
        assert found.tolist() == [alone.item(), 0.0] and torch.all(predicted.grad[1] == 0)

    @every
    def test_a_target_that_is_flat_has_no_scale_and_teaches_nothing(self, loss):
        predicted = maps(1, 9, 8).requires_grad_()
        found = loss(predicted, torch.full((1, 9, 8), 0.3), some(1, 9, 8))
        found.sum().backward()
        assert found.item() == 0 and torch.all(predicted.grad == 0)

    @every
    def test_a_flat_prediction_costs_a_finite_amount(self, loss):
        predicted = torch.full((1, 9, 8), 0.3).requires_grad_()
        found = loss(predicted, maps(1, 9, 8), some(1, 9, 8))
        found.sum().backward()
        assert torch.isfinite(found).all() and torch.isfinite(predicted.grad).all()

    @every
    def test_half_precision_is_computed_in_single(self, loss):
        assert loss(maps(1, 9, 8).bfloat16(), maps(1, 9, 8, seed=1), some(1, 9, 8)).dtype == torch.float32


class TestSsi:
    def test_is_the_formula_written_out(self):
        predicted, target, valid = maps(3, 6, 7), maps(3, 6, 7, seed=1), some(3, 6, 7)
        wanted = [written_out(*(x.numpy() for x in each)) for each in zip(predicted, target, valid)]
        np.testing.assert_allclose(ssi(predicted, target, valid), wanted, rtol=1e-5)

    def test_of_five_pixels_by_hand(self):
        """Predicted 0 1 2 3 4: median 2, scale 1.2. Target 0 0 2 2 6: median 2, scale 8 / 5."""
        predicted, target = torch.arange(5.0)[None, None], torch.tensor([[[0.0, 0.0, 2.0, 2.0, 6.0]]])
        wanted = sum(abs((p - 2) / 1.2 - (t - 2) / 1.6) for p, t in zip(range(5), (0, 0, 2, 2, 6))) / 5
        assert ssi(predicted, target, torch.ones(1, 1, 5, dtype=torch.bool)).item() == pytest.approx(wanted)


class TestGradientMatching:
    def test_of_a_small_map_by_hand(self):
        r = torch.tensor([[[1.0, 3.0, 0.0], [2.0, 2.0, 5.0], [0.0, 1.0, 4.0]]])
        valid = torch.ones(1, 3, 3, dtype=torch.bool)
        fine = (2 + 3 + 0 + 3 + 1 + 3) + (1 + 1 + 5 + 2 + 1 + 1)
        coarse = (1 + 4) + (1 + 4)  # corners 1 0 / 0 4
        assert gradient_matching(r, valid, 1).item() == pytest.approx(fine / 9)
        assert gradient_matching(r, valid, 2).item() == pytest.approx(fine / 9 + coarse / 4)
        assert gradient_matching(r, valid, 4).item() == pytest.approx(fine / 9 + coarse / 4)  # then one pixel is left

    def test_a_pair_counts_only_if_both_are_known(self):
        r = torch.tensor([[[1.0, 3.0, 0.0, 7.0]]])
        valid = torch.tensor([[[True, True, False, True]]])
        assert gradient_matching(r, valid, 1).item() == pytest.approx(2 / 3)

    def test_a_constant_error_has_no_gradient(self):
        assert gradient_matching(torch.full((1, 16, 16), 0.7), torch.ones(1, 16, 16, dtype=torch.bool)).item() == 0

    def test_it_is_weighted_two_to_one(self):
        predicted, target, valid = maps(2, 16, 16), maps(2, 16, 16, seed=1), some(2, 16, 16)
        matching = gradient_matching(*residual(predicted, target, valid))
        torch.testing.assert_close(
            RelativeLoss()(predicted, target, valid), ssi(predicted, target, valid) + 2 * matching
        )


class TestIgnoring:
    def test_the_largest_tenth_of_the_valid_pixels_of_each_picture_goes(self):
        loss, valid = maps(3, 10, 20), some(3, 10, 20)
        kept = keep_smallest(loss, valid, 0.1)
        for each, v, k in zip(loss, valid, kept):
            assert (~k & v).sum() == int(0.1 * v.sum()) and not (k & ~v).any()
            assert each[k].max() < each[~k & v].min()

    def test_squares_go_whole_those_with_the_largest_mean_over_what_is_known(self):
        loss, valid = torch.zeros(1, 4, 10), torch.ones(1, 4, 10, dtype=torch.bool)
        loss[0, 0, 0] = 9.0  # alone in its square: mean 9 / 4
        loss[0, 2:, 4:6] = torch.tensor([[3.0, 3.0], [100.0, 3.0]])
        valid[0, 3, 4] = False  # its 100 is unknown: mean 3
        kept = keep_smallest(loss, valid, 0.1, region_px=2)  # of ten squares one
        gone = valid & ~kept
        assert gone[0, 2:, 4:6].sum() == 3 == gone.sum()

    def test_the_loss_is_the_mean_of_the_others(self):
        predicted, target, valid = maps(1, 10, 10), maps(1, 10, 10, seed=1), some(1, 10, 10)
        size = np.sort(residual(predicted, target, valid)[0][valid].abs().numpy())
        wanted = size[: len(size) - len(size) // 10].mean()
        assert RelativeLoss(gradient_weight=0.0, ignored=0.1)(predicted, target, valid).item() == pytest.approx(wanted)

    def test_nothing_to_ignore_is_all_kept(self):
        valid = some(2, 5, 5)
        assert keep_smallest(maps(2, 5, 5), valid, 0.0) is valid


class TestCutMix:
    def test_each_region_has_a_scale_and_a_shift_of_its_own(self):
        a, b, valid = maps(2, 9, 8, dtype=torch.float64), maps(2, 9, 8, seed=1, dtype=torch.float64), some(2, 9, 8)
        cut = torch.zeros(2, 9, 8, dtype=torch.bool)
        cut[:, 2:7, 3:8] = True
        target = torch.where(cut, b, a)
        predicted = torch.where(cut, 5 * b + 3, 0.1 * a)
        assert per_region(RelativeLoss(), predicted, target, valid, cut).max() < 1e-12
        assert RelativeLoss()(predicted, target, valid).min() > 0.1

    def test_regions_weigh_what_they_cover(self):
        predicted, target, valid = maps(1, 10, 10), maps(1, 10, 10, seed=1), some(1, 10, 10)
        cut = torch.zeros(1, 10, 10, dtype=torch.bool)
        cut[:, :3] = True
        wanted = 0.3 * ssi(predicted, target, valid & cut) + 0.7 * ssi(predicted, target, valid & ~cut)
        torch.testing.assert_close(per_region(ssi, predicted, target, valid, cut), wanted)

    def test_a_whole_picture_is_one_region(self):
        predicted, target, valid = maps(2, 9, 8), maps(2, 9, 8, seed=1), some(2, 9, 8)
        nothing = torch.zeros(2, 9, 8, dtype=torch.bool)
        torch.testing.assert_close(per_region(ssi, predicted, target, valid, nothing), ssi(predicted, target, valid))


class TestFeatureAlignment:
    def test_is_the_formula_written_out_over_tokens_that_disagree(self):
        features, frozen = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(1)).abs().unbind(0)
        cosines = [float(a @ b / a.norm() / b.norm()) for a, b in zip(features, frozen)]
        wanted = [1 - c for c in cosines if c <= 0.85]
        assert 0 < len(wanted) < 30
        found = feature_alignment(features[None], frozen[None])
        assert found.item() == pytest.approx(sum(wanted) / len(wanted), rel=1e-5)

    def test_tokens_beyond_the_margin_are_left_alone(self):
        frozen = torch.eye(3)[None]
        features = (frozen + 0.3 * torch.roll(frozen, 1, 2)).requires_grad_()  # cosine 0.958
        feature_alignment(features, frozen).sum().backward()
        assert feature_alignment(features, frozen).item() == 0 and torch.all(features.grad == 0)

    def test_nothing_pulls_at_the_frozen_encoder(self):
        features, frozen = maps(1, 5, 4).requires_grad_(), maps(1, 5, 4, seed=1).neg().requires_grad_()
        feature_alignment(features, frozen).sum().backward()
        assert frozen.grad is None and torch.any(features.grad != 0)

    def test_its_gradient_is_that_of_its_value(self):
        both = torch.randn(2, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        features, frozen = both[0].requires_grad_(), both[1]
        assert torch.autograd.gradcheck(lambda f: feature_alignment(f, frozen), features)
