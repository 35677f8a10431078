# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A name from a file, an option or a configuration never becomes a path that leads out of its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dav2_ros.disk import inside
from dav2_ros.engines import cache
from dav2_ros.models import checkpoints
from dav2_ros.models.info import METADATA_KEY, ModelError, ModelInfo
from dav2_ros.models.registry import known_models
from dav2_ros.network.dpt import DepthAnything
from dav2_training.config import ConfigError, MetricConfig
from dav2_training.config import load as load_config

NAMES = ['../out', '..', '.', '', 'a/b', '/tmp/out', 'a\\b', 'a b', 'a\n', 'a\0b', 'ä', 7, None, ['a'], 'a;rm']
KEY = cache.Key('mine', 'w' * 64, 'onnx', 1, (0, 0), (28, 42))


def hostile(path: Path, **facts) -> Path:
    """Write whole weights whose metadata says what it should not."""
    whole = ModelInfo('mine', 'vitt', 'metric', max_depth_m=20.0).to_facts() | facts
    weights = {key: value.contiguous() for key, value in DepthAnything('vitt', 20.0).state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, {METADATA_KEY: json.dumps(whole)})
    return path


@pytest.mark.parametrize('name', NAMES)
def test_a_name_with_a_path_in_a_file_s_metadata_is_refused(tmp_path, name):
    with pytest.raises(ModelError) as refusal:
        checkpoints.load(hostile(tmp_path / 'a.safetensors', name=name))
    assert '\n' not in str(refusal.value) and str(refusal.value).endswith('.')


@pytest.mark.parametrize('file', ['../x', '/etc/passwd', '..', 'a/b', 7])
def test_so_is_a_path_in_the_place_of_its_file(tmp_path, file):
    with pytest.raises(ModelError):
        checkpoints.load(hostile(tmp_path / 'a.safetensors', file=file))


def test_what_is_too_deep_or_too_large_in_metadata_is_one_sentence(tmp_path):
    for facts in ({'max_depth_m': 10**400}, {'train_size': 'x'}, {'f_train_px': [1]}):
        with pytest.raises(ModelError):
            checkpoints.load(hostile(tmp_path / 'a.safetensors', **facts))
    save_file({'a': torch.ones(1)}, tmp_path / 'b.safetensors', {METADATA_KEY: '[' * 100_000})
    with pytest.raises(ModelError, match='metadata'):
        checkpoints.load(tmp_path / 'b.safetensors')


def test_a_file_may_be_called_as_its_owner_likes():
    info = ModelInfo.stated('my model (1).pth', kind='metric', preset='vits', max_depth_m=20.0)
    assert (info.name, info.file) == ('my-model-1-', 'my model (1).pth')
    assert ModelInfo.stated('...', kind='relative', preset='vits').name == 'model'


def test_a_hostile_file_among_the_own_models_hides_none_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    hostile(tmp_path / 'good' / 'good.safetensors')
    hostile(tmp_path / 'a b' / 'a b.safetensors')
    hostile(tmp_path / 'bad' / 'bad.safetensors', name='../../out')
    assert 'good' in known_models() and not {'bad', 'a b'} & known_models().keys()


def test_the_run_s_name_in_a_training_configuration_is_a_name(tmp_path):
    for name in ('../out', 'a/b', '..', 'a b'):
        (tmp_path / 'a.yaml').write_text(json.dumps({'name': name}))
        with pytest.raises(ConfigError, match='name is'):
            load_config(MetricConfig, tmp_path / 'a.yaml')
    (tmp_path / 'a.yaml').write_text('name: my-run_1.2')
    assert load_config(MetricConfig, tmp_path / 'a.yaml').name == 'my-run_1.2'


def test_inside_is_inside(tmp_path):
    assert inside(tmp_path, 'a/../b') == tmp_path / 'b'
    for name in ('..', '../a', '/etc', 'a/../../b', '.', '', 'a\0'):
        with pytest.raises(ValueError, match='leads out'):
            inside(tmp_path, name)


class TestCache:
    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path, monkeypatch) -> Path:
        monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'home' / 'cache'))
        return tmp_path / 'home' / 'cache'

    def test_nothing_is_built_outside_of_it(self, tmp_path):
        for model in ('../../out', '/tmp/out'):
            key = cache.Key(model, 'w' * 64, 'onnx', 1, (0, 0), (28, 42))
            with pytest.raises(ValueError, match='leads out'):
                cache.obtain(key, lambda made: None)
            assert cache.find(key) is None
        assert not list(tmp_path.glob('out*'))

    @pytest.mark.parametrize('file', ['/dev/zero', '../../../secret', '..'])
    def test_a_manifest_that_names_other_files_is_damaged(self, file):
        folder = cache.obtain(KEY, lambda made: np.save(made / 'a.npy', np.ones(3)))
        manifest = json.loads((folder / cache.MANIFEST).read_text())
        (folder / cache.MANIFEST).write_text(json.dumps(manifest | {'files': {file: 'x'}}))
        assert cache.find(KEY) is None

    def test_it_is_its_owner_s_alone_and_what_others_wrote_is_not_opened(self, own_cache):
        folder = cache.obtain(KEY, lambda made: (made / 'plan').write_text('x'))
        assert own_cache.stat().st_mode & 0o777 == 0o700 and cache.find(KEY) == folder
        (folder / 'plan').chmod(0o666)
        assert cache.find(KEY) is None
        (folder / 'plan').chmod(0o644)
        assert cache.find(KEY) == folder
        if os.geteuid() == 0:
            os.chown(folder, 12345, 12345)
            assert cache.find(KEY) is None
            again = cache.obtain(KEY, lambda made: (made / 'plan').write_text('ours'))
            assert (again / 'plan').read_text() == 'ours' and cache.find(KEY) == again

    def test_what_a_killed_process_left_is_swept_and_what_is_being_built_is_not(self, own_cache):
        script = (
            'import os, sys; from dav2_ros.engines import cache; from test_hostile_names import KEY; '
            'cache.obtain(KEY, lambda made: (print(flush=True), sys.stdin.read(), os._exit(1)))'
        )
        at_work = subprocess.Popen(
            [sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent
        )
        at_work.stdout.readline()
        (left,) = own_cache.glob('.making-*')
        os.utime(left, (1e9, 1e9))
        cache.sweep()
        assert left.is_dir(), 'another process builds in it'
        at_work.communicate(timeout=60)
        cache.sweep()
        assert not left.exists()
