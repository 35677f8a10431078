# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A right engine passes the gate; one with a fault planted on top of it does not, and the verdict says why."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_weights import random_model

from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import OUTPUTS, EngineSpec
from dav2_ros.engines.selection import verdict
from dav2_ros.engines.selection.accuracy_gate import FULL, TOLERANCES, compare, prove
from dav2_ros.engines.selection.reference import gate_pictures, reference
from dav2_ros.engines.selection.selection import open_and_prove
from dav2_ros.engines.selection.verdict import AccuracyVerdict
from dav2_ros.image.resize import ResizePlan

PLAN = ResizePlan.lower_bound(60, 80, 56)
SPEC = EngineSpec(PLAN, 'cpu', 'fp32')


pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0)


class Faulty:
    """PyTorch, and a fault on what it gives."""

    calibration = ''

    def __init__(self, checkpoint, spec=SPEC) -> None:
        self._real = describe_engine(checkpoint, 'torch', spec)
        self.name, self.device, self.precision, self.spec = 'torch', 'cpu', self._real.precision, spec
        self.calls, self.is_open = 0, False

    def __enter__(self):
        self._real.__enter__()
        self.is_open = True
        return self

    def __exit__(self, *exc):
        self._real.__exit__(*exc)
        self.is_open = False

    def infer(self, pictures):
        self.calls += 1
        return self.spoil(self._real.infer(pictures).copy())

    def spoil(self, depths):
        return depths


class Nondeterministic(Faulty):
    def spoil(self, depths):
        return depths * np.float32(1 + 1e-5 * self.calls)


class NanOnce(Faulty):
    def spoil(self, depths):
        depths[0, 3, 5] = np.nan if self.calls == len(FULL) else depths[0, 3, 5]
        return depths


class Infinite(Faulty):
    def spoil(self, depths):
        depths[0, 0, 0] = np.inf
        return depths


class Negative(Faulty):
    def spoil(self, depths):
        depths[0, -1, -1] = -1e-3
        return depths


class Saturating(Faulty):
    """What an overflow in half precision looks like."""

    def spoil(self, depths):
        return np.minimum(depths, np.float32(np.median(depths)))


class Constant(Faulty):
    def spoil(self, depths):
        return np.full_like(depths, np.median(depths))


class Falling(Faulty):
    def spoil(self, depths):
        return depths.max() + depths.min() - depths


class Stale(Faulty):
    """The result of the frame before: a buffer that nobody waited for."""

    last = None

    def spoil(self, depths):
        given = depths if self.last is None else self.last
        self.last = depths
        return given


class UpsideDown(Faulty):
    def spoil(self, depths):
        return np.ascontiguousarray(depths[:, ::-1])


class Scaled(Faulty):
    """A model of another range."""

    def spoil(self, depths):
        return 1.02 * depths


class Doubles(Faulty):
    def spoil(self, depths):
        return depths.astype(np.float64)


class Transposed(Faulty):
    def spoil(self, depths):
        return depths.transpose(0, 2, 1)


class Raises(Faulty):
    def spoil(self, depths):
        if self.calls == 3:
            raise MemoryError('no memory for 12 layers')
        return depths


FAULTS = {
    Nondeterministic: (['another depth each time'], ['deterministic']),
    NanOnce: (['NaN'], ['finite']),
    Infinite: (['infinite'], ['finite']),
    Negative: (['negative'], ['finite']),
    Saturating: (['differs', 'p99', '1 %'], []),
    Constant: (['differs'], ['monotone']),
    Falling: (['differs'], ['monotone']),
    Stale: (['differs'], []),
    UpsideDown: (['differs'], []),
    Scaled: (['differs', 'p50 2 %', '0.1 %'], []),
    Doubles: (['float64', 'float32'], []),
    Transposed: (['(1, 80, 60)', '(1, 60, 80)'], []),
    Raises: (['MemoryError', 'no memory for 12 layers'], []),
}


@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught_and_named(checkpoint, fault):
    engine = fault(checkpoint)
    found = open_and_prove(engine, checkpoint)
    words, failed = FAULTS[fault]
    assert not found.passed and not engine.is_open
    assert all(word in found.reason for word in words), found.reason
    assert not any(getattr(found, check) for check in failed)
    assert found.sentence.startswith('Not proved: torch fp32 on cpu ')


def test_the_engine_under_the_faults_passes_and_stays_open(checkpoint):
    engine = Faulty(checkpoint)
    found = open_and_prove(engine, checkpoint)
    assert found.passed and engine.is_open
    assert found.finite and found.deterministic and found.monotone
    assert (found.error_p50, found.error_p99, found.runs) == (0, 0, len(FULL))
    assert 0 < found.best_ms <= found.median_ms
    engine.__exit__(None, None, None)


@pytest.mark.parametrize('place', [0, 1])
def test_every_place_of_a_batch_is_looked_at(checkpoint, place):
    class OneForAll(Faulty):
        def spoil(self, depths):
            depths[:] = depths[place]
            return depths

    found = open_and_prove(OneForAll(checkpoint, replace(SPEC, batch=2)), checkpoint)
    assert not found.passed and 'differs' in found.reason


@pytest.mark.parametrize('output', OUTPUTS)
@pytest.mark.parametrize('kind', ['metric', 'relative'])
@pytest.mark.parametrize('batch', [1, 2])
def test_a_right_engine_passes_whatever_it_is_asked_to_be(tmp_path, kind, output, batch):
    checkpoint = random_model(tmp_path, kind=kind)
    with describe_engine(checkpoint, 'torch', replace(SPEC, output=output, batch=batch)) as engine:
        found = prove(engine, checkpoint)
    assert found.passed, found.reason


@pytest.mark.parametrize(('offset', 'spread'), [(9.0, 0.01), (3.0, 0.5), (-9.0, 1.0)])
def test_a_model_that_says_far_or_near_everywhere_does_not_upset_the_gate(tmp_path, offset, spread):
    checkpoint = random_model(tmp_path, offset=offset, spread=spread)
    assert open_and_prove(Faulty(checkpoint), checkpoint).passed


def test_far_is_compared_too(tmp_path):
    """An engine that puts the sky at 60 m of 80 is wrong, though the reference knows no metres there."""
    checkpoint = random_model(tmp_path, offset=9.0, spread=0.01)

    class Nearer(Faulty):
        def spoil(self, depths):
            return 0.75 * depths

    assert not open_and_prove(Nearer(checkpoint), checkpoint).passed


def test_an_engine_much_slower_than_the_fastest_is_not_run_for_long(checkpoint):
    with Faulty(checkpoint) as engine:
        found = prove(engine, checkpoint, fastest_ms=1e-3)
    assert found.passed and engine.calls == found.runs < len(FULL)


class TestComparison:
    """Errors are shares of the depth; the order of depths is looked at where it can be told."""

    def test_an_error_of_one_percent_is_one_percent_near_and_far(self):
        true = np.geomspace(0.5, 70, 1000, dtype=np.float32)
        found = compare(1.01 * true, true, 80.0, 1e-3)
        assert found.p50 == pytest.approx(0.01, rel=1e-3) and found.p99 == pytest.approx(0.01, rel=1e-3)
        assert found.monotone(0.01)

    def test_one_pixel_in_fifty_shows_in_p99_and_not_in_p50(self):
        true = np.full(1000, 5.0, np.float32)
        wrong = np.where(np.arange(1000) % 50 == 0, 2 * true, true)
        found = compare(wrong, true, 80.0, 1e-3)
        assert found.p50 == 0 and found.p99 == pytest.approx(1.0)

    def test_depth_that_stops_rising_is_seen(self):
        true = np.linspace(1, 10, 1000, dtype=np.float32)
        assert not compare(np.minimum(true, 8), true, 80.0, 1e-3).monotone(0.05)

    def test_depth_that_hardly_rises_needs_no_order(self):
        true = np.linspace(5, 5.001, 1000, dtype=np.float32)
        assert compare(true[::-1], true, 80.0, 1e-3).monotone(0.01)


def test_less_precise_arithmetic_is_allowed_more_and_never_much():
    allowed = [TOLERANCES[precision] for precision in ('fp32', 'fp16', 'int8')]
    assert [t.p50 for t in allowed] == sorted(t.p50 for t in allowed)
    assert all(t.p50 < t.p99 <= 0.15 for t in allowed)


class TestReference:
    def test_pictures_have_texture_at_any_shape(self):
        for shape in ((480, 640), (60, 80), (1080, 1920), (40, 30)):
            pictures = gate_pictures(*shape)
            assert pictures.shape == (3, *shape, 3) and pictures.dtype == np.uint8
            assert all(picture.std() > 15 for picture in pictures)

    def test_it_is_the_network_s_own_depth_and_is_computed_once(self, checkpoint, monkeypatch):
        from dav2_ros.models import checkpoints

        found = reference(checkpoint, PLAN)
        images = torch.from_numpy(np.stack([PLAN.apply(picture) for picture in gate_pictures(60, 80)]))
        with torch.inference_mode():
            wanted = checkpoints.build(checkpoint)(images).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-4)
        monkeypatch.setattr(torch.nn.Module, '__call__', None)  # no forward is possible any more
        assert np.array_equal(reference(checkpoint, PLAN), found)


class TestVerdict:
    @pytest.fixture
    def proved(self, checkpoint):
        engine = Faulty(checkpoint)
        found = open_and_prove(engine, checkpoint)
        engine.__exit__(None, None, None)
        return engine, found

    def test_it_survives_json(self, proved):
        _, found = proved
        assert AccuracyVerdict.from_facts(json.loads(json.dumps(found.to_facts()))) == found
        assert found.versions['torch'] == torch.__version__ and found.device_name and found.time

    def test_it_is_recalled_on_the_next_start(self, checkpoint, proved):
        engine, found = proved
        assert verdict.recall(engine, checkpoint) == found

    @pytest.mark.parametrize('what', ['runtime_version', 'device_name'])
    def test_another_version_or_device_knows_nothing_of_it(self, checkpoint, proved, monkeypatch, what):
        engine, _ = proved
        monkeypatch.setattr(verdict, what, lambda name: 'another one')
        assert verdict.recall(engine, checkpoint) is None

    def test_neither_does_another_shape_or_other_weights(self, checkpoint, proved, tmp_path):
        assert verdict.recall(proved[0], random_model(tmp_path, spread=2.0)) is None
        wider = Faulty(checkpoint, replace(SPEC, plan=ResizePlan.lower_bound(60, 100, 56)))
        assert verdict.recall(wider, checkpoint) is None

    @pytest.mark.parametrize('text', ['', '{}', '{"passed": true}', '[1]', 'null'])
    def test_a_damaged_one_counts_as_none(self, tmp_path, text):
        (tmp_path / 'verdict.json').write_text(text)
        assert verdict.read(tmp_path) is None
