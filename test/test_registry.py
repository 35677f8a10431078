# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about a model is complete, free of contradictions, and survives being written."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.models.info import ModelError, ModelInfo
from dav2_ros.models.registry import (
    BUNDLED,
    BUNDLED_FILE,
    REGISTRY,
    identify,
    is_first_generation,
    local_path,
    lookup,
    models_home,
)
from dav2_ros.network.presets import PRESETS

OFFICIAL = {name: info for name, info in REGISTRY.items() if name != BUNDLED}
METRIC = ModelInfo('mine', 'vits', 'metric', max_depth_m=20.0)


@st.composite
def infos(draw) -> ModelInfo:
    metres = st.floats(0.1, 1000)
    f_train_px = draw(st.none() | metres)
    max_depth_m = draw(st.none() | metres)
    return ModelInfo(
        name=draw(st.from_regex(r'[A-Za-z0-9_-][A-Za-z0-9._-]{0,19}', fullmatch=True)),
        preset=draw(st.sampled_from(list(PRESETS))),
        kind='relative' if max_depth_m is None else 'metric',
        generation=draw(st.sampled_from(['v1', 'v2'])),
        max_depth_m=max_depth_m,
        train_size=14 * draw(st.integers(1, 100)),
        f_train_px=f_train_px,
        canonical=f_train_px is not None and draw(st.booleans()),
        license=draw(st.text(max_size=20)),
    )


@given(infos())
def test_info_survives_json(info):
    assert ModelInfo.from_facts(json.loads(json.dumps(info.to_facts()))) == info


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'version': 2}, 'version 2'),
        ({'version': None}, 'version None'),
        ({'colour': 'red'}, 'colour'),
        ({'preset': 'vitx'}, 'vitx'),
    ],
)
def test_facts_that_this_version_does_not_know_are_refused(change, words):
    with pytest.raises(ModelError, match=words):
        ModelInfo.from_facts(METRIC.to_facts() | change)


def test_facts_without_a_preset_are_refused():
    facts = METRIC.to_facts()
    del facts['preset']
    with pytest.raises(ModelError, match='preset'):
        ModelInfo.from_facts(facts)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'preset': 'vitx'}, 'vits, vitb'),
        ({'kind': 'absolute'}, 'relative, metric'),
        ({'generation': 'v3'}, 'v1, v2'),
        ({'max_depth_m': None}, 'max_depth_m'),
        ({'max_depth_m': 0.0}, 'max_depth_m'),
        ({'max_depth_m': -1.0}, 'max_depth_m'),
        ({'max_depth_m': math.inf}, 'max_depth_m'),
        ({'max_depth_m': math.nan}, 'max_depth_m'),
        ({'kind': 'relative'}, 'leave it out'),
        ({'train_size': 500}, 'multiple of 14'),
        ({'train_size': 0}, 'multiple of 14'),
        ({'f_train_px': 0.0}, 'f_train_px'),
        ({'canonical': True}, 'f_train_px'),
    ],
)
def test_info_that_contradicts_itself_is_refused_in_one_sentence(change, words):
    with pytest.raises(ModelError, match=words) as refusal:
        replace(METRIC, **change)
    assert 'mine' in str(refusal.value) and '\n' not in str(refusal.value)


def test_nothing_stated_is_nothing_and_half_a_statement_is_refused():
    assert ModelInfo.stated('a.pth') is None
    with pytest.raises(ModelError, match='preset'):
        ModelInfo.stated('a.pth', kind='metric', max_depth_m=20.0)
    with pytest.raises(ModelError, match='kind'):
        ModelInfo.stated('a.pth', preset='vits')
    with pytest.raises(ModelError, match='max_depth_m'):
        ModelInfo.stated('a.pth', preset='vits', kind='metric')


def test_what_is_stated_is_taken_with_zero_for_unknown():
    info = ModelInfo.stated('/x/a.pth', preset='vits', kind='metric', max_depth_m=35.0)
    assert (info.name, info.preset, info.kind, info.max_depth_m, info.f_train_px) == ('a', 'vits', 'metric', 35.0, None)


def test_the_registry_has_every_published_model():
    kinds = ['', 'metric-indoor-', 'metric-outdoor-']
    sizes = ['small', 'base', 'large']
    assert set(OFFICIAL) == {f'v2-{kind}{size}{hf}' for kind in kinds for size in sizes for hf in ('', '-hf')}
    assert all(name == info.name for name, info in REGISTRY.items())


@pytest.mark.parametrize(
    ('name', 'repo', 'file'),
    [
        ('v2-small', 'Depth-Anything-V2-Small', 'depth_anything_v2_vits.pth'),
        ('v2-large-hf', 'Depth-Anything-V2-Large-hf', 'model.safetensors'),
        (
            'v2-metric-indoor-base',
            'Depth-Anything-V2-Metric-Hypersim-Base',
            'depth_anything_v2_metric_hypersim_vitb.pth',
        ),
        (
            'v2-metric-outdoor-small',
            'Depth-Anything-V2-Metric-VKITTI-Small',
            'depth_anything_v2_metric_vkitti_vits.pth',
        ),
        ('v2-metric-outdoor-small-hf', 'Depth-Anything-V2-Metric-Outdoor-Small-hf', 'model.safetensors'),
    ],
)
def test_files_and_repositories_are_the_published_ones(name, repo, file):
    assert REGISTRY[name].repo == f'depth-anything/{repo}'
    assert REGISTRY[name].file == file


def test_only_small_weights_are_free_for_commercial_use():
    for name, info in OFFICIAL.items():
        assert info.license == ('Apache-2.0' if 'small' in name else 'CC-BY-NC-4.0')
        assert info.is_non_commercial == ('small' not in name)


def test_official_metric_weights_know_their_range_and_effective_focal_length():
    for name, info in OFFICIAL.items():
        expected = (20.0, 598.1) if 'indoor' in name else (80.0, 1001.5) if 'outdoor' in name else (None, None)
        assert info.max_depth_m == expected[0]
        assert info.f_train_px == pytest.approx(expected[1], abs=0.05)
        assert info.train_size == 518 and not info.canonical


def test_a_pinned_hash_is_a_sha256():
    assert all(re.fullmatch('([0-9a-f]{64})?', info.sha256) for info in REGISTRY.values())


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ModelError, match='v2-metric-indoor-small'):
        lookup('v3-small')


def test_files_belong_into_one_folder_each_under_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    paths = [local_path(info) for info in OFFICIAL.values()]
    assert len(set(paths)) == len(paths) and all(tmp_path in path.parents for path in paths)
    monkeypatch.delenv('DAV2_HOME')
    assert models_home() == Path.home() / '.cache/dav2_ros/models'


def test_a_file_is_identified_by_its_published_name_or_by_the_folder_of_its_model(monkeypatch, tmp_path):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    for info in OFFICIAL.values():
        assert identify(local_path(info), 'f' * 64) == info
        assert identify(Path('/downloads') / info.repo.split('/')[1] / info.file, 'f' * 64) == info
    assert identify(Path('/downloads/model.safetensors'), 'f' * 64) is None
    assert identify(Path('/downloads/mine.pth'), '') is None


def test_a_file_is_identified_by_its_content(monkeypatch):
    pinned = replace(REGISTRY['v2-small'], sha256='a' * 64)
    monkeypatch.setitem(REGISTRY, 'v2-small', pinned)
    assert identify(Path('/downloads/renamed.pth'), 'a' * 64) == pinned
    assert identify(Path('/downloads/renamed.pth'), 'b' * 64) is None


@pytest.mark.parametrize(
    ('path', 'first'),
    [
        ('depth_anything_vits14.pth', True),
        ('checkpoints/depth_anything_vitl14.pth', True),
        ('depth_anything_vitb14/pytorch_model.bin', True),
        ('depth-anything-small-hf/model.safetensors', True),
        ('depth_anything_v2_vits.pth', False),
        ('Depth-Anything-V2-Small-hf/model.safetensors', False),
        ('depth_anything_v2_metric_hypersim_vitl.pth', False),
    ],
)
def test_first_generation_weights_are_told_by_their_published_names(path, first):
    assert is_first_generation(Path('/weights') / path) == first


@pytest.mark.skipif(not BUNDLED_FILE.is_file(), reason='the bundled weights are not in this checkout')
def test_the_bundled_model_describes_itself():
    info = REGISTRY[BUNDLED]
    assert (info.name, info.preset, info.kind, info.file) == (BUNDLED, 'vitt', 'metric', BUNDLED_FILE.name)
    assert info.canonical and not info.is_non_commercial
    assert BUNDLED_FILE.stat().st_size <= 16e6
