# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters exist once: the YAML, the checks and the dataclass say the same."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

pytest.importorskip('yaml', reason='PyYAML is not installed (pip: the extra test)')

import yaml

from dav2_ros.estimator import FOCAL_CORRECTIONS
from dav2_ros.parameter import ANY_TIME, NEVER, UNCONFIGURED
from dav2_ros.parameters.cloud import CloudNodeParameters
from dav2_ros.parameters.documents import to_markdown, to_yaml
from dav2_ros.parameters.node import DepthNodeParameters

ROOT = Path(__file__).parents[2]
FIELDS = fields(DepthNodeParameters)
BOUNDED = [each for each in FIELDS if each.metadata['bounds']]
CHOSEN = [each for each in FIELDS if each.metadata['choices']]


@pytest.mark.parametrize(('name', 'kind'), [('depth', DepthNodeParameters), ('cloud', CloudNodeParameters)])
def test_the_shipped_files_are_those_derived_from_the_code(name: str, kind: type) -> None:
    shipped = (ROOT / 'config' / f'{name}.yaml').read_text()
    assert shipped == to_yaml(kind, name), (
        f'run `python -m dav2_ros.parameters.documents` and commit config/{name}.yaml'
    )
    values = yaml.safe_load(shipped)['/**']['ros__parameters']
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    assert kind(**given) == kind()


def test_the_page_is_the_one_derived_from_the_code() -> None:
    told = (ROOT / 'docs' / 'parameters.md').read_text()
    assert told == to_markdown(), 'run `python -m dav2_ros.parameters.documents` and commit docs/parameters.md'
    of_depth, of_cloud = told.split('## The cloud node')
    for kind, text in ((DepthNodeParameters, of_depth), (CloudNodeParameters, of_cloud)):
        rows = [[cell.strip() for cell in row.strip('|').split(' | ')] for row in text.splitlines() if row[:3] == '| `']
        assert [row[0].strip('`*†') for row in rows] == [each.name for each in fields(kind)]
        assert all(len(row) == 4 for row in rows), 'a | within a meaning breaks its row'


def test_the_file_read_back_is_every_default_with_its_type() -> None:
    values = yaml.safe_load(to_yaml())['/**']['ros__parameters']
    defaults = {each.name: list(each.default) if each.default == () else each.default for each in FIELDS}
    assert {name: (value, type(value)) for name, value in values.items()} == {
        name: (value, type(value)) for name, value in defaults.items()
    }


def test_no_choice_is_a_boolean_in_disguise() -> None:
    """`-p name:=on` on a command line is true, not "on": nobody could choose it."""
    for each in CHOSEN:
        for choice in filter(None, each.metadata['choices']):
            assert isinstance(yaml.safe_load(choice), str), f'{each.name}: {choice}'


def test_every_parameter_says_what_it_means() -> None:
    for each in FIELDS:
        about = each.metadata
        assert about['meaning'].rstrip('.') and about['changes'] in (ANY_TIME, UNCONFIGURED, NEVER), each.name
        if isinstance(each.default, (int, float)) and not isinstance(each.default, bool):
            assert about['bounds'], f'{each.name} has no bounds'


@pytest.mark.parametrize('each', BOUNDED, ids=lambda each: each.name)
def test_bounds_hold_their_default_and_refuse_what_is_beyond(each) -> None:
    low, high = each.metadata['bounds']
    assert low <= each.default <= high
    step = type(each.default)(1)
    beyond = [low - step, high + step] + ([float('nan')] if isinstance(each.default, float) else [])
    for value in beyond:
        with pytest.raises(ValueError, match=rf'^{each.name} is .*choose a value from'):
            DepthNodeParameters(**{each.name: value})


@pytest.mark.parametrize('each', CHOSEN, ids=lambda each: each.name)
def test_choices_hold_their_default_and_refuse_others(each) -> None:
    assert each.default in each.metadata['choices']
    with pytest.raises(ValueError, match=rf"^{each.name} is 'other': choose one of"):
        DepthNodeParameters(**{each.name: 'other'})


@pytest.mark.parametrize(
    'values',
    [
        {'colour_near_m': 40.0},
        {'colour_far_m': 0.5},
        {'colour_near_m': 3.0, 'colour_far_m': 2.0},
        {'min_range_m': 5.0, 'max_range_m': 5.0},
    ],
)
def test_near_is_nearer_than_far(values: dict) -> None:
    with pytest.raises(ValueError, match=r'choose a .* that is less'):
        DepthNodeParameters(**values)


def test_a_range_of_zero_is_the_models_own() -> None:
    assert DepthNodeParameters(min_range_m=5.0).max_range_m == 0.0


def test_a_change_is_a_new_value_and_leaves_what_is_not_ours() -> None:
    before = DepthNodeParameters()
    after = before.changed({'max_range_m': 9.0, 'use_sim_time': True}, configured=True)
    assert (before.max_range_m, after.max_range_m) == (0.0, 9.0)
    with pytest.raises(FrozenInstanceError):
        after.max_range_m = 1.0


@pytest.mark.parametrize('each', FIELDS, ids=lambda each: each.name)
def test_what_is_fixed_while_configured_can_change_before(each) -> None:
    about = each.metadata
    if about['changes'] != UNCONFIGURED:
        return
    value = about['choices'][-1] if about['choices'] else not each.default if isinstance(each.default, bool) else None
    value = value or (type(each.default)(about['bounds'][1]) if about['bounds'] else 'other')
    value = ('other',) if each.default == () else value
    with pytest.raises(ValueError, match=f'{each.name} .*clean up'):
        DepthNodeParameters().changed({each.name: value}, configured=True)
    assert getattr(DepthNodeParameters().changed({each.name: value}, configured=False), each.name) == value
    assert DepthNodeParameters().changed({each.name: each.default}, configured=True) == DepthNodeParameters()


@pytest.mark.parametrize('names', [('front', 'front'), ('front left',), ('/front',), ('2nd',), ('',), ('vorn_ü',)])
def test_a_camera_has_a_name_of_its_own_that_a_topic_can_have(names) -> None:
    with pytest.raises(ValueError, match=r'^cameras .*choose names'):
        DepthNodeParameters(cameras=names)
    assert DepthNodeParameters(cameras=('front', 'Rear_2')).batch == 2


def test_a_list_that_ros_gives_is_the_tuple_that_it_means() -> None:
    given = DepthNodeParameters().changed({'cameras': ['front', 'rear']}, configured=False)
    assert given.cameras == ('front', 'rear')
    assert given.changed({'cameras': ['front', 'rear']}, configured=True) == given


def test_every_focal_correction_of_the_estimator_has_a_name_in_ros() -> None:
    pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
    from dav2_ros.parameters.estimator import FOCAL_CORRECTIONS as NAMES

    assert set(NAMES.values()) == set(FOCAL_CORRECTIONS)
    assert tuple(NAMES) == DepthNodeParameters.__dataclass_fields__['focal_correction'].metadata['choices']
