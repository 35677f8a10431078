# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 export`: a file that says what it is and computes what the estimator computes, or an engine that is proved."""

from __future__ import annotations

import math
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.bags import DEMO_BAG
from dav2_ros.camera import Camera
from dav2_ros.commands.app import main
from dav2_ros.commands.calibration_pictures import samples
from dav2_ros.engines import cache
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.quantise import find_quantised, quantise
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.image.resize import ResizePlan
from dav2_ros.media.images import MediaError
from dav2_ros.models import checkpoints

onnxruntime = pytest.importorskip('onnxruntime', reason='ONNX Runtime is not installed (pip: the extra onnx)')
pytest.importorskip('onnxscript', reason='onnxscript is not installed (pip: the extra onnx)')
WIDTH, HEIGHT = 80, 60


def dav2(monkeypatch, *args: object) -> None:
    monkeypatch.setattr(sys, 'argv', ['dav2', *map(str, args)])
    with pytest.raises(SystemExit) as end:
        main()
    if end.value.code:
        raise end.value


@pytest.fixture(scope='module')
def rgb() -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (6, 8, 3))
    return np.clip(cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


class TestOnnx:
    def export(self, monkeypatch, model: Path, out: Path, *args: object) -> onnxruntime.InferenceSession:
        common = ('--engine', 'onnx', '--model', model, '--size', 42, '--frame', f'{WIDTH}x{HEIGHT}', '--out', out)
        dav2(monkeypatch, 'export', *common, *args)
        assert [path.name for path in out.parent.iterdir()] == [out.name]  # whole, and nothing beside it
        return onnxruntime.InferenceSession(str(out), providers=['CPUExecutionProvider'])

    def test_its_depth_is_the_estimator_s_and_its_metadata_say_how(self, monkeypatch, tmp_path, random_model, rgb):
        session = self.export(monkeypatch, random_model, tmp_path / 'deep' / 'file.onnx')
        given, found = session.get_inputs()[0], session.get_outputs()[0]
        assert (given.name, given.type, given.shape) == ('picture', 'tensor(uint8)', [1, HEIGHT, WIDTH, 3])
        assert (found.name, found.type, found.shape) == ('depth', 'tensor(float)', [1, HEIGHT, WIDTH])
        facts = session.get_modelmeta().custom_metadata_map
        factor = float(re.search(r'multiplied by ([\d.e-]+) \* sqrt\(fx \* fy\)', facts['depth'])[1])
        camera = Camera(WIDTH, HEIGHT, 90.0, 80.0, 39.5, 29.5)
        with DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32', size=42) as estimator:
            wanted_m = estimator.estimate(Frame(rgb, camera))[0].z_m
        z_m = session.run(None, {'picture': rgb[None]})[0][0] * factor * math.sqrt(90.0 * 80.0)
        near = np.isfinite(wanted_m)
        assert near.mean() > 0.5
        np.testing.assert_allclose(z_m[near], wanted_m[near], rtol=1e-4)

    def test_says_whose_weights_it_holds(self, monkeypatch, tmp_path, random_model):
        facts = self.export(monkeypatch, random_model, tmp_path / 'new' / 'a.onnx').get_modelmeta().custom_metadata_map
        checkpoint = checkpoints.load(random_model)
        info = checkpoint.info
        assert facts['weights_sha256'] == checkpoint.sha256
        assert (facts['model'], facts['license'], facts['kind']) == (info.name, info.license, 'metric')
        assert (float(facts['max_depth_m']), float(facts['f_train_px'])) == (info.max_depth_m, info.f_train_px)
        assert facts['picture'] == f'uint8 RGB (1, {HEIGHT}, {WIDTH}, 3)'

    def test_in_fp16_on_the_network_s_grid_two_at_a_time(self, monkeypatch, tmp_path, random_model, rgb):
        options = ('--precision', 'fp16', '--output', 'network', '--batch', 2)
        session = self.export(monkeypatch, random_model, tmp_path / 'new' / 'half.onnx', *options)
        plan = ResizePlan.lower_bound(HEIGHT, WIDTH, 42)
        pictures = np.stack([rgb, rgb[:, ::-1]])
        spec = EngineSpec(plan, 'cpu', 'fp32', 'network', 2)
        with describe_engine(checkpoints.load(random_model), 'torch', spec) as engine:
            wanted_m = engine.infer(pictures)
        depth_m = session.run(None, {'picture': pictures})[0]
        assert depth_m.shape == (2, plan.net_height, plan.net_width) and depth_m.dtype == np.float32
        assert np.abs(depth_m - wanted_m).max() < 0.01 * wanted_m.max()


REFUSED = [
    ('--engine tensorflow', ['tensorflow', 'onnx', 'openvino']),
    ('--engine torch', ['torch', 'onnx', 'openvino']),
    ('--engine onnx --int8 --size 28', ['int8', '--calibrate', '--frame 640x480']),
    ('--engine onnx --precision bf16', ['bf16', 'fp32', 'fp16']),
    ('--engine openvino --int8 --precision fp32', ['fp32', '--int8']),
    ('--engine openvino --calibrate pictures', ['--calibrate', '--int8']),
    ('--engine onnx --int8 --calibrate nowhere', ['nowhere', 'pictures']),
    ('--engine openvino --out here', ['--out here', 'cache']),
    ('--engine openvino --precision int8 --size 28', ['int8', '--calibrate']),
    ('--engine openvino --int8 --calibrate nowhere', ['nowhere', 'pictures']),
    ('--engine onnx --model nothing', ['nothing']),
]


@pytest.mark.parametrize(('options', 'says'), REFUSED, ids=[options for options, _ in REFUSED])
def test_refuses_in_one_sentence(monkeypatch, options, says):
    if 'openvino' in options:
        pytest.importorskip('openvino', reason='OpenVINO is not installed (pip: the extra openvino)')
    with pytest.raises(SystemExit) as end:
        dav2(monkeypatch, 'export', *options.split())
    text = str(end.value.code)
    assert text.startswith('dav2: ') and text.endswith('.') and '\n' not in text
    assert all(word in text for word in says)


def test_without_tensorrt_nothing_is_calibrated_for_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)  # Python's own way to say: not installed
    with pytest.raises(SystemExit) as end:
        dav2(monkeypatch, 'export', '--engine', 'tensorrt', '--int8', '--calibrate', 'nowhere')
    assert re.match(r'dav2: The tensorrt engine needs TensorRT 10: .*pip install tensorrt.*\.$', str(end.value.code))


class TestSamples:
    """Pictures of a recording or a folder, evenly spread."""

    def test_of_a_folder_in_the_order_of_their_names(self, tmp_path):
        for i in range(10):
            cv2.imwrite(str(tmp_path / f'{i}.png'), np.full((4, 6, 3), i, np.uint8))
        (tmp_path / 'notes.txt').write_text('no picture')
        assert [int(picture.max()) for picture in samples(tmp_path, 4)] == [0, 3, 6, 9]
        assert len(samples(tmp_path, 100)) == 10

    def test_of_a_recording(self):
        pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
        found = samples(DEMO_BAG, 3)
        assert len(found) == 3 and found[0].ndim == 3 and found[0].dtype == np.uint8
        assert not np.array_equal(found[0], found[2])

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(MediaError, match='no pictures'):
            samples(tmp_path, 4)


@pytest.fixture(scope='module')
def checkpoint(random_model):
    return checkpoints.load(random_model)


@pytest.fixture(scope='module')
def quantised(checkpoint, rgb):
    return quantise(checkpoint, TestInt8.PLAN, [rgb, rgb[::-1, ::-1], rgb[:, ::-1][:40]])


@pytest.mark.skipif(not find_spec('nncf') or not find_spec('openvino'), reason='NNCF is not installed')
class TestInt8:
    PLAN = ResizePlan.lower_bound(HEIGHT, WIDTH, 42)

    def test_is_near_fp32_and_is_int8(self, checkpoint, quantised, rgb):
        depths_m = {}
        for name, precision in (('torch', 'fp32'), ('openvino', 'int8')):
            with describe_engine(checkpoint, name, EngineSpec(self.PLAN, 'cpu', precision)) as engine:
                depths_m[precision] = engine.infer(rgb[None]).copy()
        error = np.abs(depths_m['int8'] / depths_m['fp32'] - 1)
        assert 1e-5 < np.median(error) < 0.1  # not exact: it was quantised
        weights = quantised.graph.with_suffix('.bin').stat().st_size
        assert weights < 0.4 * 4 * sum(tensor.numel() for tensor in checkpoint.state_dict.values())

    def test_is_made_once_for_the_same_pictures(self, checkpoint, quantised, rgb):
        made_ns = quantised.graph.stat().st_mtime_ns
        again = quantise(checkpoint, self.PLAN, [rgb, rgb[::-1, ::-1], rgb[:, ::-1][:40]])
        assert again == quantised == find_quantised(checkpoint, self.PLAN)
        assert again.graph.stat().st_mtime_ns == made_ns

    def test_is_not_found_for_another_shape_nor_once_it_is_damaged(self, checkpoint, quantised):
        with pytest.raises(EngineError, match='dav2 export --int8 --calibrate'):
            find_quantised(checkpoint, ResizePlan.lower_bound(WIDTH, HEIGHT, 42))
        content = quantised.graph.read_bytes()
        try:
            quantised.graph.write_bytes(content[:-1])
            with pytest.raises(EngineError, match='dav2 export --int8 --calibrate'):
                find_quantised(checkpoint, self.PLAN)
        finally:
            quantised.graph.write_bytes(content)
        assert find_quantised(checkpoint, self.PLAN) == quantised

    def test_nothing_is_left_where_quantising_fails(self, monkeypatch, checkpoint, rgb):
        def fails(picture, plan):
            raise OSError('the disk is full')

        monkeypatch.setattr('dav2_ros.engines.export.quantise._image', fails)
        before = [folder for folder, _ in cache.entries()]
        with pytest.raises(OSError, match='the disk is full'):
            quantise(checkpoint, self.PLAN, [rgb[:30]])
        assert [folder for folder, _ in cache.entries() if '-quantised-' in folder.name] == [
            folder for folder in before if '-quantised-' in folder.name
        ]
