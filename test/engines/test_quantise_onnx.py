# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""int8 as an ONNX file: near fp32, in the operators that TensorRT takes, and nothing in int8 that shall not be."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from dav2_ros.commands.app import main
from dav2_ros.commands.calibration_pictures import samples
from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.quantise import digest_of
from dav2_ros.engines.export.quantise_onnx import _batches, find_quantised_onnx, quantise_onnx
from dav2_ros.engines.selection.accuracy_gate import FLOOR, TOLERANCES, compare
from dav2_ros.engines.selection.reference import gate_pictures, reference
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED

for name in ('nncf', 'onnxscript', 'onnxruntime'):
    if not find_spec(name):
        pytest.skip(f'{name} is not installed (pip: the extra quantise)', allow_module_level=True)

HEIGHT, WIDTH = 120, 160
SPEC = EngineSpec(ResizePlan.lower_bound(HEIGHT, WIDTH, 112))


@pytest.fixture(scope='module')
def checkpoint():
    return checkpoints.load(BUNDLED)


@pytest.fixture(scope='module')
def calibration() -> list[np.ndarray]:
    """Pictures of other shapes than the camera's: upside down, and from their middle."""
    pictures = gate_pictures(180, 240)
    return [*pictures[:, ::-1], pictures[0, 40:140, 50:200]]


@pytest.fixture(scope='module')
def quantised(checkpoint, calibration):
    return quantise_onnx(checkpoint, SPEC, calibration)


@pytest.fixture(scope='module')
def graph(quantised):
    import onnx

    return onnx.load(quantised.graph).graph


def run(path, pictures: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return np.concatenate([session.run(None, {'picture': picture[None]})[0] for picture in pictures])


class TestDepth:
    def test_it_passes_the_gate_s_tolerance_and_is_not_exact(self, checkpoint, quantised):
        found_m = run(quantised.graph, gate_pictures(HEIGHT, WIDTH))
        true_m = np.stack([SPEC.plan.undo(depth_m) for depth_m in reference(checkpoint, SPEC.plan)])
        measured = compare(found_m, true_m, checkpoint.info.max_depth_m, FLOOR['metric'])
        assert 1e-4 < measured.p50 < TOLERANCES['int8'].p50
        assert measured.p99 < TOLERANCES['int8'].p99
        assert measured.monotone(TOLERANCES['int8'].p50)

    def test_most_of_it_is_bytes(self, checkpoint, quantised):
        floats = 4 * sum(tensor.numel() for tensor in checkpoint.state_dict.values())
        assert quantised.graph.stat().st_size < 0.4 * floats


class TestForTensorRt:
    """What it takes: bytes with a sign and around 0, one scale for activations, one per output channel for weights."""

    def constants(self, graph) -> dict[str, np.ndarray]:
        from onnx import numpy_helper

        return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def test_zero_points_are_0_and_scales_are_float32(self, graph):
        constants = self.constants(graph)
        nodes = [node for node in graph.node if node.op_type in ('QuantizeLinear', 'DequantizeLinear')]
        assert {node.op_type for node in nodes} == {'QuantizeLinear', 'DequantizeLinear'}
        for node in nodes:
            scale, zero = (constants[name] for name in node.input[1:])
            assert zero.dtype == np.int8 and not zero.any() and zero.shape == scale.shape
            assert scale.dtype == np.float32 and (scale > 0).all()

    def test_weights_have_a_scale_per_channel_and_activations_one(self, graph):
        constants = self.constants(graph)
        weights = [node for node in graph.node if node.op_type == 'DequantizeLinear' and node.input[0] in constants]
        assert len(weights) > 40
        for node in weights:
            values, scale = constants[node.input[0]], constants[node.input[1]]
            (axis,) = (attribute.i for attribute in node.attribute if attribute.name == 'axis')
            assert values.dtype == np.int8 and values.min() >= -127
            assert axis == (values.ndim - 1 if values.ndim == 2 else 0)  # of a product, of a convolution
            assert scale.shape == (values.shape[axis],)
        activations = [node for node in graph.node if node.op_type == 'QuantizeLinear']
        assert all(constants[node.input[1]].shape == () for node in activations)

    def test_products_are_int8_and_what_shall_stay_in_floats_does(self, graph):
        constants = self.constants(graph)
        made_by = {name: node.op_type for node in graph.node for name in node.output}
        is_quantised = lambda node: 'DequantizeLinear' in [made_by.get(name) for name in node.input]  # noqa: E731
        convolutions = [node for node in graph.node if node.op_type == 'Conv']
        assert [not is_quantised(node) for node in convolutions] == [
            k in (0, *range(len(convolutions) - 3, len(convolutions))) for k in range(len(convolutions))
        ]
        for kind in ('Resize', 'ConvTranspose', 'Softmax', 'LayerNormalization', 'Sigmoid'):
            found = [node for node in graph.node if node.op_type == kind]
            assert found and not [node for node in found if is_quantised(node)], kind
        assert not [node for node in graph.node if node.op_type == 'MatMul' and set(node.input) & constants.keys()]

    def test_bytes_are_cast_before_anything_else(self, graph):
        assert {node.op_type for node in graph.node if 'picture' in node.input} == {'Cast'}


class TestCache:
    def test_the_latest_is_found_for_its_spec_only(self, checkpoint, calibration, quantised):
        assert find_quantised_onnx(checkpoint, SPEC) == quantised
        assert quantised.calibration == digest_of(calibration)
        assert find_quantised_onnx(checkpoint, replace(SPEC, device='cuda:1', precision='int8')) == quantised
        for other in (
            replace(SPEC, batch=2),
            replace(SPEC, output='network'),
            replace(SPEC, plan=replace(SPEC.plan, width=WIDTH + 2)),
            replace(SPEC, plan=replace(SPEC.plan, net_width=SPEC.plan.net_width + 14)),
        ):
            with pytest.raises(EngineError, match=r'no int8 file of .*--calibrate .*, or choose another precision'):
                find_quantised_onnx(checkpoint, other)

    def test_the_sentence_gives_the_options_that_make_it(self, checkpoint):
        with pytest.raises(EngineError, match='--frame 160x120 --output network --batch 3`'):
            find_quantised_onnx(checkpoint, replace(SPEC, output='network', batch=3))

    def test_it_is_made_once_for_the_same_pictures(self, checkpoint, calibration, quantised):
        made_ns = quantised.graph.stat().st_mtime_ns
        assert quantise_onnx(checkpoint, SPEC, calibration) == quantised
        assert quantised.graph.stat().st_mtime_ns == made_ns

    def test_building_anew_leaves_it_since_its_pictures_may_be_gone(self, checkpoint, quantised):
        cache.remove_built(checkpoint.sha256, (SPEC.plan.net_height, SPEC.plan.net_width))
        assert find_quantised_onnx(checkpoint, SPEC) == quantised


@pytest.mark.parametrize(('count', 'batch'), [(5, 1), (5, 2), (4, 2), (1, 3)])
def test_every_picture_is_seen_in_batches_of_the_engine_s_size(count, batch):
    pictures = [np.full((4, 6, 3), k, np.uint8) for k in range(count)]
    found = _batches(pictures, EngineSpec(ResizePlan.lower_bound(28, 42, 28), batch=batch))
    assert {each.shape for each in found} == {(batch, 28, 42, 3)}
    assert {int(picture.min()) for each in found for picture in each} == set(range(count))


def test_the_command_writes_it_two_at_a_time_with_what_it_is(monkeypatch, tmp_path, random_model):
    import onnxruntime

    (tmp_path / 'seen').mkdir()
    for k, picture in enumerate(gate_pictures(60, 80)):
        cv2.imwrite(str(tmp_path / 'seen' / f'{k}.png'), picture)
    out = tmp_path / 'new' / 'model.onnx'
    options = ['--engine', 'onnx', '--int8', '--calibrate', tmp_path / 'seen', '--out', out, '--batch', 2]
    common = ['dav2', 'export', '--model', random_model, '--size', 42, '--frame', '80x60']
    monkeypatch.setattr(sys, 'argv', [str(each) for each in [*common, *options]])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    session = onnxruntime.InferenceSession(str(out), providers=['CPUExecutionProvider'])
    facts = session.get_modelmeta().custom_metadata_map
    assert facts['precision'] == 'int8' and facts['calibration_sha256'] == digest_of(samples(tmp_path / 'seen', 32))
    checkpoint, spec = checkpoints.load(random_model), EngineSpec(ResizePlan.lower_bound(60, 80, 42), batch=2)
    assert facts['weights_sha256'] == checkpoint.sha256
    depth = session.run(None, {'picture': gate_pictures(60, 80)[:2]})[0]
    true = np.stack([spec.plan.undo(each) for each in reference(checkpoint, spec.plan)[:2]])
    assert depth.shape == (2, 60, 80) and depth.dtype == np.float32
    assert 1e-5 < np.median(np.abs(depth / true - 1)) < 0.1
