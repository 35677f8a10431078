# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shards: what goes in comes out, whoever reads it, and a writer that is killed goes on where it was."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections import Counter

import cv2
import numpy as np
import pytest
from sets.folder import write as write_folder
from sets.truth import picture, write_picture
from typer.testing import CliRunner

from dav2_training.commands.data import data_app
from dav2_training.data import registry
from dav2_training.data.sample import DataError
from dav2_training.data.shards.format import from_steps, to_steps
from dav2_training.data.shards.shards import Shards, stream
from dav2_training.data.shards.writer import ShardConfig, write_shards


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    (root / 'scenes.yaml').write_text('frames: {train: 7, val: 1}\nheight: 42\nwidth: 56\n')
    return root


@pytest.fixture
def pictures(tmp_path):
    for i in range(12):
        write_picture(tmp_path / f'pictures/{i:02}.jpg', picture(24, 32, i))
    return tmp_path / 'pictures'


def shard(config, out, **how):
    return list(write_shards(config, out, **how))


class TestCode:
    def test_depth_is_right_to_half_a_step_everywhere(self):
        z_m = np.geomspace(1e-3, 1e5, 100001).astype(np.float32)[None]
        back = from_steps(to_steps(z_m))
        assert np.abs(back / z_m.astype(np.float64) - 1).max() < 1.42e-4

    def test_unknown_and_sky_stay_what_they_are(self):
        z_m = np.array([[np.nan, np.inf, -1.0, 0.0, 1e-9, 1e30]], np.float32)
        back = from_steps(to_steps(z_m))[0]
        assert np.isnan(back[[0, 2, 3]]).all() and np.isposinf(back[1])
        assert back[4:] == pytest.approx([1e-3, 1e5])

    def test_a_code_is_a_fixed_point(self):
        steps = np.arange(65536, dtype=np.uint16)[None]
        assert np.array_equal(to_steps(from_steps(steps)), steps)


class TestWriter:
    def test_what_goes_in_comes_out(self, scenes, tmp_path):
        config = ShardConfig('procedural', str(scenes), 'train', per_shard=3, quality=0)
        assert shard(config, tmp_path / 'out') == [(1, 3), (2, 3), (3, 3)]
        there, back = (
            registry.open_set('procedural', scenes, 'train'),
            registry.open_set('shards-metres', tmp_path / 'out'),
        )
        assert len(there) == len(back) == 7
        for i in range(7):
            a, b = there[i], back[i]
            assert (a.name, a.camera) == (b.name, b.camera) and np.array_equal(a.rgb, b.rgb)
            np.testing.assert_allclose(b.z_m, a.z_m, rtol=1.42e-4)

    def test_processes_write_the_same_files(self, pictures, tmp_path):
        config = ShardConfig('folder', str(pictures), per_shard=8)
        shard(config, tmp_path / 'one')
        shard(config, tmp_path / 'two', workers=2)
        names = sorted(path.name for path in (tmp_path / 'one').iterdir())
        assert names == ['000000.npy', '000000.tar', '000001.npy', '000001.tar', 'shards.json']
        assert all((tmp_path / 'one' / n).read_bytes() == (tmp_path / 'two' / n).read_bytes() for n in names)

    def test_pictures_without_truth_are_copied_byte_for_byte(self, tmp_path):
        write_folder(tmp_path / 'in')
        shard(ShardConfig('folder', str(tmp_path / 'in')), tmp_path / 'out')
        stored = (tmp_path / 'out/000000.tar').read_bytes()
        originals = [path.read_bytes() for path in (tmp_path / 'in').rglob('*.*') if path.suffix in ('.jpg', '.webp')]
        assert originals and all(original in stored for original in originals)

    def test_large_ones_are_shrunk_on_request(self, tmp_path):
        write_picture(tmp_path / 'in/large.jpg', picture(80, 120))
        write_picture(tmp_path / 'in/small.jpg', picture(24, 32))
        shard(ShardConfig('folder', str(tmp_path / 'in'), short_side=40), tmp_path / 'out')
        back = registry.open_set('shards', tmp_path / 'out')
        assert [back[i].rgb.shape for i in range(2)] == [(40, 60, 3), (24, 32, 3)]
        assert np.abs(back[0].rgb.astype(int) - picture(40, 60)).max() < 8

    def test_a_photo_turned_by_its_exif_stays_upright(self, tmp_path):
        rgb = picture(24, 32)
        jpeg = cv2.imencode('.jpg', rgb[..., ::-1])[1].tobytes()
        exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'  # turn by 90 degrees
        (tmp_path / 'in').mkdir()
        turned = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
        (tmp_path / 'in/turned.jpg').write_bytes(turned)
        shard(ShardConfig('folder', str(tmp_path / 'in')), tmp_path / 'out')
        for opened in (registry.open_set('folder', tmp_path / 'in'), registry.open_set('shards', tmp_path / 'out')):
            assert np.abs(opened[0].rgb.astype(int) - np.rot90(rgb, -1)).max() < 12

    def test_another_library_reads_them(self, scenes, tmp_path):
        wds = pytest.importorskip('webdataset', reason='webdataset is not installed (extra train)')
        shard(ShardConfig('procedural', str(scenes), 'train', per_shard=100), tmp_path)
        found = list(wds.WebDataset(str(tmp_path / '000000.tar'), shardshuffle=False))
        assert [each['__key__'] for each in found] == [f'{i:09}' for i in range(7)]
        back = registry.open_set('shards-metres', tmp_path)
        for i, each in enumerate(found):
            assert json.loads(each['json'])['name'] == back[i].name
            bgr = cv2.imdecode(np.frombuffer(each['jpg'], np.uint8), cv2.IMREAD_COLOR)
            assert np.array_equal(bgr[..., ::-1], back[i].rgb)

    def test_a_killed_writer_goes_on_where_it_was(self, pictures, tmp_path):
        program = (
            'import sys, time\nfrom pathlib import Path\n'
            'from dav2_training.data.shards.writer import ShardConfig, write_shards\n'
            "config = ShardConfig('folder', sys.argv[1], per_shard=1)\n"
            'for done, of in write_shards(config, Path(sys.argv[2])):\n'
            '    print(done, flush=True)\n    time.sleep(0.2)\n'
        )
        command = [sys.executable, '-c', program, str(pictures), str(tmp_path / 'killed')]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == '1\n'
        time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        with pytest.raises(DataError, match='not whole yet'):
            registry.open_set('shards', tmp_path / 'killed')
        first = (tmp_path / 'killed/000000.tar').stat().st_mtime_ns
        config = ShardConfig('folder', str(pictures), per_shard=1)
        shard(config, tmp_path / 'killed')
        shard(config, tmp_path / 'straight')
        assert (tmp_path / 'killed/000000.tar').stat().st_mtime_ns == first
        for path in (tmp_path / 'straight').iterdir():
            assert (tmp_path / 'killed' / path.name).read_bytes() == path.read_bytes()

    def test_other_shards_and_other_files_are_left_alone(self, scenes, pictures, tmp_path):
        shard(ShardConfig('folder', str(pictures)), tmp_path / 'out')
        with pytest.raises(DataError, match='another per_shard'):
            shard(ShardConfig('folder', str(pictures), per_shard=5), tmp_path / 'out')
        with pytest.raises(DataError, match='not empty'):
            shard(ShardConfig('folder', str(pictures)), pictures)

    def test_a_truth_that_is_not_there_is_said(self, scenes, tmp_path):
        shard(ShardConfig('procedural', str(scenes), 'val'), tmp_path / 'out')
        with pytest.raises(DataError, match=r'no disparity .* but metres'):
            registry.open_set('shards-disparity', tmp_path / 'out')[0]
        assert registry.open_set('shards', tmp_path / 'out')[0].z_m is None


class TestStream:
    @pytest.fixture
    def shards(self, pictures, tmp_path) -> Shards:
        shard(ShardConfig('folder', str(pictures), per_shard=2), tmp_path / 'out')
        return registry.open_set('shards', tmp_path / 'out')

    def test_readers_share_the_set_evenly_and_without_overlap(self, shards):
        rounds = 50
        seen = Counter()
        for part in range(3):
            taken = itertools.islice(stream(shards, part=part, parts=3, buffer=1), 4 * rounds)
            seen += Counter(sample.name for sample in taken)
        assert len(seen) == 12
        assert min(seen.values()) >= rounds - 1 and max(seen.values()) <= rounds + 1

    def test_the_same_seed_gives_the_same_order_and_another_another(self, shards):
        def names(**how) -> list[str]:
            return [sample.name for sample in itertools.islice(stream(shards, buffer=4, **how), 24)]

        assert names(seed=1) == names(seed=1) != names(seed=2)
        assert names(seed=1)[:12] != names(seed=1)[12:]

    def test_more_readers_than_files_are_refused(self, shards):
        with pytest.raises(DataError, match='6 tar files are too few for 7'):
            next(stream(shards, parts=7))


def test_the_command(pictures, tmp_path):
    done = CliRunner().invoke(data_app, ['shard', 'folder', str(pictures), str(tmp_path / 'out'), '--per-shard', '5'])
    assert done.exit_code == 0, done.output
    assert '3 tar files' in done.output and 'the data set `shards`' in done.output
    assert len(registry.open_set('shards', tmp_path / 'out')) == 12
