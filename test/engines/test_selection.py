# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The fastest proved engine is taken; a damaged, foreign or wrong one is not, and nobody gets depth from it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from random_weights import random_model

from dav2_ros.engines import cache
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.selection import candidates, selection, verdict
from dav2_ros.engines.selection.candidates import EngineCandidate
from dav2_ros.engines.selection.reference import gate_pictures, reference
from dav2_ros.engines.selection.selection import open_at_once, open_proved
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.files import sha256_of

PLAN = ResizePlan.lower_bound(60, 80, 56)
SPEC = EngineSpec(PLAN, 'cpu')
FP32 = EngineSpec(PLAN, 'cpu', 'fp32', 'network')

exports = pytest.mark.skipif(
    not find_spec('onnxruntime') or not find_spec('onnxscript'), reason='onnxruntime and onnxscript are not installed'
)


pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'), offset=-1.0)


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def only_torch(monkeypatch):
    """A machine on which nothing else is installed, and whose CPU has bf16."""
    monkeypatch.setattr(candidates, '_installed', lambda engine: engine == 'torch')
    monkeypatch.setattr(candidates, 'cpu_has_bf16', lambda: True)
    monkeypatch.setattr(candidates, 'cuda_is_here', lambda: False)


class Spoilt:
    """A real engine whose depth, or whose opening, is not what it should be."""

    def __init__(self, engine, *, times: float = 1.0, opens: bool = True) -> None:
        self._engine, self._times, self._opens, self.is_open = engine, np.float32(times), opens, False

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def __enter__(self):
        if not self._opens:
            raise RuntimeError('no kernel for this device')
        self._engine.__enter__()
        self.is_open = True
        return self

    def __exit__(self, *exc):
        self._engine.__exit__(*exc)
        self.is_open = False

    def infer(self, pictures):
        return self._engine.infer(pictures) * self._times


@pytest.fixture
def spoil(monkeypatch):
    """Yield a function: from now on the engine of this precision has these faults."""
    made, faults = [], {}

    def describe(checkpoint, name, spec, *rest):
        made.append(Spoilt(describe_engine(checkpoint, name, spec, *rest), **faults.get(spec.precision, {})))
        return made[-1]

    monkeypatch.setattr(selection, 'describe_engine', describe)
    yield lambda precision, **fault: faults.update({precision: fault})
    assert sum(engine.is_open for engine in made) <= 1  # what was handed out


class TestRungs:
    """What could run, expected fastest first."""

    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch):
        monkeypatch.setattr(candidates, '_installed', lambda engine: True)
        monkeypatch.setattr(candidates, 'cpu_has_bf16', lambda: True)
        monkeypatch.setattr(candidates, 'cuda_is_here', lambda: False)

    def test_auto_is_every_engine_of_the_device(self):
        assert {rung.engine for rung in candidates.list_candidates('auto', SPEC)} == {
            'torch',
            'onnxruntime',
            'openvino',
        }

    def test_a_cpu_without_bf16_is_not_asked_for_it(self, monkeypatch):
        monkeypatch.setattr(candidates, 'cpu_has_bf16', lambda: False)
        assert 'bf16' not in {rung.precision for rung in candidates.list_candidates('auto', SPEC)}
        asked = candidates.list_candidates('torch', EngineSpec(PLAN, 'cpu', 'bf16'))
        assert asked == [EngineCandidate('torch', 'bf16', 'cpu')]  # whoever asks for it gets it

    def test_a_gpu_comes_before_the_cpu_and_half_precision_before_single(self, monkeypatch):
        monkeypatch.setattr(candidates, 'cuda_is_here', lambda: True)
        found = candidates.list_candidates('auto', EngineSpec(PLAN))
        devices = [rung.device for rung in found]
        assert devices == sorted(devices, reverse=True) and set(devices) == {'cuda', 'cpu'}
        assert found[:2] == [EngineCandidate('tensorrt', 'int8', 'cuda'), EngineCandidate('tensorrt', 'fp16', 'cuda')]
        assert candidates.list_candidates('auto', EngineSpec(PLAN, 'cuda:1'))[0].device == 'cuda:1'

    def test_what_is_not_installed_is_left_out_unless_it_is_asked_for(self, monkeypatch):
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, 'onnxruntime', None)  # Python's own way to say: not installed
        assert 'onnxruntime' not in {rung.engine for rung in candidates.list_candidates('auto', SPEC)}
        assert candidates.list_candidates('onnxruntime', SPEC) == [EngineCandidate('onnxruntime', 'fp32', 'cpu')]

    @pytest.mark.parametrize(('name', 'device'), [('steam', 'cpu'), ('openvino', 'cuda'), ('torch', 'tpu')])
    def test_what_cannot_be_is_refused_by_the_engine_itself(self, checkpoint, name, device):
        with pytest.raises(EngineError) as refusal:
            open_proved(checkpoint, name, EngineSpec(PLAN, device))
        wanted = name if name == 'steam' else device
        assert wanted in str(refusal.value) or 'OpenVINO' in str(refusal.value)


class TestLadder:
    """Which engine is taken, and what is said of it."""

    pytestmark = pytest.mark.usefixtures('own_cache', 'only_torch')

    def test_the_taken_one_is_open_proved_and_says_why(self, checkpoint):
        said = []
        proved = open_proved(checkpoint, 'torch', FP32, said.append)
        with proved.engine as engine:
            np.testing.assert_allclose(engine.infer(gate_pictures(60, 80)[:1]), reference(checkpoint, PLAN)[:1])
        assert proved.verdict.passed and proved.verdict.sentence in said
        assert proved.why.startswith('torch fp32 on cpu: ') and 'ms a picture, as asked (error p50 0 %' in proved.why

    def test_a_wrong_one_is_passed_over_for_the_next(self, checkpoint, spoil):
        spoil('bf16', times=1.5)
        said = []
        proved = open_proved(checkpoint, 'auto', SPEC, said.append)
        assert proved.engine.precision == 'fp32' and 'the only one proved here' in proved.why
        assert [text for text in said if text.startswith('Not proved: torch bf16 on cpu differs from fp32 by p50 5')]
        proved.engine.__exit__(None, None, None)

    def test_so_is_one_that_does_not_open(self, checkpoint, spoil):
        spoil('bf16', opens=False)
        said = []
        proved = open_proved(checkpoint, 'auto', SPEC, said.append)
        assert proved.engine.precision == 'fp32'
        assert 'Not proved: torch bf16 on cpu raises RuntimeError: no kernel for this device.' in said
        proved.engine.__exit__(None, None, None)

    def test_a_wrong_one_is_not_tried_again_on_the_next_start_until_something_is_built(self, checkpoint, spoil):
        spoil('bf16', times=1.5)
        tried = []
        for _ in range(2):
            said = []
            open_proved(checkpoint, 'auto', SPEC, said.append).engine.__exit__(None, None, None)
            tried.append([text for text in said if text.startswith('Opening') and 'bf16' in text])
        assert len(tried[0]) == 1 and tried[1] == []
        key = cache.CacheKey('random', checkpoint.sha256, 'openvino', 1, (60, 80), (56, 84))
        folder = cache.obtain(key, lambda made: None)
        os.utime(folder, (2e9, 2e9))
        said = []
        open_proved(checkpoint, 'auto', SPEC, said.append).engine.__exit__(None, None, None)
        assert [text for text in said if text.startswith('Opening') and 'bf16' in text]

    def test_a_warm_start_opens_one_engine_and_proves_it_again(self, checkpoint, spoil):
        spoil('bf16', times=1.0001)  # right
        first = open_proved(checkpoint, 'torch', FP32)
        first.engine.__exit__(None, None, None)
        said = []
        again = open_proved(checkpoint, 'torch', FP32, said.append)
        again.engine.__exit__(None, None, None)
        assert len([text for text in said if text.startswith('Opening')]) == 1
        assert 0 < again.verdict.runs < first.verdict.runs and again.verdict.passed

    def test_when_none_passes_each_is_named_with_its_reason(self, checkpoint, spoil):
        spoil('bf16', opens=False)
        spoil('fp32', times=0.5)
        with pytest.raises(EngineError) as refusal:
            open_proved(checkpoint, 'auto', SPEC)
        text = str(refusal.value)
        assert (
            'torch bf16 on cpu raises RuntimeError' in text
            and 'torch fp32 on cpu differs from fp32 by p50 50 %' in text
        )
        assert text.endswith('.') and '\n' not in text

    def test_the_one_that_was_asked_for_is_refused_with_numbers_and_a_remedy(self, checkpoint, spoil):
        spoil('fp32', times=1.02)
        for _ in range(2):  # on the next start, too
            with pytest.raises(EngineError, match=r'p50 2 %.*allowed are 0\.1 %.*Choose another precision or engine'):
                open_proved(checkpoint, 'torch', FP32)

    def test_whoever_does_not_want_it_any_more_stops_it_and_nothing_stays_open(self, checkpoint, spoil):
        class Enough(Exception):
            pass

        def say(text):
            if text.startswith('Proved'):
                raise Enough

        spoil('none')
        with pytest.raises(Enough):
            open_proved(checkpoint, 'auto', SPEC, say)

    def test_at_once_is_pytorch_until_something_is_known_to_be_faster(self, checkpoint, monkeypatch):
        cold = open_at_once(checkpoint, 'auto', SPEC)
        cold.engine.__exit__(None, None, None)
        assert (cold.engine.name, cold.engine.precision) == ('torch', 'fp32') and cold.verdict.passed
        best = open_proved(checkpoint, 'auto', SPEC)
        best.engine.__exit__(None, None, None)
        warm = open_at_once(checkpoint, 'auto', SPEC)
        warm.engine.__exit__(None, None, None)
        assert warm.verdict.what == best.verdict.what and warm.verdict.passed


@pytest.fixture(scope='module')
def built(checkpoint, tmp_path_factory):
    """A cache with a proved ONNX Runtime in it."""
    folder = tmp_path_factory.mktemp('built')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(folder))
        open_proved(checkpoint, 'onnxruntime', FP32).engine.__exit__(None, None, None)
    return folder


@exports
class TestDamage:
    """Files that are not what was built: caught by hash, by key, or by the numbers."""

    @pytest.fixture
    def graph(self, built, own_cache) -> Path:
        shutil.copytree(built, own_cache)
        (path,) = own_cache.glob('*-onnx-*/model.onnx')
        return path

    @staticmethod
    def perturb(graph: Path) -> None:
        """Change one weight tensor in the file, and the manifest with it: only the numbers can tell."""
        import onnx

        model = onnx.load(graph)
        weights = [each for each in model.graph.initializer if len(each.dims) == 4 and each.dims[2:] == [3, 3]]
        values = onnx.numpy_helper.to_array(weights[-1]) * np.float32(1.1)
        weights[-1].CopyFrom(onnx.numpy_helper.from_array(values, weights[-1].name))
        onnx.save(model, graph)
        manifest = json.loads((graph.parent / 'manifest.json').read_text())
        manifest['files'][graph.name] = sha256_of(graph)
        cache.write_json(graph.parent / 'manifest.json', manifest)

    @staticmethod
    def assert_right(checkpoint, proved) -> None:
        with proved.engine as engine:
            depth_m = engine.infer(gate_pictures(60, 80)[:1])
        np.testing.assert_allclose(depth_m, reference(checkpoint, PLAN)[:1], rtol=1e-3)

    def test_a_changed_weight_is_seen_and_the_engine_built_anew(self, checkpoint, graph):
        self.perturb(graph)
        bad, said = sha256_of(graph), []
        proved = open_proved(checkpoint, 'onnxruntime', FP32, said.append)
        assert [text for text in said if text.startswith('Not proved: onnxruntime fp32 on cpu differs from fp32 by')]
        assert sha256_of(graph) != bad
        self.assert_right(checkpoint, proved)

    def test_on_a_first_start_a_changed_weight_is_a_refusal_with_numbers(self, checkpoint, graph, own_cache):
        self.perturb(graph)
        for folder in own_cache.glob('*-verdict-*'):
            cache.remove(folder)
        with pytest.raises(EngineError, match=r'onnxruntime fp32 on cpu differs from fp32 by p50 .* %'):
            open_proved(checkpoint, 'onnxruntime', FP32)

    def test_a_truncated_file_is_made_anew(self, checkpoint, graph):
        size = graph.stat().st_size
        with open(graph, 'r+b') as file:
            file.truncate(size // 2)
        self.assert_right(checkpoint, open_proved(checkpoint, 'onnxruntime', FP32))
        assert graph.stat().st_size == size

    def test_an_engine_proved_on_another_version_or_device_is_proved_from_the_beginning(
        self, checkpoint, graph, monkeypatch
    ):
        monkeypatch.setattr(verdict, 'device_name', lambda device: 'another CPU')
        proved = open_proved(checkpoint, 'onnxruntime', FP32)
        proved.engine.__exit__(None, None, None)
        assert proved.verdict.runs == 10 and proved.verdict.device_name == 'another CPU'


class TestForeignEntries:
    """A folder with the right name and another key's files is not used."""

    KEY = cache.CacheKey('m', 'w', 'tensorrt', 1, (60, 80), (56, 84), runtime='tensorrt 10.3', device='Orin')

    @pytest.mark.parametrize('other', [{'runtime': 'tensorrt 10.4'}, {'device': 'RTX 4090'}, {'weights': 'x'}], ids=str)
    def test_it_is_built_anew(self, own_cache, other):
        from dataclasses import replace

        foreign = cache.obtain(replace(self.KEY, **other), lambda made: (made / 'plan').write_text('theirs'))
        shutil.copytree(foreign, own_cache / self.KEY.name)
        assert cache.find(self.KEY) is None
        ours = cache.obtain(self.KEY, lambda made: (made / 'plan').write_text('ours'))
        assert (ours / 'plan').read_text() == 'ours' and cache.find(self.KEY) == ours
