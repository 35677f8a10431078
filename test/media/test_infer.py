# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 infer`, as users run it: a process, files, an exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.camera import Camera
from dav2_ros.depth.colour import colourise
from dav2_ros.frames import Frame
from dav2_ros.media.images import read_depth_png

ROOT = Path(__file__).parents[2]


def infer(folder: Path, *args: object) -> subprocess.CompletedProcess:
    """Run it with the engine that is the same everywhere, unless `args` choose another."""
    args = ('--engine', 'torch', '--precision', 'fp32', *args)  # of two equal options the last one counts
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT), 'COLUMNS': '200'}
    command = [sys.executable, '-m', 'dav2_ros.commands.app', 'infer', *map(str, args)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """Return a folder of photos, good and bad."""
    folder = tmp_path_factory.mktemp('photos')
    v, u = np.mgrid[0:60, 0:90]
    bgr = np.stack([3 * v, 2 * u, (u * v) % 256], axis=-1).astype(np.uint8)
    cv2.imwrite(str(folder / 'plain.png'), bgr)
    cv2.imwrite(str(folder / 'grey.png'), bgr[..., 0])
    cv2.imwrite(str(folder / 'alpha.png'), np.dstack([bgr, np.full((60, 90), 99, np.uint8)]))
    cv2.imwrite(str(folder / 'deep.png'), bgr.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / 'tall photo.jpg'), bgr.transpose(1, 0, 2))
    cv2.imwrite(str(folder / 'one.png'), bgr[:1, :1])
    cv2.imwrite(str(folder / 'thin.png'), np.zeros((2, 500, 3), np.uint8))
    (folder / 'empty.jpg').write_bytes(b'')
    (folder / 'text.jpg').write_text('no picture')
    (folder / 'half.png').write_bytes((folder / 'plain.png').read_bytes()[:60])
    (folder / 'folder.jpg').mkdir()  # a folder without pictures
    (folder / 'plain.jpg').write_bytes((folder / 'tall photo.jpg').read_bytes())
    return folder


GOOD = ('plain.png', 'grey.png', 'alpha.png', 'deep.png', 'tall photo.jpg', 'one.png')
BAD = ('empty.jpg', 'text.jpg', 'half.png', 'folder.jpg', 'nothing.jpg', 'thin.png')


@pytest.fixture(scope='module')
def mixed(folder, random_model) -> subprocess.CompletedProcess:
    order = [name for pair in zip(BAD, GOOD, strict=True) for name in pair]
    return infer(folder, *order, '--model', random_model, '--out', 'mixed', '--hfov', 70)


def test_good_photos_become_files_whatever_stands_beside_them(folder, mixed):
    assert mixed.returncode == 1
    assert len(mixed.stdout.splitlines()) == len(GOOD)
    for name in GOOD:
        stem = Path(name).stem
        z_m = np.load(folder / 'mixed' / f'{stem}_depth.npy')
        assert z_m.dtype == np.float32
        assert z_m.shape == cv2.imread(str(folder / name)).shape[:2]
        png_m = read_depth_png(folder / 'mixed' / f'{stem}_depth.png')
        near = np.isfinite(png_m)
        assert near.any()
        assert np.abs(png_m - z_m)[near].max() < 6e-4
        colour = cv2.imread(str(folder / 'mixed' / f'{stem}_color.png'))[..., ::-1]
        assert np.array_equal(colour[:, z_m.shape[1] :], colourise(z_m, 0.5, 40.0))
    assert len(list((folder / 'mixed').iterdir())) == 3 * len(GOOD)


def test_each_bad_file_is_one_sentence(mixed):
    lines = mixed.stderr.strip().splitlines()
    assert len(lines) == len(BAD)
    for name, line in zip(BAD, lines, strict=True):
        assert line.startswith((f'dav2: {name} ', f'dav2: {name}: '))
        assert line.endswith('.')


def test_it_says_which_camera_it_used(mixed):
    line = next(line for line in mixed.stdout.splitlines() if line.startswith('plain.png'))
    assert '90x60' in line and '70.0 deg (assumed)' in line


def test_it_is_what_the_estimator_says(folder, mixed, random_model):
    import torch

    from dav2_ros.estimator import DepthEstimator
    from dav2_ros.models import checkpoints

    torch.set_num_threads(1)
    rgb = cv2.imread(str(folder / 'plain.png'))[..., ::-1]
    frame = Frame(np.ascontiguousarray(rgb), Camera.from_hfov(90, 60, np.radians(70)))
    with DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as estimator:
        depth, _ = estimator.estimate(frame)
    assert np.allclose(np.load(folder / 'mixed' / 'plain_depth.npy'), depth.z_m, rtol=1e-4)


def test_a_longer_lens_sees_the_same_thing_farther(folder, random_model):
    """The model is canonical: depth is proportional to the focal length, and nothing else changes."""
    for hfov in (30, 90):
        assert infer(folder, 'plain.png', '--model', random_model, '--out', hfov, '--hfov', hfov).returncode == 0
    z_m = [np.load(folder / str(hfov) / 'plain_depth.npy') for hfov in (30, 90)]
    known = np.isfinite(z_m[0]) & np.isfinite(z_m[1])
    ratio = np.tan(np.radians(45)) / np.tan(np.radians(15))
    assert known.any()
    assert np.allclose(z_m[0][known] / z_m[1][known], ratio, rtol=1e-4)


def test_results_do_not_replace_each_other(folder, random_model):
    done = infer(folder, 'plain.png', 'plain.jpg', '--model', random_model, '--out', 'twins')
    assert done.returncode == 1
    assert 'plain.jpg would replace the results of plain.png' in done.stderr
    assert np.load(folder / 'twins' / 'plain_depth.npy').shape == (60, 90)


def test_the_photo_stands_beside_its_depth_unless_it_shall_not(folder, random_model):
    options = ('--model', random_model, '--near', 1, '--far', 9)
    assert infer(folder, 'plain.png', *options, '--out', 'beside').returncode == 0
    assert infer(folder, 'plain.png', *options, '--outdir', 'alone', '--pred-only').returncode == 0
    both = cv2.imread(str(folder / 'beside' / 'plain_color.png'))
    assert np.array_equal(both[:, :90], cv2.imread(str(folder / 'plain.png')))
    assert np.array_equal(both[:, 90:, ::-1], colourise(np.load(folder / 'beside' / 'plain_depth.npy'), 1, 9))
    assert np.array_equal(both[:, 90:], cv2.imread(str(folder / 'alone' / 'plain_color.png')))


def test_greys_are_brighter_the_nearer(folder, random_model):
    options = ('--model', random_model, '--grayscale', '--pred-only', '--no-png', '--out', 'grey')
    assert infer(folder, 'plain.png', *options).returncode == 0
    grey = cv2.imread(str(folder / 'grey' / 'plain_color.png'))
    z_m = np.load(folder / 'grey' / 'plain_depth.npy')
    assert (grey == grey[..., :1]).all()
    known = np.isfinite(z_m)
    order = np.argsort(z_m[known])
    assert (np.diff(grey[..., 0][known][order].astype(int)) <= 0).all()
    assert not (folder / 'grey' / 'plain_depth.png').exists()


def test_folders_and_lists_stand_for_what_is_in_them(tmp_path, folder, random_model):
    inner = tmp_path / 'photos' / 'inner'
    inner.mkdir(parents=True)
    for target in (inner / 'a.png', inner.parent / 'a.png', tmp_path / 'listed.png'):
        target.write_bytes((folder / 'plain.png').read_bytes())
    (inner / 'notes.md').write_text('no picture, and nobody said so')
    (tmp_path / 'list.txt').write_text('# mine\n\nlisted.png\nmissing.png\n')
    (tmp_path / 'nothing').mkdir()
    for again in range(2):  # the second time the results lie below the folder too
        done = infer(tmp_path, 'photos', 'list.txt', 'nothing', '--model', random_model, '--out', 'photos/out')
        assert done.returncode == 1, again
        assert sorted(p.relative_to(tmp_path / 'photos/out').as_posix() for p in tmp_path.rglob('*.npy')) == [
            'a_depth.npy',
            'inner/a_depth.npy',
            'listed_depth.npy',
        ]
        nothing, missing = sorted(done.stderr.strip().splitlines(), key=lambda line: 'missing' in line)
        assert nothing.startswith('dav2: nothing holds no picture and no video')
        assert missing.startswith('dav2: missing.png cannot be read')


def test_a_range_is_that_of_all_pictures(folder, random_model):
    options = ('--model', random_model, '--fit-range', '--pred-only', '--out', 'fitted')
    assert infer(folder, 'plain.png', 'tall photo.jpg', *options).returncode == 0
    maps = [np.load(folder / 'fitted' / f'{stem}_depth.npy') for stem in ('plain', 'tall photo')]
    known = np.concatenate([z_m[::4, ::4][np.isfinite(z_m[::4, ::4])] for z_m in maps])
    near, far = (float(v) for v in np.percentile(known, (1, 99)))
    for stem, z_m in zip(('plain', 'tall photo'), maps):
        painted = cv2.imread(str(folder / 'fitted' / f'{stem}_color.png'))[..., ::-1]
        assert np.array_equal(painted, colourise(z_m, near, max(far, 1.01 * near)))


@pytest.mark.parametrize(
    'args, model',
    [(('--encoder', 'vitb'), 'v2-metric-indoor-base'), (('--encoder', 'vits', '--outdoor'), 'v2-metric-outdoor-small')],
)
def test_an_encoder_is_a_published_model(folder, args, model, tmp_path, monkeypatch):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    done = infer(folder, 'plain.png', *args)
    assert done.returncode == 1
    assert f'dav2 models fetch {model}' in ' '.join(done.stderr.split())


def test_a_cloud_is_a_ply_of_the_points_that_are_known(folder, random_model):
    assert infer(folder, 'plain.png', '--model', random_model, '--ply', '--out', 'ply').returncode == 0
    header, _, body = (folder / 'ply' / 'plain_cloud.ply').read_bytes().partition(b'end_header\n')
    assert b'format binary_little_endian 1.0' in header
    vertex = np.dtype([('xyz', '<f4', 3), ('rgb', 'u1', 3)])
    points = np.frombuffer(body, vertex)
    assert f'element vertex {len(points)}\n'.encode() in header
    z_m = np.load(folder / 'ply' / 'plain_depth.npy')
    camera = Camera.from_hfov(90, 60, np.radians(60))
    u, v = np.rint(camera.project(points['xyz'])).astype(int).T
    assert np.allclose(z_m[v, u], points['xyz'][:, 2])
    assert np.array_equal(points['rgb'], cv2.imread(str(folder / 'plain.png'))[v, u, ::-1])


@pytest.mark.parametrize(
    ('args', 'status', 'words'),
    [
        (('--model', 'nobody'), 1, "'nobody' is neither a file nor one of the models"),
        (('--model', 'v2-small'), 1, 'dav2 models fetch v2-small'),
        (('--engine', 'steam'), 1, 'steam'),
        (('--encoder', 'vitx'), 2, "no published encoder 'vitx'"),
        (('--near', '3', '--far', '2'), 2, 'choose 0 < near < far'),
        (('--hfov', '180'), 2, '179'),
        (('--out', 'plain.png'), 1, 'plain.png'),
    ],
)
def test_bad_options_are_one_sentence(folder, random_model, args, status, words, tmp_path, monkeypatch):
    monkeypatch.setenv('DAV2_HOME', str(tmp_path))
    model = () if '--model' in args else ('--model', random_model)
    done = infer(folder, 'plain.png', *model, *args)
    assert done.returncode == status
    assert words in ' '.join(done.stderr.split())
    assert 'Traceback' not in done.stderr
