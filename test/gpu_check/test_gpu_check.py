# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The GPU check counts right, keeps to its seconds, loses nothing, and runs from end to end on a CPU in miniature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dav2_ros.benchmark.timing import summary
from dav2_ros.engines.backends.torch_cuda_engine import _is_out_of_memory
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.export.fold import fold
from dav2_ros.gpu_check.__main__ import settings_for
from dav2_ros.gpu_check.report import markdown, tables
from dav2_ros.gpu_check.roofline import roofline, table
from dav2_ros.gpu_check.session import JSON_FILE, MARKDOWN_FILE, CheckSession
from dav2_ros.network.dpt import DepthAnything
from dav2_ros.network.presets import PRESETS

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 252, 350


def meta_network(preset: str, folded: bool) -> DepthAnything:
    with torch.device('meta'):
        network = DepthAnything(preset, 20.0).eval().explicit_attention()
    return fold(network) if folded else network


class TestRoofline:
    @pytest.mark.parametrize('folded', [False, True], ids=['published', 'folded'])
    @pytest.mark.parametrize('preset', PRESETS)
    def test_the_operations_are_those_that_pytorch_counts(self, preset, folded):
        network = meta_network(preset, folded)
        with torch.no_grad(), torch.device('meta'), FlopCounterMode(display=False) as counter:
            network(torch.zeros(2, 3, HEIGHT, WIDTH))
        counted = roofline(preset, HEIGHT, WIDTH, batch=2, folded=folded).flops
        assert counted == pytest.approx(counter.get_total_flops(), rel=1e-9)

    @pytest.mark.parametrize('preset', PRESETS)
    def test_every_weight_that_is_used_is_read_once_whatever_the_batch(self, preset):
        unused = ('pos_embed', 'cls_token', 'mask_token', 'refinenet4.resConfUnit1')
        weights = [p for n, p in meta_network(preset, False).named_parameters() if not any(u in n for u in unused)]
        wanted = sum(p.numel() for p in weights if p.ndim > 1)
        for batch in (1, 4):
            work = roofline(preset, HEIGHT, WIDTH, batch=batch)
            assert sum(operation.weights for operation in work.operations) == wanted

    def test_it_is_bound_by_what_is_slower(self):
        work = roofline('vits', HEIGHT, WIDTH)
        assert work.least_ms(1e12, 1e30) == pytest.approx(1e3 * work.flops / 1e12)
        assert work.least_ms(1e30, 1e12) == pytest.approx(1e3 * work.nbytes / 1e12)
        assert (work.memory_share(1e12, 1e30), work.memory_share(1e30, 1e12)) == pytest.approx((0.0, 1.0))
        assert work.least_ms(1e12, 1e12) >= 1e3 * max(work.flops, work.nbytes) / 1e12

    def test_the_documented_table_is_the_computed_one(self):
        assert table() in (ROOT / 'docs' / 'engines.md').read_text()


class TestSession:
    @pytest.fixture
    def session(self, tmp_path) -> CheckSession:
        return CheckSession(tmp_path / 'out', 60.0, settings_for('cpu', quick=False))

    def kept(self, session: CheckSession) -> dict:
        assert sorted(path.name for path in session.folder.iterdir()) == [JSON_FILE, MARKDOWN_FILE]
        return json.loads((session.folder / JSON_FILE).read_text())['parts']

    def test_what_a_part_raises_is_kept_and_the_next_one_runs(self, session):
        def refused(result):
            raise EngineError('Not here: choose engine torch.')

        def failed(result):
            result['half'] = 1
            raise ZeroDivisionError('by zero')

        session.run('one', 0, refused)
        session.run('two', 0, failed)
        session.run('three', 0, lambda result: result.update(number=2.5))
        parts = self.kept(session)
        assert parts['one'] == parts['one'] | {'state': 'refused', 'reason': 'Not here: choose engine torch.'}
        assert (parts['two']['state'], parts['two']['half']) == ('failed', 1)
        assert 'ZeroDivisionError' in parts['two']['reason'] and parts['two']['traceback']
        assert (parts['three']['state'], parts['three']['number']) == ('done', 2.5)
        assert session.finish() == 1

    def test_a_part_that_needs_more_than_is_left_does_not_run(self, session):
        session.run('long', 1000, lambda result: pytest.fail('it ran'))
        assert self.kept(session)['long'] == {'state': 'not run', 'reason': 'no time left'}

    def test_files_are_whole_after_every_part(self, session):
        for number in range(3):
            session.run(str(number), 0, lambda result: result.update(x=1))
            assert len(self.kept(session)) == number + 1

    def test_a_part_that_hangs_is_cut_off_and_what_was_found_is_kept(self, tmp_path):
        program = f"""
import sys, time
from pathlib import Path
from dav2_ros.gpu_check.__main__ import settings_for
from dav2_ros.gpu_check.session import CheckSession
session = CheckSession(Path({str(tmp_path)!r}) / 'out', 5.0, settings_for('cpu', quick=False))
session.watch()
def hangs(result):
    result['found'] = 7
    time.sleep(300)
session.run('hangs', 0, hangs)
"""
        done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, timeout=120)
        part = json.loads((tmp_path / 'out' / JSON_FILE).read_text())['parts']['hangs']
        assert (done.returncode, part['state'], part['found']) == (2, 'cut off', 7)
        assert 'Targets' in done.stdout


def test_a_target_is_passed_or_missed_by_its_numbers():
    settings = vars(settings_for('cuda', quick=False))
    ways = {'engine fp16': summary([2.0]), 'published, fp32': summary([9.0])}
    parts = {
        'ways vits 518': {'state': 'done', 'ways': ways},
        'stages vitl 518 fp16': {'state': 'done', 'share_of_product': 0.3},
    }
    document = json.loads(json.dumps({'settings': settings, 'parts': parts}))
    targets = next(each for each in tables(document) if each.title == 'Targets')
    assert [row[-1] for row in targets.rows] == ['pass', 'pass', 'miss', 'not run', 'not run']
    assert '4.5 x' in markdown(document)


def test_memory_that_runs_out_is_told_from_other_errors():
    try:
        try:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 MiB.')
        finally:
            raise RuntimeError('operation failed due to a previous error during capture')
    except RuntimeError as error:
        assert _is_out_of_memory(error)
    assert not _is_out_of_memory(RuntimeError('an illegal memory access was encountered'))


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Run the command as from a source tree that is not installed: its folder on the path, another one to stand in."""
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    command = [sys.executable, '-m', 'dav2_ros.gpu_check', *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU: nothing is refused')
def test_without_a_gpu_it_says_so(tmp_path):
    done = run('--out', str(tmp_path / 'out'), folder=tmp_path)
    assert done.returncode == 2 and 'choose --device cpu.' in done.stderr and not (tmp_path / 'out').exists()


def test_it_runs_from_end_to_end_on_a_cpu(tmp_path):
    started_s = time.monotonic()
    done = run('--out', str(tmp_path / 'out'), '--device', 'cpu', '--seconds', '90', folder=tmp_path)
    assert time.monotonic() - started_s < 150
    document = json.loads((tmp_path / 'out' / JSON_FILE).read_text())
    parts = document['parts']
    if 'did not answer within' in parts.get('torch.compile', {}).get('reason', ''):
        parts.pop('torch.compile')  # on a busy machine the compiler it calls takes longer than all the time there is
    assert not {name: part for name, part in parts.items() if part['state'] in ('failed', 'running')}, done.stdout
    assert {'card', 'matrix products', 'ways vitt 56', 'stages vitt 56 bf16', 'determinism', 'threads'} <= set(parts)
    assert parts['ways vitt 56']['ways']['published, fp32']['p50_ms'] > 0
    assert parts['determinism']['other_bits'] == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [JSON_FILE, MARKDOWN_FILE]
    assert '## Targets' in (tmp_path / 'out' / MARKDOWN_FILE).read_text() and 'Targets' in done.stdout
