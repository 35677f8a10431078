# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""States and parameters of the depth node, as an operator sees them; and how it ends."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')


from graph.peer import BEST_EFFORT, Peer, a_header, a_picture, an_image, an_info, qos
from graph.process import ROOT, NodeProcess
from rosgraph_msgs.msg import Clock

from dav2_ros.parameter import ANY_TIME, NEVER, UNCONFIGURED, definitions
from dav2_ros.parameters.node import DepthNodeParameters

DEFAULTS = {
    each.name: list(each.default) if each.default == () else each.default
    for each in definitions(DepthNodeParameters).values()
}


@pytest.fixture(scope='module')
def peer(start) -> Peer:
    """A node with the shipped parameter file and a model of the test's."""
    return start(params_file=ROOT / 'config' / 'depth.yaml', autostart=False, active=False)[1]


def test_the_shipped_file_gives_the_defaults(peer: Peer) -> None:
    assert peer.state() == 'unconfigured', 'autostart is off'
    for name in set(DEFAULTS) - {'model', 'autostart', 'engine', 'precision'}:
        value = peer.get(name)
        assert (value, type(value)) == (DEFAULTS[name], type(DEFAULTS[name])), name


def test_every_parameter_is_described(peer: Peer) -> None:
    for each, descriptor in zip(definitions(DepthNodeParameters).values(), peer.describe(*DEFAULTS), strict=True):
        assert each.meaning in descriptor.description and each.changes in descriptor.description
        assert descriptor.read_only == (each.changes == NEVER)
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        assert [(r.from_value, r.to_value) for r in ranges] == ([each.bounds] if each.bounds else [])
        assert all(choice in descriptor.additional_constraints for choice in each.choices)


@pytest.mark.parametrize(
    ('name', 'value', 'word'),
    [
        ('max_range_m', -1.0, 'range'),
        ('max_range_m', float('nan'), 'max_range_m'),
        ('max_range_m', True, 'type'),
        ('max_range_m', 'far', 'type'),
        ('cloud_stride', 0, 'range'),
        ('colour_near_m', 50.0, 'colour_far_m'),
        ('min_range_m', 2000.0, 'range'),
        ('engine', 'tensorflow', 'onnxruntime'),
        ('depth_encoding', '32FC3', '16UC1'),
        ('autostart', True, 'read-only'),
        ('no_such_parameter', 1, 'declared'),
    ],
)
def test_a_bad_value_is_rejected_with_its_reason_and_changes_nothing(peer: Peer, name: str, value, word: str) -> None:
    before = peer.get(name) if name in DEFAULTS else None
    taken, reason = peer.set(name, value)
    assert not taken and word in reason
    assert name not in DEFAULTS or peer.get(name) == before


def test_the_way_through_all_states(peer: Peer, random_model: Path) -> None:
    peer.subscribe('depth/image')
    assert peer.state() == 'unconfigured'
    assert not peer.change('activate') and peer.state() == 'unconfigured', 'a transition that does not exist here'
    assert peer.change('configure') and peer.state() == 'inactive'
    peer.until(lambda: peer.node.count_publishers(f'{peer.namespace}/depth/image'), 'depth is advertised')
    peer.spin(0.7)  # longer than it takes to notice demand
    assert peer.image.get_subscription_count() == 0, 'inactive: nothing is received'
    fixed = [each.name for each in definitions(DepthNodeParameters).values() if each.changes == UNCONFIGURED]
    for name in fixed:
        other = {'model': 'v2-small', 'device': 'cuda', 'model_kind': 'metric', 'model_preset': 'vits'}.get(name)
        value = other or _another(name)
        taken, reason = peer.set(name, value)
        assert not taken and name in reason and 'unconfigured' in reason
        assert peer.set(name, peer.get(name))[0], 'what it already is may be set'
    for name in (each.name for each in definitions(DepthNodeParameters).values() if each.changes == ANY_TIME):
        assert peer.set(name, DEFAULTS[name])[0]
    assert peer.change('activate') and peer.state() == 'active'
    peer.only('depth/image')
    assert peer.show(a_picture())['depth/image'].encoding == '32FC1'
    assert peer.change('deactivate') and peer.state() == 'inactive'
    peer.until(lambda: peer.image.get_subscription_count() == 0, 'the camera rests')
    assert peer.change('activate')
    peer.only('depth/image')
    peer.show(a_picture())
    assert peer.change('deactivate') and peer.change('cleanup') and peer.state() == 'unconfigured'
    peer.until(lambda: not peer.node.count_publishers(f'{peer.namespace}/depth/image'), 'depth is withdrawn')
    assert peer.set('depth_encoding', '16UC1')[0]
    assert peer.change('configure') and peer.change('activate')
    peer.only('depth/image')
    assert peer.show(a_picture())['depth/image'].encoding == '16UC1'
    assert peer.change('shutdown') and peer.state() == 'finalized'
    peer.until(lambda: peer.image.get_subscription_count() == 0, 'the camera rests')


def _another(name: str):
    each = next(each for each in definitions(DepthNodeParameters).values() if each.name == name)
    if each.choices:
        return each.choices[-1]
    if isinstance(each.default, bool):
        return not each.default
    if each.default == ():
        return ['front', 'rear']
    return type(each.default)(each.bounds[1])


def test_a_model_that_we_do_not_know_is_refused_until_it_is_stated(start, tmp_path: Path) -> None:
    """Official weights under a name of one's own: kind, preset and maximum depth are the user's to say."""
    import torch

    from dav2_ros.network.dpt import DepthAnything

    torch.manual_seed(1)
    weights = tmp_path / 'mine.pth'
    torch.save(DepthAnything('vitt', 20.0).state_dict(), weights)
    process, peer = start(active=False, autostart=False, model=weights, input_size=84)
    for stated, outcome in (
        ({}, False),
        ({'model_kind': 'relative', 'model_preset': 'vitt'}, False),
        ({'model_kind': 'metric', 'model_preset': 'vits', 'model_max_depth_m': 20.0}, False),
        ({'model_kind': 'metric', 'model_preset': 'vitt', 'model_max_depth_m': 0.0}, False),
        ({'model_kind': 'metric', 'model_preset': 'vitt', 'model_max_depth_m': 20.0}, True),
    ):
        for name, value in stated.items():
            assert peer.set(name, value) == (True, '')
        lines = process.log.count('\n')
        assert peer.change('configure') == outcome
        peer.until(lambda before=lines: process.log.count('\n') > before, 'a line in the log')
    assert 'Traceback' not in process.log


def test_simulated_time_is_the_clock_of_latency_and_nothing_waits_for_it(start) -> None:
    _, peer = start(use_sim_time=True, diagnostics_period_s=0.2)  # active without any /clock
    peer.status(b'\x00', 'diagnostics without /clock')
    clock = peer.node.create_publisher(Clock, '/clock', qos(BEST_EFFORT))
    peer.until(clock.get_subscription_count, 'the subscription of /clock')
    peer.only('depth/image', 'stats')

    def make(header):
        now = Clock()
        now.clock.sec, now.clock.nanosec = header.stamp.sec + 2, header.stamp.nanosec
        clock.publish(now)
        peer.spin(0.05)
        return an_image(a_picture(), header), an_info(header)

    answer = peer.show(a_picture(), make=make)
    peer.until(lambda: peer.show(a_picture(), make=make)['stats'].latency_ms == pytest.approx(2000.0), 'latency of 2 s')
    assert answer.z_m.shape == (48, 64)


def test_without_the_generated_message_there_is_depth_but_no_stats(start) -> None:
    process, peer = start(script='bare_depth_node.py')
    process.wait_for_log('No topics stats and scale')
    peer.only('depth/image')
    peer.show(a_picture())
    assert not peer.node.get_publishers_info_by_topic(f'{peer.namespace}/stats')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_even_at_work(start, number: signal.Signals) -> None:
    process, peer = start(script='faulty_depth_node.py')
    peer.only('depth/image', 'points')
    peer.show(a_picture())
    header = a_header()
    peer.info.publish(an_info(header))
    peer.image.publish(an_image(np.full((48, 64, 3), 255, np.uint8), header))  # a slow one
    assert process.stop(number) == 0
    assert 'Traceback' not in process.log


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        ({'max_range_m': -1.0}, 'range'),
        ({'max_range_m': 'far'}, 'DOUBLE'),
        ({'engine': 'tensorflow'}, 'onnxruntime'),
        ({'colour_near_m': 45.0}, 'colour_far_m'),
    ],
)
def test_a_bad_value_at_the_start_is_one_sentence(graph, tmp_path: Path, options: dict, word: str) -> None:
    process = NodeProcess(tmp_path / 'log.txt', '/bad', **options)
    process.wait_for_log('FATAL')
    process._process.wait(60)
    assert process._process.returncode == 1
    assert word in process.log and 'Traceback' not in process.log
