# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a trained checkpoint to depth in a picture and on a topic: `dav2-train export`, `dav2 infer`, the node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_weights import random_network

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints, registry
from dav2_ros.models.info import ModelError, ModelInfo, read_facts
from dav2_training import export
from dav2_training.config import FitConfig
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.loop.fit import fit

ROOT = Path(__file__).parents[3]
METRIC = ModelInfo('run', 'vitt', 'metric', max_depth_m=30.0, train_size=56, f_train_px=50.0, canonical=True)
RELATIVE = ModelInfo('order', 'vitt', 'relative', train_size=56, license='Apache-2.0')


def trained(out: Path, info: ModelInfo | None) -> Path:
    """Leave what the loop leaves after two steps of no meaning."""
    network = random_network(info.max_depth_m if info else None)
    batch = MetricBatch(torch.zeros(1, 3, 28, 28), torch.ones(1, 28, 28), torch.ones(1))
    config = FitConfig(steps=2, batch=1, precision='32-true', accelerator='cpu', tensorboard=False)
    fit(
        network,
        config,
        lambda start, share: iter([batch] * 9),
        lambda n, b: n(b.rgb).mean(),
        lambda n: '',
        out,
        info=info,
    )
    return out / 'last.pt'


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp('home')
        patch.setenv('DAV2_HOME', str(home))
        yield home


def command(module: str, *args: object) -> subprocess.CompletedProcess:
    done = [sys.executable, '-c', f'from {module} import main; main()', *map(str, args)]
    return subprocess.run(done, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope='module')
def model(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a checkpoint and the file that the command makes of it."""
    folder = tmp_path_factory.mktemp('run')
    last, out = trained(folder, METRIC), folder / 'my.safetensors'
    done = command('dav2_training.cli', 'export', last, '--out', out, '--name', 'my-model', '--license', 'MIT')
    assert done.returncode == 0 and 'metres up to 30' in done.stdout, done.stderr
    return last, out


def test_what_is_exported_is_what_was_trained_and_says_so(model: tuple[Path, Path]) -> None:
    last, out = model
    found = checkpoints.load(out)
    facts = {'name': 'my-model', 'license': 'MIT', 'file': 'my.safetensors', 'sha256': found.sha256}
    assert found.info.to_facts() == {**METRIC.to_facts(), **facts}
    weights = torch.load(last, weights_only=True)['network']
    assert all(torch.equal(found.state_dict[name], tensor.half()) for name, tensor in weights.items())
    notes = read_facts(out)['notes']
    assert notes['steps'] == 2 and json.loads(notes['config'])['batch'] == 1


def test_dav2_infer_takes_it_by_file_and_by_name(model: tuple[Path, Path], home: Path, tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'photo.png'), rgb[..., ::-1])
    named = command('dav2_training.cli', 'export', model[0], '--name', 'my-own')
    assert named.returncode == 0 and (home / 'my-own' / 'my-own.safetensors').is_file(), named.stderr
    assert 'my-own' in command('dav2_ros.commands.app', 'models', 'list').stdout
    found = []
    for asked in (model[1], 'my-own'):
        options = ('--engine', 'torch', '--precision', 'fp32', '--hfov', 60, '--out', tmp_path / Path(asked).stem)
        done = command('dav2_ros.commands.app', 'infer', tmp_path / 'photo.png', '--model', asked, *options)
        assert done.returncode == 0, done.stderr
        found.append(np.load(tmp_path / Path(asked).stem / 'photo_depth.npy'))
    with DepthEstimator(checkpoints.load(model[1]), engine='torch', precision='fp32') as estimator:
        z_m = estimator.estimate(Frame(rgb, Camera.from_hfov(90, 60, np.radians(60))))[0].z_m
    assert np.isfinite(z_m).any()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], z_m, rtol=1e-5)


def test_the_node_takes_it_by_name(model: tuple[Path, Path], home: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
    pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')
    from graph.peer import a_picture

    done = command('dav2_training.cli', 'export', model[0], '--name', 'of-the-node')
    assert done.returncode == 0, done.stderr
    _, peer = request.getfixturevalue('start')(model='of-the-node')
    peer.only('depth/image')
    picture = a_picture()
    z_m = peer.show(picture, f_px=60.0).z_m
    with DepthEstimator(checkpoints.load('of-the-node'), engine='torch', precision='fp32') as estimator:
        wanted_m = estimator.estimate(Frame(picture, Camera(64, 48, 60.0, 60.0, 31.5, 23.5)))[0].z_m
    np.testing.assert_allclose(z_m, wanted_m, rtol=1e-4)


def test_a_relative_model_stays_relative_and_one_of_another_kind_is_refused(home: Path, tmp_path: Path) -> None:
    path = export.write(export.read(trained(tmp_path / 'order', RELATIVE)), tmp_path / 'r.safetensors')
    assert checkpoints.load(path).info.to_facts() == {
        **RELATIVE.to_facts(),
        'file': path.name,
        'sha256': checkpoints.sha256_of(path),
    }
    last = trained(tmp_path / 'other', None)
    (tmp_path / 'half.pt').write_bytes(last.read_bytes()[:1000])
    with pytest.raises(ModelError, match='not a whole checkpoint'):
        export.read(tmp_path / 'half.pt')
    with pytest.raises(ModelError, match='another with --name'):
        export.write(export.read(trained(tmp_path / 'taken', METRIC)), None, registry.BUNDLED)
    refused = command('dav2_training.cli', 'export', last)
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (1, 1)
    assert refused.stderr.startswith('dav2-train: ') and 'does not say what model' in refused.stderr
