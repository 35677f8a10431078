# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 bench` compares ways that compute the same thing, leaves none out, and its numbers fit together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_weights import random_model, random_network
from typer.testing import CliRunner

from dav2_ros.benchmark.cases import AGAINST, AUTO, EAGER, OUTSIDE, PLAIN_ONNX, TRANSFORMERS, BenchmarkCase
from dav2_ros.benchmark.machine import fair_environment
from dav2_ros.benchmark.measure import BenchmarkRow, WorkerProcess, measure
from dav2_ros.benchmark.pipelines import way_of
from dav2_ros.benchmark.report import absent, ratios, report, to_json
from dav2_ros.commands.app import app
from dav2_ros.engines import ENGINES
from dav2_ros.engines.selection.reference import gate_pictures
from dav2_ros.models import checkpoints
from dav2_ros.models.huggingface import from_huggingface, to_huggingface

FRAME, SIZE = (96, 72), 56  # 70x56 for the network


@pytest.fixture(scope='module', autouse=True)
def a_cache_of_our_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DAV2_CACHE', str(tmp_path_factory.mktemp('engines')))
        yield


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp('models'))


def depths_m(case: BenchmarkCase, checkpoint) -> np.ndarray:
    width, height = case.frame
    bgr = np.stack([cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR) for rgb in gate_pictures(height, width)])
    with way_of(case, checkpoint) as way:
        return np.concatenate([way(picture[None]).copy() for picture in bgr])


class TestTheWaysComputeTheSame:
    """Measured is what the others do, not what we make of it: their depth is ours."""

    @pytest.mark.parametrize('way', AGAINST)
    def test_on_the_native_grid(self, checkpoint, way):
        """Nothing is resized there, neither picture nor position embedding nor depth, in which they differ."""
        if not find_spec({EAGER: 'torch', TRANSFORMERS: 'transformers', PLAIN_ONNX: 'onnxruntime'}[way]):
            pytest.skip(f'{way} is not installed')
        native = BenchmarkCase('', (224, 224), 224)
        ours_m = depths_m(replace(native, engine='torch', precision='fp32', device='cpu'), checkpoint)
        theirs_m = depths_m(replace(native, way=way), checkpoint)
        assert theirs_m.shape == ours_m.shape == (3, 224, 224) and theirs_m.dtype == np.float32
        told = np.isfinite(ours_m)
        assert told.mean() > 0.5 and ours_m[told].std() > 0.05 * ours_m[told].mean()  # there is something to compare
        assert np.abs(theirs_m / ours_m - 1)[told].max() < 1e-3
        assert (theirs_m[~told] > 0.949 * checkpoint.info.max_depth_m).all()  # where we only say "far"

    def test_the_published_code_at_any_size(self, checkpoint):
        case = BenchmarkCase('', (123, 91), 56)
        ours_m = depths_m(replace(case, engine='torch', precision='fp32', device='cpu'), checkpoint)
        told = np.isfinite(ours_m)
        assert np.abs(depths_m(replace(case, way=EAGER), checkpoint) / ours_m - 1)[told].max() < 1e-3

    def test_transformers_weights_are_the_published_ones_there_and_back(self):
        """A name for every tensor, in either of transformers' ways to call the attention's parts."""
        published = random_network(None).state_dict()
        names = {}
        for layout in ('attention.attention.query', 'attention.q_proj'):
            names = [*hugging_names(published, layout)]
            theirs = to_huggingface(published, names)
            assert list(theirs) == names
            back = from_huggingface(theirs)
            assert back.keys() == published.keys()
            assert all(torch.equal(back[key], published[key]) for key in published)


def hugging_names(published: dict, layout: str) -> list[str]:
    """Name what transformers names, for one block of ours; the rest keeps its published name."""
    parts = ('query', 'key', 'value') if 'query' in layout else ('q_proj', 'k_proj', 'v_proj')
    stem = layout.rpartition('.')[0]
    names = []
    for key in published:
        if key.startswith('pretrained.blocks.0.attn.qkv.'):
            kind = key.rpartition('.')[2]
            names += [f'backbone.encoder.layer.0.{stem}.{part}.{kind}' for part in parts]
        else:
            names.append(key)
    return names


@pytest.fixture(scope='module')
def found(tmp_path_factory) -> tuple[dict, Path]:
    """Run the whole command once: every engine that is here, and the others."""
    folder = tmp_path_factory.mktemp('bench')
    order = ['--random', 'vitt', '--against', '--rounds', 2, '--frame', '96x72', '--size', SIZE]
    done = bench(*order, '--json', folder / 'deep' / 'bench.json', '--png', folder / 'bench.png')
    assert done.returncode == 0, done.stderr
    return json.loads((folder / 'deep' / 'bench.json').read_text()), folder / 'bench.png'


def bench(*order: object) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', 'dav2_ros.commands.app', 'bench', *map(str, order)]
    threads = {'OMP_NUM_THREADS': '1'}
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads})


class TestTheCommand:
    def test_every_engine_and_every_other_way_is_measured_or_says_why_not(self, found):
        rows = found[0]['rows']
        assert {row['engine'] for row in rows if row['way'] == 'engine'} == set(ENGINES)
        assert {row['way'] for row in rows} == {'engine', AUTO, OUTSIDE, *AGAINST}
        for row in rows:
            if row['absent']:
                assert row['absent'].endswith('.') and 'failed' not in row['absent'], row
                assert row['p50_ms'] is None and not row['calls']
        measured = {(row['engine'], row['precision']) for row in rows if not row['absent']}
        assert {
            ('torch', 'fp32'),
            *((name, 'fp32') for name in ('onnxruntime', 'openvino') if find_spec(name)),
        } <= measured

    def test_its_times_are_those_of_calls(self, found):
        for row in (row for row in found[0]['rows'] if not row['absent']):
            assert row['calls'] >= 2
            assert 0 < row['min_ms'] <= row['p50_ms'] <= row['p95_ms']
            assert row['frames_per_s'] * row['p50_ms'] == pytest.approx(1000, rel=0.01)
            assert row['warm_s'] > 1e-3 * row['min_ms'] and 20 < row['private_mb'] < row['peak_mb']
            if row['way'] != OUTSIDE:
                others = row['times_faster_than']
                assert set(others) | {row['way']} >= {EAGER} and all(times > 0 for times in others.values())

    def test_its_errors_are_those_of_the_arithmetic(self, found):
        """bf16 has 8 bits; transformers and OpenCV's resize compute another thing off the native grid, and it shows."""
        errors = {row['title']: row['error_p99'] for row in found[0]['rows'] if row['error_p99'] is not None}
        assert errors['torch fp32'] == 0
        assert all(error < 1e-3 for title, error in errors.items() if 'fp32' in title and 'plain' not in title)
        assert errors[AGAINST[EAGER]] < 1e-3 < errors[AGAINST[TRANSFORMERS]] < 0.5
        assert all(1e-5 < error < 0.1 for title, error in errors.items() if 'bf16' in title)

    def test_it_says_on_what_it_was_measured(self, found):
        facts = found[0]
        assert facts['is_random'] and facts['frame'] == [96, 72] and facts['rows'][0]['network'] == [70, 56]
        assert facts['environment']['OMP_WAIT_POLICY'] == 'PASSIVE'
        here = facts['machine']
        assert here['cores'] >= 1 and here['memory_gb'] > 0.5 and {'torch', 'numpy'} <= here['versions'].keys()
        assert isinstance(here['flags'], list) and here['cpu']

    def test_it_draws(self, found):
        picture = cv2.imread(str(found[1]))
        assert picture.shape[1] == 860 and 0.01 < (picture < 200).any(-1).mean() < 0.5

    def test_batches_cost_per_frame_and_instruction_sets_can_be_forbidden(self, tmp_path):
        path = tmp_path / 'bench.json'
        order = ['--engine', 'torch', '--precision', 'fp32', '--batch', 1, '--batch', 2, '--isa', 'AVX2', '--rounds', 1]
        done = bench('--random', 'vitt', '--frame', '96x72', '--size', SIZE, *order, '--json', path)
        assert done.returncode == 0, done.stderr
        facts = json.loads(path.read_text())
        assert facts['environment']['ONEDNN_MAX_CPU_ISA'] == 'AVX2'
        one, two = (row for row in facts['rows'] if row['way'] == 'engine')
        assert (one['batch'], two['batch']) == (1, 2) and one['error_p99'] == two['error_p99'] == 0
        assert 0.2 < two['p50_ms'] / one['p50_ms'] < 5  # a frame's, not a call's; a busy machine blurs it

    @pytest.mark.parametrize(
        ('order', 'says'),
        [
            (['--random', 'vitz'], ['vitz', 'vits']),
            (['--size', '100'], ['100', '14']),
            (['--frame', '640'], ['640', '640x480']),
            (['--engine', 'tensorflow'], ['tensorflow', 'torch']),
            (['--precision', 'fp64'], ['fp64', 'bf16']),
            (['--isa', 'MMX'], ['MMX', 'AVX2']),
        ],
    )
    def test_refuses_what_is_not_there(self, order, says):
        done = CliRunner().invoke(app, ['bench', *order])
        assert done.exit_code == 2 and all(word in done.output for word in says)


def test_a_way_that_dies_is_a_row_that_says_so(checkpoint, tmp_path, monkeypatch):
    """And the others go on: here the first one's process is ended by the system in its first turn."""
    path = tmp_path / 'random.safetensors'
    checkpoints.save(path, checkpoint.state_dict, checkpoint.info)
    cases = [BenchmarkCase(str(path), FRAME, SIZE, way=OUTSIDE), BenchmarkCase(str(path), FRAME, SIZE, way=EAGER)]
    ask = WorkerProcess.ask

    def fatal(process: WorkerProcess, **request: object) -> dict:
        if process.case.way == OUTSIDE and 'calls' in request:
            process.kill()
        return ask(process, **request)

    monkeypatch.setattr(WorkerProcess, 'ask', fatal)
    dead, alive = measure(cases, checkpoint, rounds=1)
    assert 'status -9' in dead.absent and not dead.ms
    assert alive.ms and not alive.absent


class TestTheReport:
    CASE = BenchmarkCase('model', (640, 480), 252, engine='torch', precision='fp32', device='cpu')

    def test_ratios_are_of_medians_of_a_frame_at_the_same_size(self):
        fp32 = BenchmarkRow(self.CASE, ms=(40.0, 42.0, 400.0))
        eager = BenchmarkRow(replace(self.CASE, way=EAGER, engine='', precision='', device=''), ms=(84.0, 84.0))
        pairs = BenchmarkRow(replace(self.CASE, precision='bf16', batch=2), ms=(28.0,))
        elsewhere = replace(eager, case=replace(eager.case, size=518), ms=(900.0,))
        rows = [fp32, eager, pairs, elsewhere]
        assert ratios(fp32, rows) == {EAGER: 2.0}
        assert ratios(eager, rows) == {'torch fp32': 0.5}
        assert ratios(pairs, rows) == {EAGER: 6.0, 'torch fp32': 3.0}

    def test_nothing_measured_is_null_and_each_reason_is_said_once(self, checkpoint):
        rows = [BenchmarkRow(replace(self.CASE, batch=n), absent='It is not here.') for n in (1, 2)]
        made = report(checkpoint, False, (640, 480), {}, {}, rows)
        assert absent(made) == ['torch fp32 at 252, torch fp32, batch 2 at 252: It is not here.']
        assert json.loads(json.dumps(to_json(made)))['rows'][0]['p50_ms'] is None

    def test_what_the_user_has_set_stays(self, monkeypatch):
        monkeypatch.setenv('MALLOC_TOP_PAD_', '1')
        assert fair_environment()['MALLOC_TOP_PAD_'] == '1' and 'ONEDNN_MAX_CPU_ISA' not in fair_environment()
