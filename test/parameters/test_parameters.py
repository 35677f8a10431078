# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters exist once: the YAML, the checks and the dataclass say the same."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

pytest.importorskip('yaml', reason='PyYAML is not installed (pip: the extra test)')

import yaml

from dav2_ros.parameter import ANY_TIME, NEVER, UNCONFIGURED, build, changed, definitions, values_of
from dav2_ros.parameters.bag import STRIDE, BagParameters
from dav2_ros.parameters.cameras import CamerasParameters
from dav2_ros.parameters.cloud import CloudNodeParameters, CloudParameters
from dav2_ros.parameters.documents import to_markdown, to_yaml
from dav2_ros.parameters.estimator import EstimatorParameters
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.parameters.scale import ScaleParameters

ROOT = Path(__file__).parents[2]
FIELDS = list(definitions(DepthNodeParameters).values())
BOUNDED = [each for each in FIELDS if each.bounds]
CHOSEN = [each for each in FIELDS if each.choices]


@pytest.mark.parametrize(('name', 'kind'), [('depth', DepthNodeParameters), ('cloud', CloudNodeParameters)])
def test_the_shipped_files_are_those_derived_from_the_code(name: str, kind: type) -> None:
    shipped = (ROOT / 'config' / f'{name}.yaml').read_text()
    assert shipped == to_yaml(kind, name), (
        f'run `python -m dav2_ros.parameters.documents` and commit config/{name}.yaml'
    )
    values = yaml.safe_load(shipped)['/**']['ros__parameters']
    assert build(kind, values) == kind()


def test_the_page_is_the_one_derived_from_the_code() -> None:
    told = (ROOT / 'docs' / 'parameters.md').read_text()
    assert told == to_markdown(), 'run `python -m dav2_ros.parameters.documents` and commit docs/parameters.md'
    of_depth, of_cloud = told.split('## The cloud node')
    for kind, text in ((DepthNodeParameters, of_depth), (CloudNodeParameters, of_cloud)):
        rows = [[cell.strip() for cell in row.strip('|').split(' | ')] for row in text.splitlines() if row[:3] == '| `']
        assert [row[0].strip('`*†') for row in rows] == list(definitions(kind))
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
        for choice in filter(None, each.choices):
            assert isinstance(yaml.safe_load(choice), str), f'{each.name}: {choice}'


def test_every_parameter_says_what_it_means() -> None:
    for each in FIELDS:
        assert each.meaning.rstrip('.') and each.changes in (ANY_TIME, UNCONFIGURED, NEVER), each.name
        if isinstance(each.default, (int, float)) and not isinstance(each.default, bool):
            assert each.bounds, f'{each.name} has no bounds'


@pytest.mark.parametrize('each', BOUNDED, ids=lambda each: each.name)
def test_bounds_hold_their_default_and_refuse_what_is_beyond(each) -> None:
    low, high = each.bounds
    assert low <= each.default <= high
    step = type(each.default)(1)
    beyond = [low - step, high + step] + ([float('nan')] if isinstance(each.default, float) else [])
    for value in beyond:
        with pytest.raises(ValueError, match=rf'^{each.name} is .*choose a value from'):
            build(DepthNodeParameters, {each.name: value})


@pytest.mark.parametrize('each', CHOSEN, ids=lambda each: each.name)
def test_choices_hold_their_default_and_refuse_others(each) -> None:
    assert each.default in each.choices
    with pytest.raises(ValueError, match=rf"^{each.name} is 'other': choose one of"):
        build(DepthNodeParameters, {each.name: 'other'})


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
        build(DepthNodeParameters, values)


def test_a_range_of_zero_is_the_models_own() -> None:
    assert build(DepthNodeParameters, {'min_range_m': 5.0}).estimator.max_range_m == 0.0


def test_a_change_is_a_new_value_and_leaves_what_is_not_ours() -> None:
    before = DepthNodeParameters()
    after = changed(before, {'max_range_m': 9.0, 'use_sim_time': True}, configured=True)
    assert (before.estimator.max_range_m, after.estimator.max_range_m) == (0.0, 9.0)
    with pytest.raises(FrozenInstanceError):
        after.estimator.max_range_m = 1.0


@pytest.mark.parametrize('each', FIELDS, ids=lambda each: each.name)
def test_what_is_fixed_while_configured_can_change_before(each) -> None:
    if each.changes != UNCONFIGURED:
        return
    value = each.choices[-1] if each.choices else not each.default if isinstance(each.default, bool) else None
    value = value or (type(each.default)(each.bounds[1]) if each.bounds else 'other')
    value = ('other',) if each.default == () else value
    with pytest.raises(ValueError, match=f'{each.name} .*clean up'):
        changed(DepthNodeParameters(), {each.name: value}, configured=True)
    after = changed(DepthNodeParameters(), {each.name: value}, configured=False)
    assert values_of(after)[each.name] == value
    assert changed(DepthNodeParameters(), {each.name: each.default}, configured=True) == DepthNodeParameters()


@pytest.mark.parametrize('names', [('front', 'front'), ('front left',), ('/front',), ('2nd',), ('',), ('vorn_ü',)])
def test_a_camera_has_a_name_of_its_own_that_a_topic_can_have(names) -> None:
    with pytest.raises(ValueError, match=r'^cameras .*choose names'):
        build(DepthNodeParameters, {'cameras': names})
    assert build(DepthNodeParameters, {'cameras': ('front', 'Rear_2')}).cameras.batch == 2


def test_a_list_that_ros_gives_is_the_tuple_that_it_means() -> None:
    params = changed(DepthNodeParameters(), {'cameras': ['front', 'rear']}, configured=False)
    assert params.cameras.cameras == ('front', 'rear')
    assert changed(params, {'cameras': ['front', 'rear']}, configured=True) == params


@pytest.mark.parametrize('kind', [EstimatorParameters, ScaleParameters, CloudParameters, CamerasParameters])
def test_each_group_stands_alone_and_refuses_for_itself(kind: type) -> None:
    assert values_of(kind()) == {name: one.default for name, one in definitions(kind).items()}
    name, one = next((name, one) for name, one in definitions(kind).items() if one.bounds)
    with pytest.raises(ValueError, match=f'^{name} is'):
        build(kind, {name: type(one.default)(one.bounds[1] + 1)})


def test_a_group_may_have_a_default_of_its_own_place() -> None:
    assert definitions(BagParameters)['cloud_stride'].default == BagParameters().cloud.cloud_stride == STRIDE
    assert build(BagParameters, {'cloud_voxel_m': 0.1}).cloud.cloud_stride == STRIDE
    assert definitions(DepthNodeParameters)['cloud_stride'].default == 1
