# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics that the README and docs/topics.md name are those of the running node, with their types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import Peer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs' / 'topics.md').read_text()
README = (ROOT / 'README.md').read_text()
OF_EVERY_NODE = ('/rosout', '/parameter_events', '/clock', 'depth/transition_event')
WAYS = (('raw', 'lidar'), ('compressed', 'scan'), ('raw', 'range'), ('raw', 'depth'))  # input_transport, scale_source


def topics(peer: Peer, way: str) -> dict[str, str]:
    """Ask the graph what the depth node publishes or subscribes to: type by name, relative to its namespace."""
    ask = getattr(peer.node, f'get_{way}_names_and_types_by_node')
    found = {name.removeprefix(f'{peer.namespace}/'): types[0] for name, types in ask('depth', peer.namespace)}
    return {name: kind.rpartition('/')[2] for name, kind in found.items() if name not in OF_EVERY_NODE}


def rows(text: str) -> dict[str, str]:
    """Read the rows of tables that begin with a topic and its type."""
    return dict(re.findall(r'^\| (?:\*\*in\*\* )?`([^`]+)` \| (?:dav2_ros/)?(\w+)', text, re.MULTILINE))


@pytest.fixture(scope='module')
def node(start) -> tuple[dict[str, str], dict[str, str]]:
    """Return all that the node subscribes to and publishes, whatever it is asked to take and to make."""
    _, peer = start(rectify=True)
    taken: dict[str, str] = {}
    made: dict[str, str] = {}
    for transport, source in WAYS:
        assert peer.change('deactivate') and peer.change('cleanup')
        for name, value in (('input_transport', transport), ('scale_source', source)):
            assert peer.set(name, value) == (True, ''), name
        assert peer.change('configure') and peer.change('activate')
        peer.subscribe('depth/image')
        wanted = {'image/compressed' if transport == 'compressed' else 'image'}
        wanted |= {'reference/image', 'reference/camera_info'} if source == 'depth' else {source}
        peer.until(lambda names=wanted: names <= topics(peer, 'subscriber').keys(), f'subscriptions to {wanted}')
        taken |= topics(peer, 'subscriber')
        made |= topics(peer, 'publisher')
        peer.unsubscribe()
    return taken, made


def test_the_page_of_topics_has_all_of_them_and_no_others(node):
    taken, made = node
    tables = re.findall(r'^\| (in|out) \|.*\n((?:\|.*\n)+)', PAGE, re.MULTILINE)
    told = {way: rows(table) for way, table in tables}
    assert told['out'] == made
    beside = {name: kind for name, kind in taken.items() if name not in told['in']}
    assert beside == {'reference/camera_info': 'CameraInfo'} and '`reference/camera_info`' in PAGE
    assert told['in'].items() <= taken.items()


def test_the_readme_has_the_outputs_and_the_camera(node):
    taken, made = node
    told = rows(README[: README.index('### Parameters')])
    assert told == made | {name: taken[name] for name in ('image', 'camera_info')}
