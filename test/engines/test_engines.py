# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every engine computes what PyTorch in fp32 computes, again and again, and says in one sentence what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_weights import random_model

from dav2_ros.engines import ENGINES
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import OUTPUTS, Engine, EngineError, EngineSpec
from dav2_ros.engines.export.end_to_end import PictureToDepth
from dav2_ros.engines.export.export import network_onnx
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints

PLAN = ResizePlan.lower_bound(96, 120, 56)  # 56x70 for the network
# Of the largest depth. fp32 differs by the order of sums; bf16 has 8 bits of mantissa through 8 blocks.
TOLERANCES = {'fp32': 1e-5, 'bf16': 0.05, 'fp16': 0.01}
ON_CPU = [('torch', 'fp32'), ('torch', 'bf16'), ('onnxruntime', 'fp32'), ('openvino', 'fp32'), ('openvino', 'bf16')]
ON_GPU = [('torch', 'fp32'), ('torch', 'fp16'), ('onnxruntime', 'fp32'), ('tensorrt', 'fp32'), ('tensorrt', 'fp16')]
HERE = [('cpu', *row) for row in ON_CPU] + [('cuda', *row) for row in ON_GPU]
DEVICES = {'tensorrt': 'cuda'}  # of engines that know no CPU


@pytest.fixture(scope='module', autouse=True)
def cache_of_our_own(one_thread, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'))


@pytest.fixture(scope='module')
def pictures() -> np.ndarray:
    """Three pictures with structure at all scales: noise, and its blurs, as bytes."""
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.uniform(-1, 1, (3, n, n * 5 // 4, 3)).transpose(1, 2, 0, 3).reshape(n, n * 5 // 4, 9), (120, 96))
        for n in (4, 16, 96)
    ]
    bytes_ = np.clip(128 + 60 * np.sum(layers, 0), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(bytes_.reshape(96, 120, 3, 3).transpose(2, 0, 1, 3))


@pytest.fixture(scope='module')
def reference_m(checkpoint, pictures) -> dict[str, np.ndarray]:
    """The network itself, none of the engines' preparations."""
    with torch.inference_mode():
        images = torch.from_numpy(np.stack([PLAN.apply(picture) for picture in pictures]))
        depths = checkpoints.build(checkpoint)(images).numpy()
    return {'network': depths, 'camera': np.stack([PLAN.undo(depth) for depth in depths])}


@pytest.fixture(scope='module', params=HERE, ids='-'.join)
def engine(request, checkpoint):
    device, name, precision = request.param
    if not find_spec(name) or (device == 'cuda' and not torch.cuda.is_available()):
        pytest.skip(f'{name} is not installed, or there is no {device}')
    spec = EngineSpec(PLAN, device=device, precision=precision, batch=3)
    best = describe_engine(checkpoint, name, EngineSpec(PLAN, device=device)).precision
    if (name, precision) == ('openvino', 'bf16') and best != 'bf16':
        pytest.skip('this CPU does not multiply bf16')
    with describe_engine(checkpoint, name, spec) as engine:
        yield engine


def test_every_engine_is_tried():
    assert {name for _, name, _ in HERE} == set(ENGINES)


def test_an_engine_says_what_it_is(engine):
    assert isinstance(engine, Engine)
    assert engine.name in ENGINES
    assert engine.device in ('cpu', 'cuda') and engine.spec.plan == PLAN
    assert engine.precision in TOLERANCES


def test_agrees_with_the_network_in_fp32(engine, pictures, reference_m):
    depth_m = engine.infer(pictures)
    assert depth_m.shape == (3, *engine.spec.out_shape) and depth_m.dtype == np.float32
    wanted_m = reference_m['camera']
    assert np.abs(depth_m - wanted_m).max() <= TOLERANCES[engine.precision] * wanted_m.max()


@pytest.mark.parametrize('name', ENGINES)
def test_depth_can_stay_on_the_network_s_grid(checkpoint, pictures, reference_m, name):
    if not find_spec(name):
        pytest.skip(f'{name} is not installed')
    spec = EngineSpec(PLAN, device=DEVICES.get(name, 'cpu'), precision='fp32', output='network')
    with describe_engine(checkpoint, name, spec) as engine:
        depth_m = engine.infer(pictures[:1])
    assert depth_m.shape == (1, PLAN.net_height, PLAN.net_width)
    wanted_m = reference_m['network'][:1]
    assert np.abs(depth_m - wanted_m).max() <= TOLERANCES['fp32'] * wanted_m.max()


@pytest.mark.parametrize('output', OUTPUTS)
@pytest.mark.parametrize('shape', [(96, 120), (56, 70), (40, 50)], ids=['shrunk', 'as it is', 'enlarged'])
def test_the_whole_graph_resizes_as_the_host_does(checkpoint, output, shape):
    plan = ResizePlan.lower_bound(*shape, 56)
    spec = EngineSpec(plan, device='cpu', output=output, batch=2)
    pictures = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    graph = PictureToDepth(checkpoints.build(checkpoint), plan, spec.out_shape).eval()
    with torch.inference_mode():
        found_m = graph(torch.from_numpy(pictures)).numpy()
    with describe_engine(checkpoint, 'torch', spec) as engine:
        wanted_m = engine.infer(pictures)
    assert np.abs(found_m - wanted_m).max() <= 1e-4 * wanted_m.max()


def test_the_same_picture_gives_the_same_bits(engine, pictures):
    first = engine.infer(pictures[:1]).copy()
    engine.infer(pictures[1:2])
    assert np.array_equal(engine.infer(pictures[:1]), first)


def test_a_batch_is_its_pictures_one_by_one(engine, pictures):
    together = engine.infer(pictures).copy()
    singles = np.concatenate([engine.infer(picture[None]).copy() for picture in pictures])
    np.testing.assert_allclose(together, singles, atol=TOLERANCES[engine.precision] * singles.max(), rtol=0)


def test_does_not_write_into_its_input(engine, pictures):
    before = pictures.copy()
    engine.infer(pictures)
    assert np.array_equal(pictures, before)


@pytest.mark.parametrize('name', ENGINES)
def test_closed_and_opened_again_it_is_the_same_engine(checkpoint, pictures, name):
    if not find_spec(name):
        pytest.skip(f'{name} is not installed')
    engine = describe_engine(checkpoint, name, EngineSpec(PLAN, device=DEVICES.get(name, 'cpu'), precision='fp32'))
    results = []
    for _ in range(2):
        with engine:
            results.append(engine.infer(pictures[:1]).copy())
        assert engine.is_built
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ('name', 'options', 'says'),
    [
        ('tensorflow', {}, ['tensorflow', 'torch', 'onnxruntime']),
        ('torch', {'device': 'tpu'}, ['tpu', 'cpu']),
        ('torch', {'precision': 'fp64'}, ['fp64', 'fp32', 'bf16']),
        ('torch', {'device': 'cpu', 'precision': 'fp16'}, ['fp16', 'bf16']),
        ('onnxruntime', {'device': 'cuda'}, ['cuda', 'torch']),
        ('onnxruntime', {'precision': 'fp16'}, ['fp16', 'fp32']),
        ('openvino', {'device': 'cuda'}, ['cuda', 'cpu', 'torch']),
        ('openvino', {'precision': 'int8'}, ['int8', 'dav2 export --int8']),
        pytest.param(
            'tensorrt', {'precision': 'int8'}, ['int8', '--calibrate'],
            marks=pytest.mark.skipif(not (find_spec('tensorrt') and torch.cuda.is_available()), reason='no TensorRT'),
        ),
        pytest.param(
            'torch', {'device': 'cuda'}, ['cuda', 'cpu'],
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU: cuda is not refused'),
        ),
        pytest.param(
            'torch', {'device': 'cuda:1'}, ['cuda:1', 'cpu'],
            marks=pytest.mark.skipif(torch.cuda.device_count() > 1, reason='there are two GPUs: cuda:1 is not refused'),
        ),
    ],
)  # fmt: skip
def test_refuses_in_one_sentence_that_names_the_value_and_the_remedy(checkpoint, name, options, says):
    with pytest.raises(EngineError) as refusal:
        describe_engine(checkpoint, name, EngineSpec(PLAN, **options))
    assert_is_a_sentence(str(refusal.value), says)


@pytest.mark.parametrize('name', ENGINES)
def test_an_engine_that_is_not_installed_says_what_to_install(checkpoint, monkeypatch, name):
    describe_engine(checkpoint, 'torch', EngineSpec(PLAN, device='cpu'))  # their modules' imports are done
    monkeypatch.setitem(sys.modules, name, None)  # Python's own way to say: not installed
    with pytest.raises(EngineError) as refusal:
        describe_engine(checkpoint, name, EngineSpec(PLAN))
    assert_is_a_sentence(str(refusal.value), ['pip install', 'choose engine'])


def assert_is_a_sentence(text: str, says: list[str]) -> None:
    assert text[0].isupper() and text.endswith('.') and '\n' not in text
    for word in says:
        assert word in text


SIGNALLED = """
import os, signal, sys
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import EngineSpec
from dav2_ros.engines.export.quantise import quantise
from dav2_ros.models import checkpoints
from dav2_ros.image.resize import ResizePlan
import numpy as np
signal.signal(signal.SIGUSR1, lambda *_: print('a signal was handled'))
checkpoint, plan = checkpoints.load(sys.argv[1]), ResizePlan.lower_bound(42, 56, 42)
one = describe_engine(checkpoint, 'openvino', EngineSpec(plan))
two = describe_engine(checkpoint, 'openvino', EngineSpec(plan))
with one, two:
    pass
del one
del two
quantise(checkpoint, plan, [np.zeros((42, 56, 3), np.uint8)])
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.mark.skipif(not find_spec('nncf'), reason='nncf is not installed (pip: the extra quantise)')
def test_signals_are_handled_after_openvino_s_engines_are_gone(tmp_path):
    """In whatever order they go: a core that restores a signal stack which another has freed ends the process."""
    model = tmp_path / f'{random_model(tmp_path).info.name}.safetensors'
    environment = os.environ | {'DAV2_CACHE': str(tmp_path / 'cache')}
    done = subprocess.run([sys.executable, '-c', SIGNALLED, model], env=environment, capture_output=True, text=True)
    assert (done.returncode, 'a signal was handled' in done.stdout) == (0, True), done.stderr[-2000:]


EXPORT = """
import sys
from dav2_ros.engines.export.export import network_onnx
from dav2_ros.models import checkpoints
from dav2_ros.image.resize import ResizePlan
print(network_onnx(checkpoints.load(sys.argv[1]), ResizePlan.lower_bound(42, 56, 42)))
"""


class TestOnnxCache:
    """The file is whole or absent; what is there is used."""

    pytestmark = pytest.mark.skipif(not find_spec('onnxscript'), reason='onnxscript is not installed: nothing exports')

    @pytest.fixture
    def export(self, tmp_path, monkeypatch):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
        model = tmp_path / f'{random_model(tmp_path).info.name}.safetensors'
        command = [sys.executable, '-c', EXPORT, str(model)]
        return lambda: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def test_killed_in_the_middle_it_leaves_no_entry_and_the_next_run_makes_it(self, tmp_path, export):
        cache = tmp_path / 'cache'
        process = export()
        end = time.monotonic() + 120
        while time.monotonic() < end and not (cache.is_dir() and os.listdir(cache)):  # the folder it works in
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL  # it had not finished
        assert list(cache.glob('[!.]*')) == []
        again = export()
        printed, _ = again.communicate(timeout=120)
        assert again.returncode == 0
        assert Path(printed.strip()).is_file()
        assert list(cache.glob('[!.]*')) == [Path(printed.strip()).parent]

    def test_is_made_once_for_each_shape_and_each_weights(self, tmp_path, monkeypatch):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
        one, other = random_model(tmp_path), random_model(tmp_path, spread=2.0)  # the same name
        wide, tall = ResizePlan.lower_bound(42, 56, 42), ResizePlan.lower_bound(56, 42, 42)
        path = network_onnx(one, wide)
        made_ns = path.stat().st_mtime_ns
        assert network_onnx(one, wide) == path and path.stat().st_mtime_ns == made_ns
        assert len({path, network_onnx(one, tall), network_onnx(other, wide)}) == 3
        assert len(list((tmp_path / 'cache').iterdir())) == 3  # nothing is left beside them
