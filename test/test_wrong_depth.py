# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that is proved and then gives what cannot be depth: none of it is published, and another engine goes on."""

from __future__ import annotations

import time

import numpy as np
import pytest
from random_weights import random_model

from dav2_ros.engines import rungs
from dav2_ros.engines.engine import EngineSpec, WrongDepthError, objection_to
from dav2_ros.engines.torch_engine import TorchEngine
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.look import Look
from dav2_ros.resize import ResizePlan

PLAN = ResizePlan.lower_bound(60, 90, 28)
SPEC = EngineSpec(PLAN, 'cpu', batch=2)
RGB = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)

pytestmark = pytest.mark.usefixtures('one_thread')


def with_one(value: float):
    """Make one pixel of a batch wrong: the last one of the last picture."""

    def spoil(depths: np.ndarray) -> np.ndarray:
        depths[-1, -1, -1] = value
        return depths

    return spoil


SPOILS = {
    'NaN': with_one(np.nan),
    'negative': with_one(-27.9),
    'zero': with_one(0.0),
    'inf': with_one(np.inf),
    '-inf': with_one(-np.inf),
    'float64': lambda depths: depths.astype(np.float64),
    'float16': lambda depths: depths.astype(np.float16),
    'transposed': lambda depths: depths.transpose(0, 2, 1),
    'one picture less': lambda depths: depths[:-1],
    'one picture more': lambda depths: np.concatenate([depths, depths[:1]]),
    'a list': lambda depths: depths.tolist(),
    'nothing': lambda depths: None,
}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0)


@pytest.fixture
def spoil_bf16(monkeypatch):
    """Return a function that spoils the depth of PyTorch in bf16 from now on; fp32 stays right."""
    monkeypatch.setattr(rungs, '_installed', lambda engine: engine == 'torch')
    monkeypatch.setattr(rungs, 'cpu_has_bf16', lambda: True)
    sound = TorchEngine.infer

    def spoil(how, *precisions: str) -> None:
        precisions = precisions or ('bf16',)

        def infer(self, pictures):
            depths = sound(self, pictures)
            at_work = any(np.array_equal(pictures[0], rgb) for rgb in (RGB, RGB[:, ::-1]))  # the gate sees others
            return how(depths.copy()) if at_work and self.precision in precisions else depths

        monkeypatch.setattr(TorchEngine, 'infer', infer)

    return spoil


def opened(checkpoint, **options) -> DepthEstimator:
    return DepthEstimator(checkpoint, engine='torch', device='cpu', size=28, **options)


@pytest.mark.parametrize('name', SPOILS)
def test_what_cannot_be_metres_is_never_given_and_the_engine_is_replaced(checkpoint, spoil_bf16, name):
    """On a robot the frame fails, since it would be old; a recording waits, and gets the depth of the next engine."""
    warned = []
    for background in (False, True):  # the second opens at once what the first has proved
        with opened(checkpoint, background=background, precision='bf16', warn=warned.append, batch=2) as estimator:
            wanted_m = estimator.estimate(Frame(RGB), confidence='full')[0].z_m
            assert estimator.engine.precision == 'bf16'
            spoil_bf16(SPOILS[name])
            given = []
            for _ in range(4):
                try:
                    given.append(estimator.estimate(Frame(RGB), confidence='full')[0].z_m)
                except WrongDepthError as error:
                    assert background and str(error).startswith('torch bf16 on cpu gives ')
            assert estimator.engine.precision == 'fp32' and any('stands in' in text for text in warned)
            assert estimator.state.failure.startswith('torch bf16 on cpu failed at work twice')
            assert len(given) == (2 if background else 4), 'opened anew once, then replaced for good'
            for z_m in given:
                np.testing.assert_allclose(z_m, wanted_m, rtol=0.05)
            spoil_bf16(lambda depths: depths)


def test_the_next_proved_engine_takes_over_at_once(checkpoint, spoil_bf16):
    warned = []
    with opened(checkpoint, precision='auto') as estimator:
        estimator.prepare(60, 90)
    with opened(checkpoint, precision='auto', background=True, warn=warned.append) as estimator:
        estimator.prepare(60, 90)
        first = estimator.engine.precision
        spoil_bf16(SPOILS['NaN'], first)
        with pytest.raises(WrongDepthError, match='NaN'):
            estimator.estimate(Frame(RGB))
        assert estimator.engine.precision != first and np.isfinite(estimator.estimate(Frame(RGB))[0].z_m).any()
        assert 'failed at work' in warned[0] and len(warned) == 1


def test_no_camera_s_depth_leaves_a_batch_in_which_another_one_s_is_wrong(checkpoint, spoil_bf16):
    with opened(checkpoint, precision='bf16', background=True, batch=2) as estimator:
        estimator.prepare(60, 90)
        spoil_bf16(SPOILS['negative'])
        with pytest.raises(WrongDepthError):
            estimator.estimate_many([Look(Frame(RGB)), Look(Frame(RGB))])


def test_disparity_of_zero_is_far_and_metres_of_zero_are_none():
    depths = np.zeros((2, *SPEC.out_shape), np.float32)
    assert objection_to(depths, SPEC, 2, 'relative') == ''
    assert 'zero' in objection_to(depths, SPEC, 2, 'metric')
    assert 'negative' in objection_to(depths - 1, SPEC, 2, 'relative')


def test_looking_at_every_pixel_costs_a_tenth_of_a_millisecond():
    plan = ResizePlan.lower_bound(518, 686, 518)
    spec = EngineSpec(plan, 'cpu')
    depths = np.random.default_rng(0).uniform(0.1, 80, (1, 518, 686)).astype(np.float32)
    times_ms = []
    for _ in range(200):
        started_s = time.perf_counter()
        assert objection_to(depths, spec, 1, 'metric') == ''
        times_ms.append(1e3 * (time.perf_counter() - started_s))
    assert min(times_ms) < 0.1  # the least: what a busy machine spoils least
