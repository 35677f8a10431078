# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the page of `dav2 web` does, without the page: readings, files, limits, sentences."""

from __future__ import annotations

import builtins
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_server import draw, film
from typer.testing import CliRunner

from dav2_ros.camera import Camera
from dav2_ros.cli import app
from dav2_ros.cloud import make_cloud
from dav2_ros.engines.engine import EngineError
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.media.colour import colourise
from dav2_ros.media.images import MediaError, Photo, read_depth_png
from dav2_ros.models.registry import ModelError
from dav2_ros.web.desk import Desk, Wish, local_models, without_folders
from dav2_ros.web.glb import glb
from dav2_ros.web.limits import Limits
from dav2_ros.web.session import Seen, keep, painted

pytest.importorskip('PIL', reason='Pillow is not installed (pip: the extra web)')
CAMERA = Camera.from_hfov(40, 30, 1.0)


def parse(data: bytes) -> tuple[dict, np.ndarray, np.ndarray]:
    """Read a GLB by the specification: its JSON, positions (n, 3), linear colours (n, 4) from 0 to 1."""
    magic, version, length = struct.unpack_from('<4sII', data)
    assert (magic, version, length) == (b'glTF', 2, len(data))
    size, kind = struct.unpack_from('<I4s', data, 12)
    assert kind == b'JSON' and size % 4 == 0
    about = json.loads(data[20 : 20 + size])
    if 'meshes' not in about:
        return about, np.empty((0, 3)), np.empty((0, 4))
    length, kind = struct.unpack_from('<I4s', data, 20 + size)
    blob = data[28 + size :]
    assert kind == b'BIN\0' and length == len(blob) == about['buffers'][0]['byteLength']
    types = {5126: ('<f4', 1), 5123: ('<u2', 65535)}
    found = []
    for name in ('POSITION', 'COLOR_0'):
        accessor = about['accessors'][about['meshes'][0]['primitives'][0]['attributes'][name]]
        view = about['bufferViews'][accessor['bufferView']]
        dtype, most = types[accessor['componentType']]
        width = int(accessor['type'][-1])
        assert view['byteLength'] == accessor['count'] * width * np.dtype(dtype).itemsize
        values = np.frombuffer(blob, dtype, accessor['count'] * width, view['byteOffset'])
        found.append(values.reshape(-1, width) / most)
    return about, *found


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    z_m = np.linspace(1.0, 60.0, 30 * 40, dtype=np.float32).reshape(30, 40)
    z_m[0, 0], z_m[2, 3] = np.nan, np.inf
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    photo = Photo(Frame(rgb, CAMERA), 'assumed')
    return keep(tmp_path, 'photo', photo, DepthMap(z_m, CAMERA), 'a network', painted(0.5, 40.0))


class TestCloudOfTheBrowser:
    def test_it_stands_upright_in_its_own_colours(self):
        z_m = np.random.default_rng(1).uniform(1, 9, (30, 40)).astype(np.float32)
        z_m[4, 5] = np.nan
        rgb = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)
        cloud = make_cloud(DepthMap(z_m, CAMERA), rgb, remove_flying=False)
        about, xyz, linear = parse(glb(cloud))
        there = np.isfinite(cloud['z'])
        optical = np.stack([cloud[axis][there] for axis in 'xyz'], axis=-1)
        half_turn = np.diag([1.0, -1.0, -1.0])  # around x: a rotation, nothing is mirrored
        assert np.linalg.det(half_turn) == 1
        np.testing.assert_array_equal(xyz, optical @ half_turn)
        srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_array_equal(np.rint(255 * srgb[:, :3]), rgb[there])
        assert (linear[:, 3] == 1).all()
        assert about['accessors'][0]['min'] == xyz.min(axis=0).tolist()
        assert about['accessors'][0]['max'] == xyz.max(axis=0).tolist()
        assert about['meshes'][0]['primitives'][0]['mode'] == 0

    def test_nothing_is_a_scene_too(self):
        cloud = make_cloud(DepthMap(np.full((30, 40), np.nan, np.float32), CAMERA), None)
        assert parse(glb(cloud))[0]['scenes'] == [{'nodes': []}]


class TestSeen:
    def test_a_click_reads_what_the_array_holds_and_the_cloud_has_there(self, seen):
        z_m = np.load(seen.file('depth.npy'))
        cloud = make_cloud(DepthMap(z_m, CAMERA), None, remove_flying=False)
        for u, v in ((1, 0), (39, 29), (17, 12)):
            reading = seen.read(u, v)
            assert reading.z_m == z_m[v, u]
            assert reading.xyz_m == pytest.approx([float(cloud[axis][v, u]) for axis in 'xyz'], rel=1e-5)
            assert str(reading).startswith(f'Pixel ({u}, {v}): {z_m[v, u]:.3f} m ahead')
        assert 'unknown' in str(seen.read(0, 0)) and 'beyond' in str(seen.read(3, 2))
        for u, v in ((-1, 0), (40, 0), (0, 30)):
            with pytest.raises(MediaError, match='outside of 40x30'):
                seen.read(u, v)

    def test_the_range_paints_anew_and_ends_the_cloud(self, seen):
        z_m = np.load(seen.file('depth.npy'))
        for near_m, far_m in ((0.5, 40.0), (2.0, 10.0)):
            shown = seen.seen_with(painted(near_m, far_m))
            colour = cv2.imread(str(shown.color))[..., ::-1]
            np.testing.assert_array_equal(colour, colourise(z_m, near_m, far_m))
            _, xyz, _ = parse(shown.view.read_bytes())
            assert 0.8 * far_m < -xyz[:, 2].min() <= far_m
        near_m, far_m = seen.spread()
        known = np.sort(z_m[np.isfinite(z_m)])
        assert known[0] < near_m < known[len(known) // 50] and known[-len(known) // 50] < far_m < known[-1]

    def test_no_range_is_a_sentence(self):
        for near, far in ((5.0, 2.0), (0.0, 1.0), (1.0, np.inf), (None, 2.0), (float('nan'), 2.0)):
            with pytest.raises(MediaError, match='is no range: choose'):
                painted(near, far)

    def test_what_was_put_away_is_a_sentence(self, seen):
        seen.file('depth.npy').unlink()
        with pytest.raises(MediaError, match='estimate it again'):
            seen.read(1, 1)

    def test_all_files_say_the_same(self, seen):
        z_m = np.load(seen.file('depth.npy'))
        known = np.isfinite(z_m)
        np.testing.assert_allclose(read_depth_png(seen.file('depth.png'))[known], z_m[known], atol=6e-4)
        assert [path.name for path in seen.files if not path.is_file()] == []
        assert seen.file('cloud.ply').read_bytes().startswith(b'ply\nformat binary_little_endian')


class TestLimits:
    def picture(self, folder: Path, name: str, data: bytes) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    def test_what_is_no_picture_is_a_sentence_with_its_name(self, tmp_path):
        limits = Limits(upload_mb=1, pixels=2_000_000)
        chunk = struct.pack('>4sIIBBBBB', b'IHDR', 60_000, 60_000, 8, 2, 0, 0, 0)
        bomb = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk + struct.pack('>I', zlib.crc32(chunk))
        bomb += struct.pack('>I4s', 1000, b'IDAT') + bytes(1000)
        for name, data, said in (
            ('a.exe', b'', 'a.exe is none of .bmp'),
            ('b.png', b'no picture', 'b.png cannot be read: it is not a whole picture'),
            ('c.png', b'', 'c.png cannot be read: it is not a whole picture'),
            ('d.png', bomb, '60000x60000 are 3600 million pixels'),
            (
                'h.png',
                cv2.imencode('.png', np.zeros((2001, 1000), np.uint8))[1].tobytes(),
                'more than 2 million pixels',
            ),
            ('e.png', bytes(1_000_001), 'e.png has more than 1 MB'),
            ('f.svg', b'<svg/>', 'f.svg is none of'),
        ):
            with pytest.raises(MediaError, match=said):
                limits.check_picture(self.picture(tmp_path, name, data))
        limits.check_picture(draw(tmp_path / 'g.png'))
        with pytest.raises(MediaError, match=r'a\.txt is none of \.3gp'):
            limits.check_video(self.picture(tmp_path, 'a.txt', b''))

    def test_numbers_of_pictures(self):
        Limits().check_count([Path('a')])
        for count in (0, 101):
            with pytest.raises(MediaError, match=f'{count} pictures: choose 1 to 100'):
                Limits().check_count([Path('a')] * count)


@pytest.mark.parametrize(
    ('sentence', 'shown'),
    [
        ('/tmp/x_1/ab/photo one.png (3 bytes) is odd.', 'photo one.png (3 bytes) is odd.'),
        ("'/a/b/c.onnx' and /d/e.npy.", "'c.onnx' and e.npy."),
        ('Read and/or see https://a.example/b/c.', 'Read and/or see https://a.example/b/c.'),
        ('12 m/s, 3/4', '12 m/s, 3/4'),
    ],
)
def test_sentences_keep_names_and_lose_folders(sentence, shown):
    assert without_folders(sentence) == shown


class TestDesk:
    @pytest.fixture
    def desk(self, tmp_path, random_model, one_thread):
        (tmp_path / 'home').mkdir()
        limits = Limits(video_frames=6)
        with Desk(tmp_path / 'home', limits, model=random_model, precision='fp32') as desk:
            yield desk

    def wish(self, **changes: object) -> Wish:
        wish = {'model': 'random', 'engine': 'torch', 'hfov_deg': 60.0, 'look': painted(0.5, 40.0)}
        return Wish(**(wish | changes))

    def test_many_pictures_are_one_file_and_bad_ones_are_named(self, desk, tmp_path):
        (tmp_path / 'other').mkdir()
        good = [draw(tmp_path / 'a.png'), draw(tmp_path / 'other/a.png', 60, 60), draw(tmp_path / 'b.jpg')]
        (tmp_path / 'bad.png').write_text('no picture')
        told = []
        done = desk.batch([good[0], tmp_path / 'bad.png', *good[1:]], self.wish(), lambda *each: told.append(each))
        (failure,) = done.failures
        assert failure.startswith('bad.png cannot be read: it is not a whole picture')
        with zipfile.ZipFile(done.file) as file:
            ends = ('depth.npy', 'depth.png', 'cloud.ply', 'color.png')
            assert set(file.namelist()) == {f'{name}_{end}' for name in ('a', 'a-2', 'b') for end in ends}
            shapes = [np.load(file.open(f'{name}_depth.npy')).shape for name in ('a', 'a-2', 'b')]
        assert shapes == [(60, 90), (60, 60), (60, 90)]
        assert told[-1] == (1.0, '4 of 4')
        shares = [share for share, _ in told if share is not None]
        assert shares == [0.25, 0.5, 0.75, 1.0]
        desk.forget(done.folder)
        assert not list(desk.home.iterdir())

    def test_a_video_ends_where_it_ends_and_a_long_one_is_refused(self, desk, tmp_path):
        av = pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')
        done = desk.video(film(tmp_path / 'short.mp4', 5), self.wish())
        with av.open(str(done.file)) as file:
            sizes = [(frame.width, frame.height) for frame in file.decode(video=0)]
        assert sizes == [(128, 48)] * 5 and done.failures == []
        desk.forget(done.folder)
        with pytest.raises(MediaError, match='more than 6 frames'):
            desk.video(film(tmp_path / 'long.mp4', 7), self.wish())
        assert not list(desk.home.iterdir())

    def test_what_is_not_here_is_a_sentence_and_leaves_nothing(self, desk, tmp_path):
        photo = draw(tmp_path / 'a.png')
        with pytest.raises(
            ModelError, match="'v2-metric-indoor-large' is not a metric model of this machine: choose one of random, "
        ):
            desk.picture(photo, self.wish(model='v2-metric-indoor-large'))
        with pytest.raises(EngineError, match="no engine 'steam'"):
            desk.picture(photo, self.wish(engine='steam'))
        assert not list(desk.home.iterdir())

    def test_only_models_of_this_machine_are_offered(self, random_model, monkeypatch, tmp_path):
        monkeypatch.setenv('DAV2_HOME', str(tmp_path))
        assert local_models() == {'vitt-procedural': 'vitt-procedural'}
        assert local_models(random_model) == {'random': str(random_model), 'vitt-procedural': 'vitt-procedural'}


def test_without_gradio_the_command_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **more):
        if name.partition('.')[0] == 'gradio':
            raise ImportError("No module named 'gradio'")
        return real(name, *args, **more)

    for name in ('dav2_ros.web.server', 'dav2_ros.web.page'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(builtins, '__import__', without)
    done = CliRunner().invoke(app, ['web'])
    assert done.exit_code == 1
    assert done.output.startswith('dav2: The page needs Gradio: pip install "dav2_ros[web]"')
