# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engines of a running depth node: a better one takes over while frames flow, a broken one is replaced."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import Peer, a_header, a_picture, an_image, an_info
from graph.process import NodeProcess

from dav2_ros.engines import cache
from dav2_ros.engines.devices import cpu_has_bf16
from dav2_ros.engines.gate import TOLERANCES
from dav2_ros.nodes.conversions import cloud_from_msg, image_to_rgb
from dav2_ros.resize import ResizePlan

HEIGHT, WIDTH = 48, 64
PLAN = ResizePlan.lower_bound(HEIGHT, WIDTH, 28)
BUILT = next((name for name in ('openvino', 'onnxruntime') if find_spec(name) and find_spec('onnxscript')), None)


@pytest.fixture(scope='module', autouse=True)
def a_cache_of_our_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield


@pytest.fixture(scope='module')
def plain(start) -> tuple[NodeProcess, Peer]:
    """PyTorch in fp32: what the others are compared with."""
    return start(input_size=28, diagnostics_period_s=0.2)


def values_of(peer: Peer) -> dict[str, str]:
    peer.statuses.clear()
    status = peer.until(lambda: peer.statuses and peer.statuses[-1], 'diagnostics')
    return {each.key: each.value for each in status.values} | {'level': status.level, 'message': status.message}


def served_until(peer: Peer, engine: str, patience_s: float = 300.0) -> list:
    """Show one frame after another until an engine is at work; every one of them must be answered."""
    until_s, answers = time.monotonic() + patience_s, []
    while time.monotonic() < until_s:
        answers.append(peer.show(a_picture(seed=1)))
        if answers[-1]['stats'].engine == engine:
            return answers
    raise AssertionError(f'{engine} did not come in {patience_s} s and {len(answers)} frames: {values_of(peer)}')


@pytest.mark.skipif(not BUILT, reason='no engine here takes building')
def test_a_proved_engine_takes_over_while_frames_flow_also_after_its_files_were_damaged(start, plain) -> None:
    process, peer = start(engine=BUILT, precision='auto', input_size=28, diagnostics_period_s=0.2)
    peer.only('depth/image', 'stats')
    first = peer.show(a_picture(seed=1))
    assert (first['stats'].engine, first['stats'].precision) == ('torch', 'fp32')
    values = values_of(peer)
    assert 'exact' in values['why'] and values['engine build'] and values['level'] != b'\x01', 'building is no warning'
    answers = served_until(peer, BUILT)
    last = answers[-1]
    assert last['stats'].frames_failed == 0
    for answer in answers[:-1]:
        np.testing.assert_array_equal(answer.z_m, first.z_m)
    error = np.abs(last.z_m - first.z_m) / first.z_m
    allowed = TOLERANCES[last['stats'].precision]
    assert np.percentile(error, 50) <= allowed.p50 and np.percentile(error, 99) <= allowed.p99
    values = values_of(peer)
    assert values['engine'] == BUILT and values['why'].startswith(BUILT) and values['engine build'] == 'none under way'
    assert '%' in values['engine error p99'] and BUILT in values['engine versions']
    assert ': exact, and open at once' in process.log and process.log.count(values['why']) == 1

    assert peer.change('deactivate') and peer.change('cleanup')
    for folder, manifest in cache.entries():
        if manifest['key']['what'] == {'onnxruntime': 'onnx'}.get(BUILT, BUILT):
            for file in json.loads((folder / cache.MANIFEST).read_text())['files']:
                (folder / file).write_bytes((folder / file).read_bytes()[:1000])
    assert peer.change('configure') and peer.change('activate')
    peer.only('depth/image', 'stats')
    again = served_until(peer, BUILT)
    assert again[0]['stats'].engine == 'torch', 'a slower proved engine stands in'
    np.testing.assert_array_equal(again[-1].z_m, last.z_m)
    assert process.is_alive and 'Traceback' not in process.log


def test_an_engine_that_cannot_be_had_is_refused_at_configure_in_one_sentence(start) -> None:
    if find_spec('tensorrt'):
        pytest.skip('TensorRT is installed')
    process, peer = start(active=False, engine='tensorrt', precision='auto', diagnostics_period_s=0.2)
    assert 'pip install tensorrt' in peer.status(b'\x02', 'ERROR').message
    assert peer.state() == 'unconfigured' and 'Traceback' not in process.log


def test_an_engine_that_throws_is_replaced_and_the_node_goes_on(start) -> None:
    process, peer = start(
        script='faulty_depth_node.py', engine='torch', precision='auto', input_size=28, diagnostics_period_s=0.2
    )
    peer.only('depth/image', 'stats')
    peer.show(a_picture(seed=1))
    for _ in range(3):

        def black(header):
            return an_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8), header), an_info(header)

        assert 'out of memory' in peer.show_bad(black, 'ERROR after a black picture').message
        assert np.isfinite(peer.show(a_picture(seed=1)).z_m).any()
    if cpu_has_bf16():  # there are two ways to run it
        assert 'failed at work' in process.log
    assert process.is_alive and 'Traceback' not in process.log


def test_an_engine_that_gives_nan_publishes_nothing_and_is_replaced(start) -> None:
    process, peer = start(
        script='faulty_depth_node.py', engine='torch', precision='auto', input_size=28, diagnostics_period_s=0.2
    )
    peer.only('depth/image', 'stats')
    failed = peer.show(a_picture(seed=1))['stats'].frames_failed
    for count in (1, 2, 3):

        def grey(header):
            return an_image(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), header), an_info(header)

        assert 'NaN' in peer.show_bad(grey, 'ERROR after a grey picture').message
        answer = peer.show(a_picture(seed=1))
        assert np.isfinite(answer.z_m).all() and answer['stats'].frames_failed >= failed + count
    assert process.is_alive and 'Traceback' not in process.log


@pytest.fixture(scope='module')
def both(start, plain):
    _, small = start(input_size=28, output_size='network')
    answers = []
    for peer in (plain[1], small):
        peer.only('depth/image', 'depth/camera_info', 'depth/color', 'points')
        answers.append(peer.show(a_picture(seed=2)))
    return answers


class TestOutputSize:
    """The network's grid carries all that the camera's does, and its camera_info says where its pixels look."""

    def test_every_output_has_the_network_s_size(self, both) -> None:
        _, small = both
        shape = PLAN.net_height, PLAN.net_width
        info = small['depth/camera_info']
        assert small.z_m.shape == (info.height, info.width) == shape
        assert cloud_from_msg(small['points']).shape == shape
        assert image_to_rgb(small['depth/color']).shape == (*shape, 3)

    def test_depth_at_the_camera_s_size_is_made_of_it(self, both) -> None:
        full, small = both
        np.testing.assert_allclose(full.z_m, PLAN.undo(small.z_m), rtol=1e-5)

    def test_k_and_p_follow_the_resize_about_pixel_centres(self, both) -> None:
        info, source = both[1]['depth/camera_info'], an_info(a_header())
        sx, sy = PLAN.net_width / WIDTH, PLAN.net_height / HEIGHT
        k = [source.k[0] * sx, (source.k[2] + 0.5) * sx - 0.5, source.k[4] * sy, (source.k[5] + 0.5) * sy - 0.5]
        np.testing.assert_allclose(info.k[[0, 2, 4, 5]], k)
        np.testing.assert_allclose(info.p.reshape(3, 4)[:, :3], info.k.reshape(3, 3))

    def test_the_points_are_those_of_its_own_camera_info(self, both) -> None:
        small = both[1]
        info, points = small['depth/camera_info'], cloud_from_msg(small['points'])
        v, u = np.mgrid[: info.height, : info.width]
        np.testing.assert_allclose(points['x'], (u - info.k[2]) / info.k[0] * points['z'], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(points['y'], (v - info.k[5]) / info.k[4] * points['z'], rtol=1e-5, atol=1e-6)
