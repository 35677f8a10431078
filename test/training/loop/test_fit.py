# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loop: what is resumed, dealt out, refused and told, on a network of two weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from dav2_training.config import ConfigError, FitConfig, SetConfig
from dav2_training.data.batch_share import WHOLE, Share
from dav2_training.loop import checkpoints
from dav2_training.loop.fit import fit
from dav2_training.loop.lr_schedule import NAMES, factor
from dav2_training.stages.student import StudentConfig

SMALL = FitConfig(
    steps=12, batch=6, lr=0.05, warm_up=3, precision='32-true', accelerator='cpu', threads=1,
    save_every=5, validate_every=6, log_every=1, tensorboard=False,
)  # fmt: skip


@dataclass(frozen=True)
class Points:
    """A batch of points on a noisy line."""

    x: torch.Tensor
    y: torch.Tensor


def points(start: int, share: Share = WHOLE) -> Iterator[Points]:
    step = start
    while True:
        x = torch.randn(6, 1, generator=torch.Generator().manual_seed(step))
        for part in share.slots(6):
            chosen = x[part.start : part.stop]
            yield Points(chosen, 3 * chosen + 1)
        step += 1


def loss(model: torch.nn.Module, batch: Points) -> torch.Tensor:
    noise = 0.1 * torch.randn(())  # of the loop's own seed: nothing that would have to be kept
    return (model(batch.x) - batch.y + noise).square().mean()


def run(out: Path, config: FitConfig = SMALL, **more) -> torch.nn.Module:
    torch.manual_seed(0)
    network = torch.nn.Linear(1, 1)
    fit(network, config, more.pop('batches', points), more.pop('loss', loss), lambda model: 'fine', out, **more)
    return network


def losses(out: Path) -> dict[int, float]:
    lines = [line.split(',') for line in (out / 'log.csv').read_text().splitlines() if not line.startswith('#')]
    assert [int(line[0]) for line in lines] == list(range(1, len(lines) + 1))  # each step once
    return {int(line[0]): float(line[1]) for line in lines}


def stop_at(step: int):
    def after(done: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return after


class TestResume:
    @pytest.mark.parametrize('stopped_at', [3, 5, 9, 12])
    def test_a_stopped_run_ends_as_one_that_was_not_with_the_same_losses(self, stopped_at, tmp_path):
        straight = run(tmp_path / 'straight')
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / 'stopped', after_step=stop_at(stopped_at))
        resumed = run(tmp_path / 'stopped')
        assert torch.equal(resumed.weight, straight.weight) and torch.equal(resumed.bias, straight.bias)
        assert losses(tmp_path / 'stopped') == losses(tmp_path / 'straight')
        kept = [torch.load(tmp_path / of / 'last.pt', weights_only=True) for of in ('straight', 'stopped')]
        assert str(kept[0]['optimizer']) == str(kept[1]['optimizer'])

    def test_a_line_cut_off_by_a_kill_is_forgotten(self, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, after_step=stop_at(7))
        log = tmp_path / 'log.csv'
        log.write_text(log.read_text() + '8,0.12')
        run(tmp_path)
        assert len(losses(tmp_path)) == 12

    def test_a_run_that_is_done_stays_as_it_is(self, tmp_path):
        first = run(tmp_path)
        text = (tmp_path / 'log.csv').read_text()
        assert torch.equal(run(tmp_path).weight, first.weight) and (tmp_path / 'log.csv').read_text() == text

    def test_other_settings_are_refused_with_the_name_of_the_first(self, tmp_path):
        run(tmp_path)
        with pytest.raises(ConfigError, match=r'lr was 0.05 and is 0.01 now.*--out'):
            run(tmp_path, dataclasses.replace(SMALL, lr=0.01))
        described = StudentConfig(fit=SMALL, sets=(SetConfig(name='shifted', frames=5),))
        run(tmp_path / 'stage', described=described)
        other = dataclasses.replace(described, sets=(SetConfig(name='shifted', frames=6),))
        with pytest.raises(ConfigError, match=r'sets\[0\].frames was 5 and is 6'):
            run(tmp_path / 'stage', described=other)

    def test_where_it_runs_and_what_it_tells_may_change(self, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, after_step=stop_at(6))
        run(tmp_path, dataclasses.replace(SMALL, threads=2, save_every=2, validate_every=3))
        assert len(losses(tmp_path)) == 12

    def test_half_a_checkpoint_is_refused_and_left_alone(self, tmp_path):
        run(tmp_path)
        last = tmp_path / 'last.pt'
        last.write_bytes(last.read_bytes()[:500])
        with pytest.raises(ConfigError, match='not a whole checkpoint'):
            run(tmp_path)
        assert last.stat().st_size == 500

    def test_it_holds_its_configuration_as_yaml_would(self, tmp_path):
        described = StudentConfig(fit=SMALL)
        run(tmp_path, described=described)
        kept = torch.load(tmp_path / 'last.pt', weights_only=True)
        assert kept['config'] == checkpoints.plain(dataclasses.asdict(described)) and kept['step'] == 12
        assert [p.name for p in sorted(tmp_path.iterdir())] == ['last.pt', 'log.csv']  # nothing half-written


class TestParts:
    @pytest.mark.parametrize('parts', [2, 3, 6])
    def test_accumulated_parts_learn_what_the_whole_batch_teaches(self, parts, tmp_path):
        def quiet(model: torch.nn.Module, batch: Points) -> torch.Tensor:
            return (model(batch.x) - batch.y).square().mean()

        whole = run(tmp_path / 'whole', loss=quiet)
        dealt = run(tmp_path / 'dealt', dataclasses.replace(SMALL, accumulate=parts), loss=quiet)
        torch.testing.assert_close(dealt.weight, whole.weight)
        assert losses(tmp_path / 'dealt') == pytest.approx(losses(tmp_path / 'whole'), rel=1e-5)

    def test_a_batch_that_leaves_a_rest_is_refused_before_anything_is_made(self, tmp_path):
        with pytest.raises(ConfigError, match=r'fit\.batch to a multiple of 4'):
            run(tmp_path, dataclasses.replace(SMALL, accumulate=4), batches=None)


class TestCare:
    def test_a_gradient_that_is_not_finite_changes_nothing(self, tmp_path):
        def sometimes(model: torch.nn.Module, batch: Points) -> torch.Tensor:
            return (model(batch.x) - batch.y).square().mean() * (math.nan if batch.x[0] < 0 else 1.0)

        assert torch.isfinite(run(tmp_path, loss=sometimes).weight).all()
        with pytest.raises(ConfigError, match='not finite in 50 steps'):
            run(tmp_path / 'always', dataclasses.replace(SMALL, steps=99), loss=lambda m, b: m(b.x).mean() * math.nan)

    def test_gradients_are_clipped_to_their_norm(self, tmp_path):
        grown = []

        def steep(model: torch.nn.Module, batch: Points) -> torch.Tensor:
            return 1e4 * (model(batch.x) - batch.y).square().mean()

        class Watched(torch.optim.AdamW):
            def step(self, *args, **kwargs):
                grown.append(torch.cat([p.grad.flatten() for g in self.param_groups for p in g['params']]).norm())
                return super().step(*args, **kwargs)

        before = torch.optim.AdamW
        torch.optim.AdamW = Watched
        try:
            run(tmp_path, dataclasses.replace(SMALL, clip_norm=0.5), loss=steep)
        finally:
            torch.optim.AdamW = before
        norms = [
            float(line.split(',')[2]) for line in (tmp_path / 'log.csv').read_text().splitlines() if line[0] != '#'
        ]
        assert min(norms) > 100 and max(grown) <= 0.5001

    def test_it_says_what_it_is_about_to_do(self, tmp_path, capsys):
        run(tmp_path)
        told = ' '.join(capsys.readouterr().out.split())
        for words in ('clip_norm: 1.0', '1 x cpu', 'batch 6 = 1 processes x 1 parts x 6', 'x (6, 1) float32', 'fine'):
            assert words in told

    def test_a_batch_of_which_nothing_is_known_is_refused_before_the_first_step(self, tmp_path):
        def unknown(start: int, share: Share) -> Iterator[Points]:
            yield Points(torch.zeros(6, 1), torch.full((6, 1), math.nan))

        with pytest.raises(ConfigError, match='y has no finite number'):
            run(tmp_path, batches=unknown)
        assert not (tmp_path / 'last.pt').exists()

    def test_tensorboard_can_read_what_was_written(self, tmp_path):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        run(tmp_path, dataclasses.replace(SMALL, tensorboard=True))
        events = EventAccumulator(str(tmp_path / 'tensorboard'))
        events.Reload()
        told = {event.step: event.value for event in events.Scalars('loss')}
        assert told == pytest.approx(losses(tmp_path), rel=1e-5)

    @pytest.mark.parametrize(('setting', 'value'), [('strategy', 'dpp'), ('accelerator', 'gpu8'), ('strategy', 'fsdp')])
    def test_devices_that_are_not_here_are_one_sentence(self, setting, value, tmp_path):
        with pytest.raises(ConfigError, match='fit'):
            run(tmp_path, dataclasses.replace(SMALL, **{setting: value}))


class TestSchedule:
    def test_one_cycle_is_torchs_with_zoedepths_numbers(self):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 1.0, total_steps=50, pct_start=0.7, div_factor=1, final_div_factor=1e4, cycle_momentum=False
        )
        for step in range(50):
            assert factor('onecycle', step, 50, 0) == pytest.approx(optimizer.param_groups[0]['lr'], abs=1e-6)
            optimizer.step(), cycle.step()

    @pytest.mark.parametrize('name', NAMES)
    def test_every_schedule_begins_with_something_and_stays_within_its_peak(self, name):
        rates = [factor(name, step, 40, 0) for step in range(40)]
        assert rates[0] == 1.0 and all(0 < rate <= 1.0 + 1e-9 for rate in rates)

    def test_linear_is_linear_and_constant_is_constant(self):
        assert [factor('linear', step, 4, 0) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]
        assert [factor('constant', step, 4, 2) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]
