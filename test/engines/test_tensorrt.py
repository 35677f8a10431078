# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of TensorRT's engine needs no TensorRT: keys, progress, the graph it is given. test_engines.py has the rest."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from random_weights import random_model

from dav2_ros.engines import cache
from dav2_ros.engines.backends.build_progress import EVERY_S, BuildProgress
from dav2_ros.engines.backends.device_memory import gpu_index, gpu_name
from dav2_ros.engines.backends.factory import describe_engine
from dav2_ros.engines.backends.onnxruntime_cuda_engine import BoundSession
from dav2_ros.engines.backends.tensorrt_build import PLAN as PLAN_FILE
from dav2_ros.engines.backends.tensorrt_build import obtain_plan, plan_key, timings_key
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.end_to_end import PictureToDepth
from dav2_ros.engines.export.graphs import export_whole
from dav2_ros.engines.export.quantise import QuantisedModel
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints

PLAN = ResizePlan.lower_bound(60, 90, 28)  # 28x42 for the network
SPEC = EngineSpec(PLAN, device='cpu', batch=2)


pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'))


@pytest.fixture(scope='module')
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 60, 90, 3), dtype=np.uint8)


@pytest.fixture(scope='module')
def reference_m(checkpoint, pictures) -> np.ndarray:
    with describe_engine(checkpoint, 'torch', replace(SPEC, precision='fp32')) as engine:
        return engine.infer(pictures).copy()


@pytest.fixture(scope='module', params=['fp32', 'fp16'])
def onnx_file(request, checkpoint, tmp_path_factory):
    pytest.importorskip('onnxscript', reason='onnxscript is not installed: nothing exports')
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    export_whole(checkpoint, SPEC, path, request.param)
    return path, request.param


class TestKeys:
    def test_a_plan_serves_one_release_on_one_gpu_for_one_camera_in_one_precision(self, checkpoint, tmp_path):
        def key(checkpoint=checkpoint, spec=SPEC, precision='fp16', version='10.3.0', gpu='Orin (compute 8.7)', **more):
            return plan_key(checkpoint, spec, precision, version, gpu, **more)

        other_size = ResizePlan(PLAN.height, PLAN.width, PLAN.net_height + 14, PLAN.net_width)
        others = [
            key(checkpoint=random_model(tmp_path, spread=2.0)),
            key(spec=replace(SPEC, plan=other_size)),
            key(spec=replace(SPEC, plan=replace(PLAN, width=PLAN.width + 1))),
            key(spec=replace(SPEC, output='network')),
            key(spec=replace(SPEC, batch=1)),
            key(precision='fp32'),
            key(version='10.7.0'),
            key(gpu='Orin (compute 8.9)'),
            key(precision='int8', calibration='these pictures'),
            key(precision='int8', calibration='those pictures'),
        ]
        assert key() == key()
        assert len({each.name for each in [key(), *others]}) == 1 + len(others)

    def test_int8_opens_the_plan_of_its_own_calibration(self, checkpoint, tmp_path, monkeypatch):
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path))
        for seen in ('these', 'those'):
            key = plan_key(checkpoint, SPEC, 'int8', '10.3.0', 'Orin', seen)
            cache.obtain(key, lambda made, seen=seen: (made / PLAN_FILE).write_text(seen))
        trt = SimpleNamespace(__version__='10.3.0')
        for seen in ('these', 'those'):
            quantised = QuantisedModel(tmp_path / 'model.onnx', seen)
            path = obtain_plan(trt, checkpoint, SPEC, 'int8', 'Orin', lambda text: None, quantised)
            assert path.read_text() == seen

    def test_what_was_measured_serves_every_plan_of_a_release_on_a_gpu(self):
        names = {timings_key(*each).name for each in [('10.3.0', 'Orin'), ('10.7.0', 'Orin'), ('10.3.0', 'H200')]}
        assert len(names) == 3


class TestProgress:
    """One sentence a second, which holds every phase under way; a listener that raises stops the build."""

    def a_build(self, progress: BuildProgress, tick) -> list[bool]:
        """Do what a builder does: phases within phases, one of which ends early."""
        answers = []
        progress.phase_start('Building', None, 3)
        for step in range(3):
            progress.phase_start('Timing', 'Building', 10)
            for inner in range(10 if step else 4):
                tick()
                answers.append(progress.step_complete('Timing', inner))
            progress.phase_finish('Timing')
            answers.append(progress.step_complete('Building', step))
        progress.phase_finish('Building')
        return answers

    def test_it_speaks_now_and_then_and_names_what_is_under_way(self):
        now_s, heard = [0.0], []

        def say(text):
            heard.append((now_s[0], text))

        def tick():
            now_s[0] += 0.3

        answers = self.a_build(BuildProgress('TensorRT', say, lambda: now_s[0]), tick)
        assert all(answers)
        times_s, texts = zip(*heard)
        assert (np.diff(times_s) >= EVERY_S).all()
        assert len(texts) >= now_s[0] / (EVERY_S + 0.3)
        assert texts[0] == 'TensorRT: Building 0 of 3.'
        assert all(text.startswith('TensorRT: Building') and text.endswith('.') for text in texts)
        assert 'TensorRT: Building 1 of 3, Timing ' in ' '.join(texts)

    def test_a_listener_that_raises_stops_the_build_and_is_not_called_again(self):
        calls = []

        def say(text):
            calls.append(text)
            raise KeyError('enough')

        progress = BuildProgress('TensorRT', say, lambda: float(len(calls)) * 1e3)
        assert self.a_build(progress, lambda: None) and len(calls) == 1
        assert isinstance(progress.stopped, KeyError)
        assert progress.step_complete('any', 0) is False

    def test_it_may_be_called_from_several_threads(self):
        progress = BuildProgress('TensorRT', lambda text: None, iter(range(10**9)).__next__)
        progress.phase_start('Building', None, 400)
        errors = []

        def work(name):
            try:
                for _ in range(100):
                    progress.phase_start(name, 'Building', 2)
                    progress.step_complete(name, 0)
                    progress.phase_finish(name)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(f'phase {k}',)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors and progress.stopped is None


class TestDevices:
    @pytest.mark.parametrize(('device', 'index'), [('auto', 0), ('cuda', 0), ('cuda:0', 0), ('cuda:3', 3)])
    def test_a_device_is_a_number(self, device, index):
        assert gpu_index(device) == index

    @pytest.mark.parametrize('device', ['cpu', 'gpu', 'cuda:one', 'cuda:-1', 'cudaa'])
    def test_others_are_refused(self, device):
        with pytest.raises(EngineError, match=f'{device}.*choose device auto or cuda'):
            gpu_index(device)

    def test_without_cuda_bindings_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'cuda.bindings', None)
        with pytest.raises(EngineError, match=r'^The tensorrt engine needs .*pip install.*choose engine torch\.$'):
            gpu_name(0)


class TestGraph:
    """What TensorRT and ONNX Runtime's CUDA are given, run where every machine can: on a CPU."""

    def test_bytes_are_cast_before_anything_else_shapes_are_fixed_and_attention_is_written_out(self, onnx_file):
        import onnx

        graph = onnx.load(onnx_file[0]).graph
        (given,), (found,) = graph.input, graph.output
        assert (given.name, found.name) == ('picture', 'depth')
        assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [2, 60, 90, 3]
        assert [d.dim_value for d in found.type.tensor_type.shape.dim] == [2, 60, 90]
        assert found.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert {node.op_type for node in graph.node if 'picture' in node.input} == {'Cast'}
        assert {node.domain for node in graph.node} == {''} and 'Softmax' in {node.op_type for node in graph.node}
        assert not [node.op_type for node in graph.node if 'Attention' in node.op_type]

    def test_in_fp16_the_network_is_and_the_resizing_is_not(self, onnx_file):
        import onnx

        path, precision = onnx_file
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
        types |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        wide = onnx.TensorProto.FLOAT16 if precision == 'fp16' else onnx.TensorProto.FLOAT
        assert {types[node.input[0]] for node in model.graph.node if node.op_type == 'Conv'} == {wide}
        cubic = [n for n in model.graph.node if n.op_type == 'Resize' and b'cubic' in [a.s for a in n.attribute]]
        assert [types[node.input[0]] for node in cubic] == [onnx.TensorProto.FLOAT]

    def test_between_fixed_buffers_it_gives_the_depth_of_the_reference(self, onnx_file, pictures, reference_m):
        pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
        path, precision = onnx_file
        bound = BoundSession(path, SPEC, ('CPUExecutionProvider', {}), 'cpu', 0)
        tolerance = {'fp32': 1e-4, 'fp16': 0.01}[precision] * reference_m.max()
        first = bound(pictures)
        np.testing.assert_allclose(first, reference_m, atol=tolerance, rtol=0)
        kept = first.copy()
        np.testing.assert_allclose(bound(pictures[1:]), reference_m[1:], atol=tolerance, rtol=0)
        assert np.array_equal(first, kept), 'the next call wrote into the last result'


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 1e-4), (torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_the_graph_of_a_gpu_in_every_precision_on_a_cpu(checkpoint, pictures, reference_m, dtype, tolerance):
    graph = PictureToDepth(checkpoints.build(checkpoint), PLAN, SPEC.out_shape, dtype)
    graph = graph.to('cpu', memory_format=torch.channels_last).eval()
    with torch.inference_mode():
        found_m = graph(torch.from_numpy(pictures))
    assert found_m.dtype == torch.float32
    np.testing.assert_allclose(found_m.numpy(), reference_m, atol=tolerance * reference_m.max(), rtol=0)
