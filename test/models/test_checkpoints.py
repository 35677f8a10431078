# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights are what they are said to be, or they are refused with one sentence; files are whole, and run no code."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dav2_ros.models import checkpoints, registry
from dav2_ros.models.checkpoints import Checkpoint, ModelError, ModelInfo, build, load, save
from dav2_ros.models.files import sha256_of
from dav2_ros.models.info import read_facts
from dav2_ros.models.registry import REGISTRY, hash_record, local_path
from dav2_ros.network.dpt import DepthAnything

TINY = ModelInfo('mine', 'vitt', 'metric', max_depth_m=50.0, train_size=168, f_train_px=150.0, canonical=True)
SMALL = ModelInfo('stated', 'vits', 'metric', max_depth_m=20.0)


@cache
def weights(preset: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = DepthAnything(preset, None)
    torch.nn.init.normal_(model.pretrained.pos_embed)
    return {k: v.detach() for k, v in model.state_dict().items()}


@pytest.fixture(scope='module')
def vits_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('vits') / 'mine.pth'
    torch.save(weights('vits'), path)
    return path


@cache
def huggingface_weights(preset: str) -> dict[str, torch.Tensor]:
    from transformers import DepthAnythingForDepthEstimation
    from transformers_config import config

    return dict(DepthAnythingForDepthEstimation(config(preset, None)).state_dict())


def refused(words: str, path, **options) -> str:
    with pytest.raises(ModelError, match=words) as refusal:
        load(path, **options)
    sentence = str(refusal.value)
    assert '\n' not in sentence and sentence.endswith('.')
    return sentence


# Our own files


def test_what_is_saved_comes_back_bit_for_bit_with_what_it_is(tmp_path):
    path = tmp_path / 'a.safetensors'
    sha256 = save(path, weights('vitt'), TINY, notes={'seed': 3})
    checkpoint = load(path)
    assert checkpoint.info == replace(TINY, file='a.safetensors', sha256=sha256)
    assert checkpoint.sha256 == sha256 == sha256_of(path)
    assert checkpoint.state_dict.keys() == weights('vitt').keys()
    assert all(torch.equal(checkpoint.state_dict[k], v) for k, v in weights('vitt').items())
    assert read_facts(path)['notes'] == {'seed': 3}
    assert os.listdir(tmp_path) == ['a.safetensors']


def test_the_same_weights_make_the_same_file(tmp_path):
    notes = {str(i): i for i in range(20)}
    first = save(tmp_path / 'a.safetensors', weights('vitt'), TINY, notes=notes)
    (tmp_path / 'b').mkdir()
    assert save(tmp_path / 'b' / 'a.safetensors', weights('vitt'), TINY, notes=notes) == first


def test_half_precision_on_disk_is_single_in_the_network(tmp_path):
    path = tmp_path / 'a.safetensors'
    save(path, weights('vitt'), TINY, dtype=torch.float16)
    assert path.stat().st_size < 9e6  # 4.1 M parameters
    model = build(load(path))
    for name, p in model.state_dict().items():
        assert p.dtype == torch.float32
        torch.testing.assert_close(p, weights('vitt')[name], rtol=1e-3, atol=1e-6)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'a.safetensors'
    before = save(path, weights('vitt'), TINY)
    with pytest.raises(TypeError):
        save(path, weights('vitt'), TINY, notes={'not json': object()})
    with pytest.raises(ModelError, match='1 missing'):
        save(path, {k: v for k, v in weights('vitt').items() if 'mask' not in k}, TINY)
    assert sha256_of(path) == before and os.listdir(tmp_path) == ['a.safetensors']


def test_weights_that_diverged_are_neither_saved_nor_loaded(tmp_path):
    broken = dict(weights('vitt')) | {'pretrained.norm.bias': torch.full((192,), torch.nan)}
    with pytest.raises(ModelError, match=r'pretrained\.norm\.bias holds NaN'):
        save(tmp_path / 'a.safetensors', broken, TINY)
    torch.save(broken, tmp_path / 'a.pth')
    refused('holds NaN', tmp_path / 'a.pth', stated=TINY)


def test_a_built_network_runs_in_eval_mode_and_owns_its_weights(tmp_path):
    save(tmp_path / 'a.safetensors', weights('vitt'), TINY)
    checkpoint = load(tmp_path / 'a.safetensors')
    model = build(checkpoint)
    assert not model.training and model.max_depth_m == 50.0
    before = model(torch.zeros(1, 3, 28, 42)).detach()
    with torch.no_grad():
        model.pretrained.cls_token.add_(1.0)  # somebody trains on
    assert torch.equal(build(checkpoint)(torch.zeros(1, 3, 28, 42)).detach(), before)
    assert any(p.requires_grad for p in model.parameters())


def test_our_metadata_is_believed_more_than_a_file_name(tmp_path):
    path = tmp_path / 'depth_anything_v2_vits.pth.safetensors'
    save(path, weights('vitt'), TINY)
    assert load(path, stated=TINY).info.name == 'mine'


@pytest.mark.parametrize(
    ('claim', 'words'),
    [
        (ModelInfo('x', 'vitt', 'relative'), 'kind metric.*kind relative is stated'),
        (ModelInfo('x', 'vits', 'metric', max_depth_m=50.0), 'preset vitt'),
        (replace(TINY, max_depth_m=80.0), r'max_depth_m 50\.0'),
        (replace(TINY, f_train_px=300.0), 'f_train_px'),
        (replace(TINY, canonical=False), 'canonical True'),
    ],
)
def test_a_statement_that_contradicts_the_metadata_is_refused(tmp_path, claim, words):
    save(tmp_path / 'a.safetensors', weights('vitt'), TINY)
    sentence = refused(words, tmp_path / 'a.safetensors', stated=claim)
    assert 'leave it out' in sentence and 'rename' not in sentence


# Files of others


@pytest.mark.parametrize(
    'wrap',
    [
        lambda w: w,
        lambda w: {'model': w},
        lambda w: {'state_dict': w, 'epoch': 3},
        lambda w: {f'module.{k}': v for k, v in w.items()},
        # what the authors' train.py leaves
        lambda w: {'model': {f'module.{k}': v for k, v in w.items()}, 'optimizer': {'state': {}}, 'epoch': 7},
    ],
)
def test_wrappers_around_a_state_dict_are_taken_off(tmp_path, wrap):
    path = tmp_path / 'mine.pth'
    torch.save(wrap(weights('vitt')), path)
    checkpoint = load(path, stated=TINY)
    assert all(torch.equal(checkpoint.state_dict[k], v) for k, v in weights('vitt').items())
    assert checkpoint.info == replace(TINY, sha256=sha256_of(path))


def test_official_files_are_known_by_name(tmp_path, vits_file):
    path = tmp_path / 'depth_anything_v2_metric_hypersim_vits.pth'
    os.link(vits_file, path)
    checkpoint = load(path)
    assert checkpoint.info == replace(REGISTRY['v2-metric-indoor-small'], sha256=sha256_of(path))
    assert load(path, stated=SMALL).info == checkpoint.info  # saying the truth again does no harm


def test_models_are_loaded_by_name_from_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    info = REGISTRY['v2-metric-outdoor-small-hf']
    sentence = refused('dav2 models fetch v2-metric-outdoor-small-hf', info.name)
    assert str(local_path(info)) in sentence and info.url in sentence
    local_path(info).parent.mkdir(parents=True)
    save_file(huggingface_weights('vits'), local_path(info), {'format': 'pt'})
    assert load(info.name).info.max_depth_m == 80.0
    assert load(local_path(info)).info.name == info.name


def old_names(key: str) -> str:
    """Spell a name as transformers' releases up to 4, and the published files, do."""
    for new, old in (('q_proj', 'attention.query'), ('k_proj', 'attention.key'), ('v_proj', 'attention.value')):
        key = key.replace(f'attention.{new}', f'attention.{old}')
    return key.replace('attention.o_proj', 'attention.output.dense')


@pytest.mark.parametrize('spell', [old_names, str])
def test_transformers_files_load_in_both_spellings(tmp_path, spell):
    theirs = {spell(k): v for k, v in huggingface_weights('vitt').items()}
    save_file(theirs, tmp_path / 'mine.safetensors', {'format': 'pt'})
    state = load(tmp_path / 'mine.safetensors', stated=TINY).state_dict
    qkv = [huggingface_weights('vitt')[f'backbone.encoder.layer.3.attention.{p}_proj.weight'] for p in 'qkv']
    assert torch.equal(state['pretrained.blocks.3.attn.qkv.weight'], torch.cat(qkv))
    deepest = huggingface_weights('vitt')['neck.fusion_stage.layers.0.residual_layer2.convolution1.bias']
    assert torch.equal(state['depth_head.scratch.refinenet4.resConfUnit2.conv1.bias'], deepest)


def test_a_transformers_file_without_its_value_matrix_is_refused(tmp_path):
    theirs = {k: v for k, v in huggingface_weights('vitt').items() if 'layer.3.attention.v_proj.weight' not in k}
    save_file(theirs, tmp_path / 'mine.safetensors')
    refused(r'1 missing \(first pretrained\.blocks\.3\.attn\.qkv\.weight\)', tmp_path / 'mine.safetensors', stated=TINY)


def test_unknown_weights_need_a_statement_and_are_told_which(vits_file):
    sentence = refused('state its preset', vits_file)
    assert all(word in sentence for word in ('vits', 'kind', 'max_depth_m'))


@pytest.mark.parametrize(
    ('file', 'claim', 'words'),
    [
        ('depth_anything_v2_vits.pth', SMALL, 'kind relative.*kind metric is stated.*v2-metric-indoor-small'),
        (
            'depth_anything_v2_metric_vkitti_vits.pth',
            ModelInfo('x', 'vits', 'relative'),
            'kind metric.*kind relative is stated.*rename the file',
        ),
        ('depth_anything_v2_metric_vkitti_vits.pth', SMALL, r'max_depth_m 80\.0.*max_depth_m 20\.0.*rename the file'),
        ('depth_anything_v2_vits.pth', ModelInfo('x', 'vitb', 'relative'), 'preset vits.*rename the file'),
    ],
)
def test_a_statement_that_contradicts_the_registry_is_refused(tmp_path, vits_file, file, claim, words):
    os.link(vits_file, tmp_path / file)
    refused(words, tmp_path / file, stated=claim)


@pytest.mark.parametrize('stated', [None, ModelInfo('x', 'vits', 'relative')])
@pytest.mark.parametrize('file', ['depth_anything_vits14.pth', 'depth_anything_vits14/pytorch_model.bin'])
def test_first_generation_weights_are_refused(tmp_path, vits_file, file, stated):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    os.link(vits_file, path)
    assert 'use a V2 model' in refused('V1', path, stated=stated)


def test_first_generation_weights_are_refused_when_stated_and_when_built(vits_file):
    first = ModelInfo('x', 'vits', 'relative', generation='v1')
    refused('V1', vits_file, stated=first)
    with pytest.raises(ModelError, match='V1'):
        build(Checkpoint(first, weights('vits'), ''))


def test_weights_of_another_preset_are_refused_with_the_right_one(tmp_path, vits_file):
    wrong = ModelInfo('x', 'vitb', 'relative')
    refused('embed_dim 384: they are vits, not vitb', vits_file, stated=wrong)
    os.link(vits_file, tmp_path / 'depth_anything_v2_vitl.pth')
    refused('they are vits, not vitl', tmp_path / 'depth_anything_v2_vitl.pth')


def without(key: str) -> dict[str, torch.Tensor]:
    return {k: v for k, v in weights('vitt').items() if k != key}


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda: without('pretrained.cls_token'), r'missing \(first pretrained\.cls_token\)'),
        (lambda: without('depth_head.projects.0.weight'), r'missing \(first depth_head\.projects\.0\.weight\)'),
        (lambda: weights('vitt') | {'temporal.0.weight': torch.ones(3)}, r'1 too many \(first temporal\.0\.weight\)'),
        (lambda: weights('vitt') | {'pretrained.pos_embed': torch.ones(1, 145, 192)}, r'shape \(1, 145, 192\)'),
        (lambda: {'fc.weight': torch.ones(2, 2)}, 'does not hold the weights'),
    ],
)
def test_weights_of_another_network_are_refused_with_the_first_difference(tmp_path, change, words):
    torch.save(change(), tmp_path / 'mine.pth')
    refused(words, tmp_path / 'mine.pth', stated=TINY)


class Evil:
    """A pickle that touches a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.system, (f'touch {self.path}',))


@pytest.mark.parametrize('dump', [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_code_in_a_file_is_never_run(tmp_path, dump):
    witness = tmp_path / 'was_here'
    dump({'model': weights('vitt'), 'evil': Evil(witness)}, tmp_path / 'mine.pth')
    refused('run code', tmp_path / 'mine.pth', stated=TINY)
    assert not witness.exists()


def test_a_whole_module_is_refused_and_not_unpickled(tmp_path):
    torch.save(DepthAnything('vitt', 50.0), tmp_path / 'mine.pth')
    refused('plain state dict', tmp_path / 'mine.pth', stated=TINY)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', 'mine'),
        (b'<!doctype html><html>', 'mine'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:', 'git lfs pull'),
        (b'\xff' * 100, 'mine'),
        (b'PK\x03\x04' + b'\0' * 200, 'mine'),
    ],
)
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_what_is_no_file_of_weights_is_refused(tmp_path, content, words, suffix):
    path = tmp_path / f'mine{suffix}'
    path.write_bytes(content)
    refused(words, path, stated=TINY)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('kept', [0.001, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f'mine{suffix}'
    if suffix == '.pth':
        torch.save(weights('vitt'), path)
    else:
        save(path, weights('vitt'), TINY)
    os.truncate(path, int(path.stat().st_size * kept))
    refused('mine', path, stated=TINY)


@pytest.mark.parametrize('thing', [{'a': 1}, [torch.ones(3)], {}, {'model': {'a': 'b'}}, torch.ones(2)])
def test_a_file_without_a_state_dict_is_refused(tmp_path, thing):
    torch.save(thing, tmp_path / 'mine.pth')
    refused('no state dict', tmp_path / 'mine.pth', stated=TINY)


def test_what_is_not_there_is_answered_with_the_names_that_are(tmp_path):
    assert 'v2-small' in refused('neither a file nor', tmp_path / 'nothing.pth')
    refused('neither a file nor', tmp_path)


def test_a_fetched_file_that_changed_is_refused(tmp_path):
    path = tmp_path / 'mine.pth'
    torch.save(weights('vitt'), path)
    hash_record(path).write_text(f'{sha256_of(path)}  mine.pth\n')
    load(path, stated=TINY)
    hash_record(path).write_text(f'{"a" * 64}  mine.pth\n')
    refused('fetch it again', path, stated=TINY)


def test_the_bundled_model_is_named_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, 'BUNDLED_FILE', tmp_path / 'nothing.safetensors')
    monkeypatch.setattr(registry, 'BUNDLED_FILE', tmp_path / 'nothing.safetensors')
    refused('install dav2_ros again', registry.BUNDLED)
