# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine at once, a better one between two frames: no frame is lost, nothing is left behind, failures are told."""

from __future__ import annotations

import json
import threading
import time
from importlib.util import find_spec

import numpy as np
import pytest
from random_weights import random_model

from dav2_ros.engines import cache, hot_swap
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.hot_swap import THREAD, BuildAbandoned, EngineBuilder, SwappableEngine, is_building
from dav2_ros.engines.selection import selection
from dav2_ros.engines.selection.accuracy_gate import TOLERANCES
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.image.resize import ResizePlan

PLAN = ResizePlan.lower_bound(60, 90, 28)  # 28x42 for the network
SPEC = EngineSpec(PLAN, device='cpu')
BUILT = next((name for name in ('openvino', 'onnxruntime') if find_spec(name)), None)  # an engine that takes building

pytestmark = pytest.mark.skipif(not BUILT or not find_spec('onnxscript'), reason='no engine here takes building')


@pytest.fixture(scope='module', autouse=True)
def cache_of_our_own(one_thread, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, 60, 90, 3), dtype=np.uint8)


class Heard:
    """What a supply says, and who said it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def supply(self, checkpoint, name=BUILT, spec=SPEC, background=True) -> SwappableEngine:
        return SwappableEngine(
            checkpoint, name, spec, background=background, say=self.said.append, warn=self.warned.append
        )


def served_until(supply: SwappableEngine, picture: np.ndarray, condition, patience_s: float = 300.0) -> list:
    """Infer frame after frame, as a camera would have it, until a condition holds; return (engine, depth) of each."""
    until_s, served = time.monotonic() + patience_s, []
    while time.monotonic() < until_s:
        engine = supply.engine()
        served.append((engine, engine.infer(picture)[0].copy()))
        if condition(engine):
            return served
    raise AssertionError(f'{len(served)} frames in vain: {supply.state}')


class TestSwitch:
    def test_frames_flow_from_the_first_moment_and_the_proved_engine_takes_over(
        self, checkpoint, picture, tmp_path, monkeypatch
    ):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path))
        heard = Heard()
        with heard.supply(checkpoint) as supply:
            assert supply.state.proved.engine.name == 'torch' and supply.state.building
            served = served_until(supply, picture, lambda engine: engine.name == BUILT)
            first, last = served[0], served[-1]
            assert len(served) > 2, 'nothing was served while the engine was built'
            assert all(np.array_equal(depth_m, first[1]) for engine, depth_m in served if engine is first[0])
            allowed = TOLERANCES[last[0].precision]
            error = np.abs(last[1] - first[1]) / first[1]
            assert np.percentile(error, 50) <= allowed.p50 and np.percentile(error, 99) <= allowed.p99
            assert supply.state.building == '' and supply.state.failure == ''
            with pytest.raises(AssertionError):  # the old one is closed
                first[0].infer(picture)
        assert heard.said[0].startswith('torch fp32') and heard.said[-1].startswith(BUILT)
        assert heard.warned == [] and supply.state is None and not is_building()

    def test_what_is_proved_and_built_opens_at_once_and_nothing_is_built(self, checkpoint, picture):
        with Heard().supply(checkpoint, background=False) as supply:
            wanted_m = supply.engine().infer(picture).copy()
        heard = Heard()
        with heard.supply(checkpoint) as supply:
            assert supply.state.proved.engine.name == BUILT and not is_building()
            assert np.array_equal(supply.engine().infer(picture), wanted_m)
        assert len(heard.said) == 1

    def test_a_damaged_entry_is_built_anew_while_another_engine_serves(self, checkpoint, picture):
        with Heard().supply(checkpoint, background=False) as supply:
            wanted_m = supply.engine().infer(picture).copy()
        damage()
        with Heard().supply(checkpoint) as supply:
            assert supply.state.proved.engine.name == 'torch'
            served = served_until(supply, picture, lambda engine: engine.name == BUILT)
        np.testing.assert_array_equal(served[-1][1], wanted_m[0])

    def test_the_reference_is_there_at_once_and_nothing_is_built_or_written(
        self, checkpoint, picture, tmp_path, monkeypatch
    ):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
        spec = EngineSpec(PLAN, device='cpu', precision='fp32')
        for background in (True, False):
            with Heard().supply(checkpoint, 'torch', spec, background) as supply:
                assert (supply.state.proved.engine.name, supply.state.proved.engine.precision) == ('torch', 'fp32')
                assert supply.engine().infer(picture).shape == (1, 60, 90)
                assert not is_building()
        assert not (tmp_path / 'cache').exists()

    def test_what_cannot_run_here_is_refused_at_the_door_and_nothing_stays_open(self, checkpoint):
        with pytest.raises(EngineError, match='tpu'):
            Heard().supply(checkpoint, 'torch', EngineSpec(PLAN, device='tpu')).__enter__()
        assert not is_building()


def damage() -> None:
    """Change one byte of what was built last, and leave verdicts and references."""
    for folder, manifest in cache.entries():
        if manifest['key']['what'] == {'onnxruntime': 'onnx'}.get(BUILT, BUILT):
            for file in json.loads((folder / cache.MANIFEST).read_text())['files']:
                bytes_ = bytearray((folder / file).read_bytes())
                bytes_[len(bytes_) // 2] ^= 255
                (folder / file).write_bytes(bytes_)


class TestLost:
    """An engine that throws at work is replaced; the only one is opened anew."""

    def test_another_proved_engine_takes_over_and_the_reason_is_told(self, checkpoint, picture):
        with Heard().supply(checkpoint, 'auto', background=False):
            pass  # all are known now
        heard = Heard()
        with heard.supply(checkpoint, 'auto') as supply:
            first = supply.engine()
            supply.lost('out of memory')
            served_until(supply, picture, lambda engine: not is_building())
            second = supply.engine()
            assert (second.name, second.precision) != (first.name, first.precision)
            assert np.isfinite(second.infer(picture)).all()
            assert 'out of memory' in heard.warned[0] and first.name in heard.warned[0]

    def test_the_only_one_is_opened_anew(self, checkpoint, picture):
        heard = Heard()
        with heard.supply(checkpoint, 'torch', EngineSpec(PLAN, device='cpu', precision='fp32')) as supply:
            before_m = supply.engine().infer(picture).copy()
            for _ in range(3):
                supply.lost('out of memory')
            assert np.array_equal(supply.engine().infer(picture), before_m)
            assert heard.warned == []


class Opened:
    """Stands for an entered engine where only its closing matters."""

    def __init__(self) -> None:
        self.closed = 0

    def __exit__(self, *exc: object) -> None:
        self.closed += 1


def proved() -> selection.ProvedEngine:
    return selection.ProvedEngine(Opened(), None, 'made')


class TestBuilder:
    """Whatever happens around it, what it makes is handed over once or closed once."""

    def test_it_hands_over_once(self):
        made = proved()
        builder = EngineBuilder(lambda say: made, lambda text: None, lambda text: None)
        builder._thread.join()
        assert builder.take() is made and builder.take() is None
        builder.abandon(1.0)
        assert made.engine.closed == 0

    @pytest.mark.parametrize('patience_s', [0.0, 5.0])
    def test_abandoned_at_work_it_stops_where_it_speaks(self, patience_s):
        started, go_on, reached = threading.Event(), threading.Event(), []

        def build(say):
            started.set()
            go_on.wait(10)
            say('half done')
            reached.append('the end')

        builder = EngineBuilder(build, lambda text: None, lambda text: None)
        started.wait(10)
        threading.Timer(0.1, go_on.set).start()
        builder.abandon(patience_s)
        builder._thread.join(10)
        assert not builder._thread.is_alive() and reached == []

    def test_what_is_made_after_it_was_abandoned_is_closed(self):
        started, go_on, made = threading.Event(), threading.Event(), proved()

        def build(say):
            started.set()
            go_on.wait(10)
            return made

        builder = EngineBuilder(build, lambda text: None, lambda text: None)
        started.wait(10)
        builder.abandon(0.0)
        assert made.engine.closed == 0
        go_on.set()
        builder._thread.join(10)
        assert made.engine.closed == 1 and builder.take() is None

    def test_what_was_made_before_it_was_abandoned_is_closed(self):
        made = proved()
        builder = EngineBuilder(lambda say: made, lambda text: None, lambda text: None)
        builder._thread.join()
        builder.abandon(0.0)
        assert made.engine.closed == 1

    @pytest.mark.parametrize('error', [EngineError('No engine is proved here.'), KeyError('No engine is proved here.')])
    def test_a_failure_is_told_once(self, error):
        def build(say):
            raise error

        warned = []
        builder = EngineBuilder(build, lambda text: None, warned.append)
        builder._thread.join()
        assert 'No engine is proved here.' in builder.failure and warned == [builder.failure]
        assert ('KeyError' in builder.failure) == isinstance(error, KeyError) and builder.take() is None

    def test_one_at_a_time(self):
        at_work, most, done = [], [], threading.Event()

        def build(say):
            at_work.append(1)
            most.append(len(at_work))
            time.sleep(0.02)
            at_work.pop()
            return proved()

        builders = [EngineBuilder(build, lambda text: None, lambda text: None) for _ in range(4)]
        for builder in builders:
            builder._thread.join()
        assert most == [1, 1, 1, 1] and not done.is_set()

    def test_it_speaks_to_the_log_now_and_then_and_to_diagnostics_always(self, monkeypatch):
        said, seen = [], []

        def build(say):
            for k in range(100):
                say(f'step {k}')
                seen.append(builder.text)
            return proved()

        with hot_swap._one_builder:
            builder = EngineBuilder(build, said.append, lambda text: None)
        builder._thread.join()
        assert seen == [f'step {k}' for k in range(100)] and len(said) == 1
        assert builder.text == '' and builder._thread.name == THREAD

    def test_abandoned_is_no_engine_error(self):
        """The ladder goes on to the next rung after an EngineError."""
        assert not issubclass(BuildAbandoned, EngineError)


class TestEstimator:
    def test_no_picture_waits_and_another_shape_gives_up_what_is_built_for_the_last_one(
        self, checkpoint, tmp_path, monkeypatch
    ):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path))
        with DepthEstimator(checkpoint, engine=BUILT, device='cpu', size=28, background=True) as estimator:
            for height, width in ((60, 90), (90, 60)):
                depth, _ = estimator.estimate(Frame(np.full((height, width, 3), 90, np.uint8)))
                assert depth.z_m.shape == (height, width) and estimator.engine.name == 'torch'
        end_s = time.monotonic() + 120
        while is_building() and time.monotonic() < end_s:
            time.sleep(0.05)
        assert not is_building(), 'a builder that nobody wants goes on'
