# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as they are found: of any writer, split, compressed, without index, cut off, damaged."""

from __future__ import annotations

import random
import shutil
import sqlite3

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from recordings import CAMERA, a_depth, a_drive, a_frame, by_mcap, by_rosbags, stamp

from dav2_ros.bags import BagError
from dav2_ros.bags.info import overview, to_json, to_text
from dav2_ros.bags.storage.files import find_files
from dav2_ros.bags.storage.reader import BagReader

FRAMES = 6
DRIVE = a_drive(FRAMES, lidar=True)
WRITERS = {
    'mcap': lambda path: by_rosbags(path, DRIVE),
    'mcap, chunks of zstd': lambda path: by_rosbags(path, DRIVE, mode='STORAGE'),
    'mcap, file of zstd': lambda path: by_rosbags(path, DRIVE, mode='FILE'),
    'sqlite3': lambda path: by_rosbags(path, DRIVE, plugin='SQLITE3'),
    'sqlite3, file of zstd': lambda path: by_rosbags(path, DRIVE, plugin='SQLITE3', mode='FILE'),
    'sqlite3, messages of zstd': lambda path: by_rosbags(path, DRIVE, plugin='SQLITE3', mode='MESSAGE'),
    'another writer': lambda path: by_mcap(path.with_suffix('.mcap'), DRIVE),
    'another writer, small chunks': lambda path: by_mcap(path.with_suffix('.mcap'), DRIVE, chunk_size=2000),
}


@pytest.fixture(scope='module', params=WRITERS)
def bag(request, tmp_path_factory):
    if request.param.startswith('another'):
        pytest.importorskip('mcap_ros2.writer', reason='mcap-ros2-support is not installed (extra test)')
    return WRITERS[request.param](tmp_path_factory.mktemp('bags') / 'drive')


def content(path) -> list:
    """Return every message and the notes."""
    with BagReader(path) as bag:
        return [(each.topic, each.log_ns, bytes(each.data)) for each in bag.raw()]


class TestWriters:
    def test_every_message_comes_back_in_order(self, bag):
        found = content(bag)
        assert [each[:2] for each in found] == [(topic, log_ns) for topic, _, log_ns in DRIVE]

    def test_pictures_and_depth_come_back(self, bag):
        with BagReader(bag) as reader:
            frames, depths = list(reader.frames()), list(reader.depths())
            assert reader.notes == []
            assert reader.stored['/lidar/points'].count == FRAMES
            assert reader.span_ns == (DRIVE[0][2], DRIVE[-1][2])
        for i, (frame, depth) in enumerate(zip(frames, depths, strict=True)):
            assert (frame.stamp_ns, frame.camera, depth.camera) == (stamp(i), CAMERA.__class__(**{**vars(CAMERA),
                    'distortion_model': 'plumb_bob', 'distortion': (0.0,) * 5}), frame.camera)  # fmt: skip
            assert np.abs(frame.rgb.astype(int) - a_frame(i).rgb).mean() < 12
            np.testing.assert_array_equal(depth.z_m, a_depth(i).z_m)

    def test_an_overview_pairs_what_belongs_together(self, bag):
        found = overview(bag)
        assert {each.topic: each.use for each in found.topics} == {
            '/tf_static': 'transforms', '/camera/camera_info': 'calibration', '/camera/image/compressed': 'picture',
            '/camera/depth/image': 'depth', '/lidar/points': 'lidar',
        }  # fmt: skip
        (camera,) = found.cameras
        assert (camera.width, camera.height, camera.info_topic) == (96, 72, '/camera/camera_info')
        assert {each.topic: each.where for each in camera.partners} == {
            '/camera/depth/image': 'same frame', '/lidar/points': 'by TF'
        }  # fmt: skip
        assert camera.missing == ()
        assert '65.2 deg across' in to_text(found) and '"use": "lidar"' in to_json(found)


class TestWithout:
    """What recorders leave out when they are killed, and people when they copy."""

    @pytest.mark.parametrize('plugin', ['MCAP', 'SQLITE3'])
    def test_metadata(self, tmp_path, plugin):
        path = by_rosbags(tmp_path / 'drive', DRIVE, plugin=plugin)
        whole = content(path)
        (path / 'metadata.yaml').unlink()
        assert content(path) == whole
        with BagReader(path) as bag:
            assert 'metadata.yaml is missing' in ' '.join(bag.notes)

    def test_summary(self, tmp_path):
        pytest.importorskip('mcap_ros2.writer', reason='mcap-ros2-support is not installed (extra test)')
        path = by_mcap(tmp_path / 'drive.mcap', DRIVE, chunk_size=2000)
        data = path.read_bytes()
        whole = content(path)
        path.write_bytes(data[: data.rindex(b'\x0f\x04\0\0\0\0\0\0\0') or None])  # DATA_END and all after it
        assert content(path) == whole

    @pytest.mark.parametrize('options', [{'use_chunking': False}, {'index_types': 0}], ids=['chunks', 'index'])
    def test_chunks_or_index(self, tmp_path, options):
        writer = pytest.importorskip('mcap.writer', reason='mcap is not installed (extra bags)')
        if 'index_types' in options:
            options = {'index_types': writer.IndexType.NONE}
        try:
            path = by_mcap(tmp_path / 'drive.mcap', DRIVE, **options)
        except TypeError:
            pytest.skip('this mcap-ros2-support always writes chunks and indices')
        assert [each[:2] for each in content(path)] == [(topic, log_ns) for topic, _, log_ns in DRIVE]

    def test_the_index_of_a_database(self, tmp_path):
        path = by_rosbags(tmp_path / 'drive', DRIVE, plugin='SQLITE3')
        whole = content(path)
        with sqlite3.connect(path / 'drive.db3') as database:
            database.execute('DROP INDEX timestamp_idx')
        database.close()
        assert content(path) == whole

    def test_type_definitions(self, tmp_path):
        """As in recordings of Humble: the database does not explain its types."""
        path = by_rosbags(tmp_path / 'drive', DRIVE, plugin='SQLITE3')
        with sqlite3.connect(path / 'drive.db3') as database:
            database.execute('DROP TABLE message_definitions')
        database.close()
        with BagReader(path) as bag:
            assert [frame.stamp_ns for frame in bag.frames()] == [stamp(i) for i in range(FRAMES)]

    def test_a_write_ahead_log_is_part_of_the_recording(self, tmp_path):
        path = by_rosbags(tmp_path / 'drive', DRIVE[:8], plugin='SQLITE3')
        database = sqlite3.connect(path / 'drive.db3')
        database.execute('PRAGMA journal_mode=WAL')
        (topic,) = database.execute('SELECT id FROM topics LIMIT 1').fetchone()
        database.execute('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', (topic, 2**62, b'\0' * 9))
        database.commit()  # and no checkpoint: the recorder is killed
        killed = tmp_path / 'killed'
        shutil.copytree(path, killed)
        database.close()
        assert len(content(killed)) == 9

    def test_one_of_its_files(self, tmp_path):
        path = split(tmp_path)
        (path / 'drive_1.mcap').unlink()
        with BagReader(path) as bag:
            assert [frame.stamp_ns for frame in bag.frames()] == [stamp(i) for i in (0, 1, 4, 5)]
            assert 'drive_1.mcap is missing' in bag.notes


def split(folder):
    """Write a recording of three files, as a recorder does that splits by size."""
    path = folder / 'drive'
    path.mkdir()
    for part in range(3):
        pieces = [each for each in DRIVE if part in (0, 1, 2) and (each[2] - stamp(0)) // (2 * 10**8) == part]
        made = by_rosbags(folder / f'drive_{part}', pieces)
        shutil.copy(made / f'drive_{part}.mcap', path)
    names = ''.join(f'  - drive_{part}.mcap\n' for part in range(3))
    (path / 'metadata.yaml').write_text(f'rosbag2_bagfile_information:\n  relative_file_paths:\n{names}')
    return path


@pytest.mark.parametrize('name', ['drive', 'dri\nve', '', '_', '7_'])
def test_files_that_no_list_names_are_read_by_number(tmp_path, name):
    for number in (10, 9, 100):
        (tmp_path / f'{name}_{number}.mcap').touch()
    files, _ = find_files(tmp_path)
    assert [file.name for file in files] == [f'{name}_{number}.mcap' for number in (9, 10, 100)]


def test_split_recordings_are_one(tmp_path):
    with BagReader(split(tmp_path)) as bag:
        assert [frame.stamp_ns for frame in bag.frames()] == [stamp(i) for i in range(FRAMES)]
        assert bag.stored['/camera/camera_info'].count == FRAMES


class TestCutOff:
    """A recording that ends early gives its beginning, and says where it ends."""

    @pytest.mark.parametrize('share', [0.3, 0.6, 0.9])
    @pytest.mark.parametrize('writer', ['mcap', 'sqlite3', 'another writer, small chunks', 'mcap, file of zstd'])
    def test_what_is_readable_is_the_beginning(self, tmp_path, writer, share):
        if writer.startswith('another'):
            pytest.importorskip('mcap_ros2.writer', reason='mcap-ros2-support is not installed (extra test)')
        path = WRITERS[writer](tmp_path / 'drive')
        whole = content(path)
        file = path if path.is_file() else max(path.glob('drive.*'), key=lambda each: each.stat().st_size)
        data = file.read_bytes()
        file.write_bytes(data[: int(share * len(data))])
        try:
            with BagReader(path) as bag:
                found = [(each.topic, each.log_ns, bytes(each.data)) for each in bag.raw()]
                notes = ' '.join(bag.notes)
        except BagError as error:
            found, notes = [], str(error)
        assert found == whole[: len(found)]
        assert 'ends early' in notes or 'not a whole recording' in notes or found == whole  # but for its index
        if writer in ('mcap', 'another writer, small chunks'):
            assert len(found) > 0.5 * share * len(whole)
        assert '\n' not in notes


FUZZ = 540  # cases, seeds 0 to 539


@pytest.fixture(scope='module')
def originals(tmp_path_factory):
    return small_recordings(tmp_path_factory.mktemp('originals'))


def small_recordings(folder) -> list:
    small = a_drive(2, lidar=True)
    return [by_rosbags(folder / 'mcap', small), by_rosbags(folder / 'sqlite3', small, plugin='SQLITE3'),
            by_rosbags(folder / 'zstd', small, mode='STORAGE'), by_rosbags(folder / 'packed', small, mode='FILE'),
            by_rosbags(folder / 'each', small, plugin='SQLITE3', mode='MESSAGE')]  # fmt: skip


class TestFuzzed:
    """Damage of any kind ends in what is readable, or in one sentence, and never in a hang."""

    @pytest.mark.parametrize('part', range(6))
    @pytest.mark.timeout(300)
    def test_damage_ends_well(self, originals, tmp_path, part):
        for seed in range(part, FUZZ, 6):
            path = tmp_path / str(seed)
            damage(originals[seed % len(originals)], path, random.Random(seed))
            try:
                read_all(path)
            except BagError as error:
                assert '\n' not in str(error), seed
            except Exception as error:
                raise AssertionError(f'seed {seed}') from error
            shutil.rmtree(path)


def damage(original, path, rng) -> None:
    """Copy a recording and flip, cut, blank, insert or repeat bytes of one of its files."""
    shutil.copytree(original, path)
    file = rng.choice(sorted(path.iterdir()))
    data = bytearray(file.read_bytes())
    how, at = rng.choice(('flip', 'flip', 'cut', 'blank', 'insert', 'repeat')), rng.randrange(len(data))
    if rng.random() < 0.5:  # heads and tails say what the rest is
        at = rng.choice((at % 200, len(data) - 1 - at % 600)) % len(data)
    length = rng.choice((1, 4, 64, 4096))
    if how == 'flip':
        for _ in range(rng.choice((1, 3, 20))):
            data[(at + rng.randrange(length)) % len(data)] ^= 1 << rng.randrange(8)
    elif how == 'cut':
        del data[at:]
    elif how == 'blank':
        data[at : at + length] = bytes(len(data[at : at + length]))
    elif how == 'insert':
        data[at:at] = rng.randbytes(length)
    else:
        data[at:at] = data[at : at + length]
    file.write_bytes(data)


def read_all(path) -> None:
    """Do what every command does with a recording."""
    overview(path)
    with BagReader(path) as bag:
        for recorded in bag.raw():
            try:
                bag.decode(recorded)
            except BagError as error:
                assert '\n' not in str(error)
        for read in (bag.frames, bag.depths):
            try:
                for _ in read():
                    pass
            except BagError as error:
                assert '\n' not in str(error)
        assert not any('\n' in note for note in bag.notes)
