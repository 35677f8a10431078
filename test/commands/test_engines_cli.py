# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 verify` and `dav2 cache`: what they say is what there is, and the exit status tells a script."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from dav2_ros.commands.app import app
from dav2_ros.engines import cache
from dav2_ros.engines.selection import candidates
from dav2_ros.engines.selection.verdict import AccuracyVerdict

runner = CliRunner(env={'COLUMNS': '200'})
FRAME = ('--frame', '80x60', '--size', '56', '--device', 'cpu')


@pytest.fixture(autouse=True)
def own_cache(one_thread, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv('DAV2_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(candidates, '_installed', lambda engine: engine == 'torch')
    monkeypatch.setattr(candidates, 'cpu_has_bf16', lambda: False)
    return tmp_path / 'cache'


@pytest.fixture
def verify(random_model):
    return lambda *args: dav2('verify', '--model', random_model, *FRAME, *args)


def dav2(*args: object, **options) -> Result:
    return runner.invoke(app, [*map(str, args)], **options)


def spoil(monkeypatch) -> None:
    """From now on PyTorch gives half the depth."""
    from dav2_ros.engines.backends.torch_engine import TorchEngine

    infer = TorchEngine.infer

    def half(self, pictures):
        return infer(self, pictures) / (2 if self.spec.output == 'camera' else 1)  # the reference is on the grid

    monkeypatch.setattr(TorchEngine, 'infer', half)


class TestVerify:
    def test_a_right_engine_is_proved(self, verify, tmp_path):
        done = verify('--json', tmp_path / 'new' / 'verdicts.json')
        assert done.exit_code == 0, done.output
        (row,) = [line for line in done.stdout.splitlines() if 'torch' in line]
        assert 'fp32' in row and 'proved' in row
        facts = json.loads((tmp_path / 'new' / 'verdicts.json').read_text())
        (verdict,) = map(AccuracyVerdict.from_facts, facts['verdicts'])
        assert verdict.passed and (verdict.frame, verdict.network) == ((60, 80), (56, 70))
        assert facts['model'] == 'random' and len(facts['weights']) == 64

    def test_a_wrong_one_is_refused_with_numbers_and_status_1(self, verify, monkeypatch):
        spoil(monkeypatch)
        done = verify('--engine', 'torch', '--precision', 'fp32')
        assert done.exit_code == 1
        assert 'refused: differs from fp32 by p50 50 %' in ' '.join(done.stdout.replace('│', ' ').split())

    def test_it_asks_the_engine_and_not_what_was_found_before(self, verify, monkeypatch):
        assert verify().exit_code == 0
        spoil(monkeypatch)
        assert verify().exit_code == 1

    @pytest.mark.parametrize(
        ('args', 'status', 'words'),
        [
            (('--engine', 'steam'), 1, ['steam', 'onnxruntime']),
            (('--engine', 'torch', '--precision', 'int8'), 1, ['int8', 'openvino']),
            (('--precision', 'fp13'), 1, ['fp13', 'bf16']),
            (('--frame', '640*480'), 2, ['640*480', '640x480']),
            (('--frame', '0x480'), 2, ['0x480']),
            (('--model', 'nobody'), 1, ['nobody']),
        ],
    )
    def test_what_cannot_be_is_a_sentence(self, verify, args, status, words):
        done = verify(*args)
        assert done.exit_code == status
        said = done.output + str(done.exception)
        assert all(word in said for word in words), said


class TestCache:
    def test_what_was_proved_is_listed_with_its_verdict_size_and_age(self, verify, own_cache):
        verify()
        done = dav2('cache', 'list')
        assert done.exit_code == 0 and str(own_cache) in done.stdout
        lines = done.stdout.splitlines()
        assert len(lines) == 2 + len(list(cache.entries()))  # what it is, and the columns' names
        (proof,) = [line for line in lines if line.startswith('verdict of torch')]
        assert all(word in proof for word in ('random', '80x60', '70x56', 'fp32', 'proved', torch.__version__))
        (reference,) = [line for line in lines if line.startswith('reference')]
        assert ' s ' in reference

    def test_a_refused_one_says_why(self, verify, monkeypatch):
        spoil(monkeypatch)
        verify()
        assert 'refused: differs from fp32' in dav2('cache', 'list').stdout

    def test_an_entry_that_cannot_be_read_is_listed_too(self, own_cache):
        (own_cache / 'half').mkdir(parents=True)
        (own_cache / 'half' / 'manifest.json').write_text('{"key"')
        done = dav2('cache', 'list')
        assert done.exit_code == 0 and 'unreadable: half' in done.stdout

    def test_nothing_is_no_error(self, own_cache):
        assert '0 entries' in dav2('cache', 'list').stdout
        assert 'nothing' in dav2('cache', 'clear').stdout

    def test_clear_asks_and_then_leaves_nothing_of_its_own(self, verify, own_cache):
        verify()
        (own_cache / 'notes.txt').write_text('not ours')
        for name in ('.making-killed', '.making-now'):
            (own_cache / name).mkdir()
        os.utime(own_cache / '.making-killed', (1e9, 1e9))
        refused = dav2('cache', 'clear', input='n\n')
        assert refused.exit_code == 1 and list(cache.entries())
        done = dav2('cache', 'clear', '--yes')
        assert done.exit_code == 0 and 'Deleted 3 entries' in done.stdout
        assert sorted(os.listdir(own_cache)) == ['.making-now', 'notes.txt']
        assert verify().exit_code == 0  # and all can be made again
