# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/consumers.md tells people to write is YAML of our topics and our parameters; what it claims is tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dav2_ros.parameter import build, definitions
from dav2_ros.parameters.node import DepthNodeParameters

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'docs/consumers.md').read_text()
SNIPPETS = [yaml.safe_load(block) for block in re.findall(r'^```yaml\n(.*?)^```', TEXT, re.MULTILINE | re.DOTALL)]
TOPICS = re.findall(r'^\| `([\w/]+)` \| \w+', (ROOT / 'docs/topics.md').read_text(), re.MULTILINE)  # see test_topics.py
PARAMETERS = definitions(DepthNodeParameters)
OURS = {f'/{topic}' for topic in TOPICS if topic[0] != '/'}
THEIRS = {'/cloud_from_depth'}  # what a consumer publishes
SECTIONS = {title: text for title, text in re.findall(r'^## (.*)\n((?:(?!## ).*\n)*)', TEXT, re.MULTILINE)}
CONSUMERS = [title for title in SECTIONS if title != 'What holds for all of them']


def values_of(tree: Any, key: str) -> Iterator[Any]:
    """Yield every value of a key, however deep."""
    if isinstance(tree, dict):
        yield from (value for name, value in tree.items() if name == key)
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from values_of(child, key)


@pytest.mark.parametrize('snippet', SNIPPETS, ids=lambda snippet: next(iter(snippet)))
def test_a_snippet_is_a_launch_file_or_a_parameter_file(snippet: dict) -> None:
    if 'launch' in snippet:
        for entry in snippet['launch']:
            assert {'pkg', 'exec', 'remap'} <= entry['node'].keys() <= {'pkg', 'exec', 'remap', 'param'}
            assert all(set(rule) == {'from', 'to'} for rule in entry['node']['remap'])
            assert all(set(parameter) == {'name', 'value'} for parameter in entry['node'].get('param', ()))
    else:
        assert list(values_of(snippet, 'ros__parameters'))


def test_every_topic_is_one_of_ours() -> None:
    assert OURS >= {'/depth/image', '/depth/camera_info', '/points'}
    read = {rule['to'] for rules in values_of(SNIPPETS, 'remap') for rule in rules if rule['from'] != 'points'}
    made = {rule['to'] for rules in values_of(SNIPPETS, 'remap') for rule in rules if rule['from'] == 'points'}
    read |= set(values_of(SNIPPETS, 'topic'))
    read |= set(re.findall(r'`(/[\w/]+)`', TEXT)) - THEIRS
    assert read <= OURS and made <= THEIRS


def test_every_parameter_of_ours_is_one_and_may_have_that_value() -> None:
    ours = [values['ros__parameters'] for values in values_of(SNIPPETS, '/**/depth')]
    assert len(ours) >= 5
    for values in ours:
        build(DepthNodeParameters, values)  # raises for a name that is none, and for a value out of bounds
        for name, value in values.items():
            assert type(value) is type(PARAMETERS[name].default), f'{name}: ROS refuses another type'


def test_parameters_in_the_prose_are_ours_or_named_as_theirs() -> None:
    """A parameter of ours that is renamed must not live on in a sentence."""
    frame = ('rectify', 'rectified_input', 'max_hfov_deg', 'depth_stride', 'output_size', 'max_range_m')
    for name in (*frame, 'scale_source', 'cloud_remove_ground', 'cloud_voxel_m', 'cloud_organised'):
        assert f'`{name}' in TEXT and name in PARAMETERS, name


def test_every_claim_is_a_test_and_every_test_is_told() -> None:
    bodies = [
        ast.parse((ROOT / f'test/nodes/test_{name}.py').read_text()).body for name in ('consumers', 'consumers_cloud')
    ]
    names = {node.name for body in bodies for node in body if isinstance(node, ast.FunctionDef)}
    tests = {name for name in names if name.startswith('test_')}
    assert set(re.findall(r'`(test_\w+)`', TEXT)) == tests


@pytest.mark.parametrize('consumer', CONSUMERS)
def test_a_section_says_what_is_needed_how_to_connect_what_was_shown_and_what_was_not_run(consumer: str) -> None:
    text = ' '.join(SECTIONS[consumer].split())
    for words in ('Needs ', 'Traps', 'Shown by `test_', 'Not run: ', '```yaml'):
        assert words in text, words
    assert len(CONSUMERS) == 7
