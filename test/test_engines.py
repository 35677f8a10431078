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

import numpy as np
import pytest
import torch
from random_weights import random_model

from dav2_ros.engines import ENGINES
from dav2_ros.engines.build import open_engine
from dav2_ros.engines.engine import Engine, EngineError
from dav2_ros.models import checkpoints

HEIGHT, WIDTH = 56, 70
# Of the largest depth. fp32 differs by the order of sums; bf16 has 8 bits of mantissa through 8 blocks.
TOLERANCES = {'fp32': 1e-5, 'bf16': 0.05}
ON_CPU = [('torch', 'fp32'), ('torch', 'bf16'), ('onnxruntime', 'fp32')]


@pytest.fixture(scope='module', autouse=True)
def one_thread_and_a_cache_of_our_own(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'))


@pytest.fixture(scope='module')
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 3, HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture(scope='module')
def reference_m(checkpoint, images) -> np.ndarray:
    """The network itself, none of the engines' preparations."""
    with torch.inference_mode():
        return checkpoints.build(checkpoint)(torch.from_numpy(images)).numpy()


@pytest.fixture(scope='module', params=ON_CPU, ids='-'.join)
def engine(request, checkpoint):
    name, precision = request.param
    if not find_spec(name):
        pytest.skip(f'{name} is not installed')
    with open_engine(checkpoint, name, height=HEIGHT, width=WIDTH, device='cpu', precision=precision) as engine:
        yield engine


def test_every_engine_is_tried():
    assert {name for name, _ in ON_CPU} == set(ENGINES)


def test_an_engine_says_what_it_is(engine):
    assert isinstance(engine, Engine)
    assert engine.name in ENGINES
    assert (engine.device, engine.height, engine.width) == ('cpu', HEIGHT, WIDTH)
    assert engine.precision in TOLERANCES


def test_agrees_with_the_network_in_fp32(engine, images, reference_m):
    depth_m = engine.infer(images)
    assert depth_m.shape == reference_m.shape and depth_m.dtype == np.float32
    assert np.abs(depth_m - reference_m).max() <= TOLERANCES[engine.precision] * reference_m.max()


def test_the_same_picture_gives_the_same_bits(engine, images):
    first = engine.infer(images[:1]).copy()
    engine.infer(images[1:2])
    assert np.array_equal(engine.infer(images[:1]), first)


def test_a_batch_is_its_pictures_one_by_one(engine, images):
    together = engine.infer(images).copy()
    singles = np.concatenate([engine.infer(image[None]).copy() for image in images])
    np.testing.assert_allclose(together, singles, atol=TOLERANCES[engine.precision] * singles.max(), rtol=0)


def test_does_not_write_into_its_input(engine, images):
    before = images.copy()
    engine.infer(images)
    assert np.array_equal(images, before)


@pytest.mark.parametrize('name', ENGINES)
def test_closed_and_opened_again_it_is_the_same_engine(checkpoint, images, name):
    if not find_spec(name):
        pytest.skip(f'{name} is not installed')
    engine = open_engine(checkpoint, name, height=HEIGHT, width=WIDTH, device='cpu', precision='fp32')
    results = []
    for _ in range(2):
        with engine:
            results.append(engine.infer(images[:1]).copy())
    assert np.array_equal(*results)


def test_auto_is_an_engine_that_is_installed(checkpoint):
    engine = open_engine(checkpoint, height=HEIGHT, width=WIDTH)
    assert engine.name in ENGINES
    assert find_spec(engine.name)


@pytest.mark.parametrize(
    ('name', 'options', 'says'),
    [
        ('tensorflow', {}, ['tensorflow', 'torch', 'onnxruntime']),
        ('torch', {'device': 'tpu'}, ['tpu', 'cpu']),
        ('torch', {'precision': 'fp64'}, ['fp64', 'fp32', 'bf16']),
        ('torch', {'device': 'cpu', 'precision': 'fp16'}, ['fp16', 'bf16']),
        ('onnxruntime', {'device': 'cuda'}, ['cuda', 'torch']),
        ('onnxruntime', {'precision': 'fp16'}, ['fp16', 'fp32']),
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
        open_engine(checkpoint, name, height=HEIGHT, width=WIDTH, **options)
    assert_is_a_sentence(str(refusal.value), says)


@pytest.mark.parametrize('name', ENGINES)
def test_an_engine_that_is_not_installed_says_what_to_install(checkpoint, monkeypatch, name):
    open_engine(checkpoint, 'torch', height=HEIGHT, width=WIDTH)  # whatever an engine's module imports is imported
    monkeypatch.setitem(sys.modules, name, None)  # Python's own way to say: not installed
    with pytest.raises(EngineError) as refusal:
        open_engine(checkpoint, name, height=HEIGHT, width=WIDTH)
    assert_is_a_sentence(str(refusal.value), ['pip install', 'choose engine'])


def assert_is_a_sentence(text: str, says: list[str]) -> None:
    assert text[0].isupper() and text.endswith('.') and '\n' not in text
    for word in says:
        assert word in text


EXPORT = """
import sys
from dav2_ros.engines.export import cached_onnx
from dav2_ros.models import checkpoints
print(cached_onnx(checkpoints.load(sys.argv[1]), 42, 56))
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

    def test_killed_in_the_middle_it_leaves_no_file_and_the_next_run_makes_it(self, tmp_path, export):
        cache = tmp_path / 'cache'
        process = export()
        end = time.monotonic() + 120
        while time.monotonic() < end and not (cache.is_dir() and os.listdir(cache)):  # the folder it works in
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL  # it had not finished
        assert list(cache.glob('*.onnx')) == []
        again = export()
        printed, _ = again.communicate(timeout=120)
        assert again.returncode == 0
        assert Path(printed.strip()).is_file()
        assert list(cache.glob('*.onnx')) == [Path(printed.strip())]

    def test_is_made_once_for_each_shape_and_each_weights(self, tmp_path, monkeypatch):
        from dav2_ros.engines.export import cached_onnx

        monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
        one, other = random_model(tmp_path), random_model(tmp_path, spread=2.0)  # the same name
        path = cached_onnx(one, 42, 56)
        made_ns = path.stat().st_mtime_ns
        assert cached_onnx(one, 42, 56) == path and path.stat().st_mtime_ns == made_ns
        assert len({path, cached_onnx(one, 56, 42), cached_onnx(other, 42, 56)}) == 3
        assert len(list((tmp_path / 'cache').iterdir())) == 3  # nothing is left beside them
