# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Losses vanish where they should, ignore what they should, and their gradients are those of their values."""

from __future__ import annotations

import math

import pytest
import torch

from dav2_training.loop.lr_schedule import poly
from dav2_training.losses import log_l1, out_of_range, silog

FLOOR = 1e-6  # the root's own: sqrt(1e-12), which keeps its gradient finite at zero


def depths(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype).uniform_(0.5, 60.0, generator=torch.Generator().manual_seed(seed))


def half_valid(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7)) < 0.5


class TestSilog:
    def test_equal_maps_lose_nothing(self):
        true_m = depths(2, 5, 6)
        assert silog(true_m.clone(), true_m, torch.ones(2, 5, 6, dtype=torch.bool)) <= FLOOR

    def test_is_the_formula_written_out(self):
        predicted_m, true_m, valid = depths(2, 3, 4), depths(2, 3, 4, seed=1), half_valid((2, 3, 4))
        pairs = zip(predicted_m[valid].tolist(), true_m[valid].tolist(), strict=True)
        d = [math.log(t) - math.log(p) for p, t in pairs]
        wanted = math.sqrt(sum(x * x for x in d) / len(d) - 0.5 * (sum(d) / len(d)) ** 2)
        assert silog(predicted_m, true_m, valid).item() == pytest.approx(wanted, rel=1e-5)

    @pytest.mark.parametrize('scale', [0.1, 0.5, 3.0])
    def test_a_wrong_scale_alone_costs_its_logarithm_times_the_root_of_a_half(self, scale):
        """sqrt(c^2 - 0.5 c^2): partly forgiven, so that the shape is learnt first. focus=1 forgives it wholly."""
        true_m, valid = depths(1, 4, 5), torch.ones(1, 4, 5, dtype=torch.bool)
        assert silog(scale * true_m, true_m, valid).item() == pytest.approx(abs(math.log(scale)) / 2**0.5, rel=1e-4)
        assert silog(scale * true_m, true_m, valid, focus=1.0).item() < 1e-3

    @pytest.mark.parametrize('scale', [0.1, 7.0])
    def test_both_maps_in_other_units_lose_the_same(self, scale):
        predicted_m, true_m, valid = depths(2, 4, 5), depths(2, 4, 5, seed=1), half_valid((2, 4, 5))
        one, other = silog(predicted_m, true_m, valid), silog(scale * predicted_m, scale * true_m, valid)
        assert other.item() == pytest.approx(one.item(), rel=1e-4)

    def test_the_order_of_pixels_does_not_matter(self):
        maps = [depths(1, 4, 5), depths(1, 4, 5, seed=1), half_valid((1, 4, 5))]
        order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
        shuffled = [m.flatten()[order].view(1, 4, 5) for m in maps]
        assert silog(*shuffled).item() == pytest.approx(silog(*maps).item(), rel=1e-5)

    @pytest.mark.parametrize('rubbish', [0.0, math.inf, math.nan, -1.0])
    def test_a_masked_pixel_has_no_influence_at_all(self, rubbish):
        true_m, valid = depths(2, 4, 5), half_valid((2, 4, 5))
        predicted_m = depths(2, 4, 5, seed=1).requires_grad_()
        loss = silog(predicted_m, torch.where(valid, true_m, rubbish), valid)
        loss.backward()
        assert loss.item() == silog(predicted_m, true_m, valid).item()
        assert torch.all(predicted_m.grad[~valid] == 0)
        assert torch.all(predicted_m.grad[valid] != 0)

    def test_without_valid_pixels_it_is_zero_and_pulls_nowhere(self):
        predicted_m = depths(1, 2, 3).requires_grad_()
        loss = silog(predicted_m, torch.full((1, 2, 3), math.nan), torch.zeros(1, 2, 3, dtype=torch.bool))
        loss.backward()
        assert loss.item() == 0
        assert torch.all(predicted_m.grad == 0)

    def test_its_gradient_is_that_of_its_value(self):
        predicted_m = depths(1, 3, 4, dtype=torch.float64).requires_grad_()
        true_m, valid = depths(1, 3, 4, seed=1, dtype=torch.float64), half_valid((1, 3, 4))
        assert torch.autograd.gradcheck(lambda p: silog(p, true_m, valid), predicted_m)

    def test_at_equality_its_gradient_is_finite(self):
        true_m = depths(1, 3, 4)
        predicted_m = true_m.clone().requires_grad_()
        silog(predicted_m, true_m, torch.ones(1, 3, 4, dtype=torch.bool)).backward()
        assert torch.isfinite(predicted_m.grad).all()


class TestLogL1:
    def test_is_the_formula_written_out(self):
        predicted_m, true_m, valid = depths(2, 3, 4), depths(2, 3, 4, seed=1), half_valid((2, 3, 4))
        d = [abs(math.log(t / p)) for p, t in zip(predicted_m[valid].tolist(), true_m[valid].tolist(), strict=True)]
        assert log_l1(predicted_m, true_m, valid).item() == pytest.approx(sum(d) / len(d), rel=1e-5)

    def test_of_two_depths_that_a_pixel_may_have_one_is_best_and_between_them_nothing_is_better(self):
        """SiLog's best answer to a table (2 m) or the floor behind it (4 m) lies between the two."""
        true_m, valid = torch.tensor([[[2.0, 2.0, 4.0]]]), torch.ones(1, 1, 3, dtype=torch.bool)
        guesses = torch.linspace(1.5, 5.0, 351)
        best = min(guesses.tolist(), key=lambda g: log_l1(torch.full((1, 1, 3), g), true_m, valid).item())
        between = min(guesses.tolist(), key=lambda g: silog(torch.full((1, 1, 3), g), true_m, valid, focus=0.0).item())
        assert best == pytest.approx(2.0, abs=0.01) and 2.3 < between < 2.8

    @pytest.mark.parametrize('rubbish', [0.0, math.inf, math.nan, -1.0])
    def test_a_masked_pixel_has_no_influence_at_all(self, rubbish):
        true_m, valid = depths(2, 4, 5), half_valid((2, 4, 5))
        predicted_m = depths(2, 4, 5, seed=1).requires_grad_()
        loss = log_l1(predicted_m, torch.where(valid, true_m, rubbish), valid)
        loss.backward()
        assert loss.item() == log_l1(predicted_m, true_m, valid).item()
        assert torch.all(predicted_m.grad[~valid] == 0) and torch.all(predicted_m.grad[valid] != 0)

    def test_without_valid_pixels_it_is_zero_and_pulls_nowhere(self):
        predicted_m = depths(1, 2, 3).requires_grad_()
        loss = log_l1(predicted_m, torch.full((1, 2, 3), math.nan), torch.zeros(1, 2, 3, dtype=torch.bool))
        loss.backward()
        assert loss.item() == 0 and torch.all(predicted_m.grad == 0)


class TestBeyond:
    LIMIT_M = 80.0

    def test_at_the_limit_nothing_is_lost(self):
        far = torch.ones(1, 3, 4, dtype=torch.bool)
        assert out_of_range(torch.full((1, 3, 4), self.LIMIT_M), self.LIMIT_M, far).item() == 0

    def test_is_the_mean_logarithm_still_to_go(self):
        predicted_m, far = depths(1, 3, 4), half_valid((1, 3, 4))
        wanted = [math.log(self.LIMIT_M / p) for p in predicted_m[far].tolist()]
        assert out_of_range(predicted_m, self.LIMIT_M, far).item() == pytest.approx(sum(wanted) / len(wanted), rel=1e-5)

    def test_pulls_far_pixels_up_and_no_others(self):
        predicted_m, far = depths(1, 3, 4).requires_grad_(), half_valid((1, 3, 4))
        out_of_range(predicted_m, self.LIMIT_M, far).backward()
        assert torch.all(predicted_m.grad[far] < 0)
        assert torch.all(predicted_m.grad[~far] == 0)

    def test_without_far_pixels_it_is_zero_and_pulls_nowhere(self):
        predicted_m = depths(1, 3, 4).requires_grad_()
        loss = out_of_range(predicted_m, self.LIMIT_M, torch.zeros(1, 3, 4, dtype=torch.bool))
        loss.backward()
        assert loss.item() == 0
        assert torch.all(predicted_m.grad == 0)

    def test_its_gradient_is_that_of_its_value(self):
        predicted_m, far = depths(1, 3, 4, dtype=torch.float64).requires_grad_(), half_valid((1, 3, 4))
        assert torch.autograd.gradcheck(lambda p: out_of_range(p, self.LIMIT_M, far), predicted_m)


class TestPoly:
    STEPS, WARM_UP = 1000, 100

    def rates(self) -> list[float]:
        return [poly(step, self.STEPS, self.WARM_UP) for step in range(self.STEPS + 1)]

    def test_rises_to_its_peak_at_the_end_of_the_warm_up_then_falls_to_zero(self):
        rates = self.rates()
        assert rates.index(max(rates)) == self.WARM_UP - 1
        assert rates == sorted(rates[: self.WARM_UP]) + sorted(rates[self.WARM_UP :], reverse=True)
        assert rates[0] > 0
        assert rates[-1] == 0

    @pytest.mark.parametrize('step', [100, 250, 500, 900, 999])
    def test_after_the_warm_up_it_is_the_published_curve(self, step):
        """Depth-Anything-V2 metric_depth/train.py: lr * (1 - iters / total_iters) ** 0.9."""
        assert poly(step, self.STEPS, self.WARM_UP) == pytest.approx((1 - step / self.STEPS) ** 0.9)

    def test_without_a_warm_up_it_is_the_published_curve_from_the_start(self):
        for step in range(11):
            assert poly(step, 10, 0) == pytest.approx((1 - step / 10) ** 0.9)

    def test_beyond_the_last_step_it_stays_zero(self):
        assert poly(self.STEPS + 5, self.STEPS, self.WARM_UP) == 0
