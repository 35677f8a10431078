# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""dav2 bag run: what it writes is what the estimator says, with the stamps of the pictures, however often killed."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from memory import PEAK_KB
from recordings import (
    CAMERA,
    FRAME_ID,
    LIDAR_AT_M,
    LIDAR_FRAME,
    a_depth,
    a_drive,
    by_rosbags,
    cloud,
    stamp,
    tf,
    transform,
)

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraStream
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.run import RunOptions, run
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.definitions import DEFINITIONS
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.transforms import Transforms
from dav2_ros.estimator import DepthEstimator
from dav2_ros.models import checkpoints
from dav2_ros.parameter import definitions, replaced
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.parameters.read import ParameterError, read_parameters
from dav2_ros.scale.pose import Pose

ROOT = Path(__file__).parents[2]
FRAMES = 8
TOPICS = {
    '/dav2/depth/image': 'sensor_msgs/msg/Image',
    '/dav2/depth/camera_info': 'sensor_msgs/msg/CameraInfo',
    '/dav2/points': 'sensor_msgs/msg/PointCloud2',
    '/dav2/stats': 'dav2_ros/msg/InferenceStats',
    '/dav2/scale': 'dav2_ros/msg/ScaleEstimate',
}

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def given(random_model) -> BagParameters:
    options = {'model': str(random_model), 'engine': 'torch', 'precision': 'fp32'}
    return read_parameters(BagParameters, None, ['steady:=none'], **options)[0]


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return by_rosbags(tmp_path_factory.mktemp('drive') / 'drive', a_drive(FRAMES, lidar=True))


@pytest.fixture(scope='module')
def done(drive, given, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'depth'
    return out, run(drive, out, given, RunOptions())


def every(path, topic=None) -> list:
    with BagReader(path) as bag:
        return [(each.topic, each.log_ns, bag.decode(each)) for each in bag.raw(*([topic] if topic else []))]


class TestWhatIsWritten:
    def test_each_picture_has_each_output_with_its_stamps(self, done):
        out, result = done
        assert (result.frames, result.refused, result.resumed) == (FRAMES, {}, 0)
        with BagReader(out) as bag:
            assert bag.topics == TOPICS and bag.notes == []
        for topic in TOPICS:
            found = every(out, topic)
            assert [messages.stamp_ns(message) for _, _, message in found] == [stamp(i) for i in range(FRAMES)]
            assert [log_ns for _, log_ns, _ in found] == [stamp(i) + 1_000_000 for i in range(FRAMES)]
            assert {message.header.frame_id for _, _, message in found} == {FRAME_ID}

    def test_depth_is_what_the_estimator_says_to_the_bit(self, done, drive, random_model):
        with (
            BagReader(drive) as bag,
            DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as e,
        ):
            wanted = [e.estimate(frame)[0] for frame in bag.frames()]
        with BagReader(done[0]) as bag:
            for found, each in zip(bag.depths('/dav2/depth/image'), wanted, strict=True):
                np.testing.assert_array_equal(found.z_m, each.z_m)
                assert found.camera.k.tolist() == CAMERA.k.tolist()

    def test_an_independent_reader_finds_the_same_fields(self, done):
        reader = pytest.importorskip('mcap_ros2.reader', reason='mcap-ros2-support is not installed (extra test)')
        ours = {(topic, log_ns): message for topic, log_ns, message in every(done[0])}
        count = 0
        for each in reader.read_ros2_messages(str(done[0] / 'depth.mcap')):
            same_fields(each.ros_msg, ours[each.channel.topic, each.log_time_ns])
            count += 1
        assert count == len(ours) == FRAMES * len(TOPICS)

    def test_players_find_types_hashes_and_quality_of_service(self, done):
        about = yaml.safe_load((done[0] / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
        assert about['message_count'] == FRAMES * len(TOPICS)
        for topic in (each['topic_metadata'] for each in about['topics_with_message_count']):
            assert TOPICS[topic['name']] == topic['type']
            assert topic['type_description_hash'].strip().startswith('RIHS01_')
            assert topic['offered_qos_profiles'][0]['reliability'] == 'reliable'

    def test_points_lie_where_depth_says(self, done, given):
        with BagReader(done[0]) as bag:
            depths = list(bag.depths('/dav2/depth/image'))
        step = given.cloud.cloud_stride
        for (_, _, message), depth in zip(every(done[0], '/dav2/points'), depths, strict=True):
            points = messages.points(message)
            there = np.isfinite(points['z'])
            assert points.shape == (72 // step, 96 // step) and there.any()
            wanted = CAMERA.strided(step).unproject(depth.z_m[::step, ::step])
            for k, name in enumerate('xyz'):
                np.testing.assert_allclose(points[name][there], wanted[..., k][there], rtol=1e-6)

    def test_stats_count_and_name(self, done):
        last = every(done[0], '/dav2/stats')[-1][2]
        assert (last.frames_received, last.frames_processed, last.frames_failed) == (FRAMES, FRAMES, 0)
        assert (last.engine, last.precision, last.scale) == ('torch', 'fp32', 1.0)
        assert last.engine_ms > 0 and np.isnan(last.latency_ms) and 0 < last.valid_fraction <= 1


def same_fields(theirs, ours) -> None:
    """Compare a message of mcap-ros2-support with one of rosbags, field by field."""
    for name in (each.name for each in dataclasses.fields(ours) if each.name.islower() and each.name[0] != '_'):
        one, other = getattr(theirs, name), getattr(ours, name)
        if hasattr(other, '__dataclass_fields__'):
            same_fields(one, other)
        elif isinstance(other, np.ndarray):
            np.testing.assert_array_equal(np.frombuffer(one, np.uint8) if isinstance(one, bytes) else one, other)
        elif isinstance(other, list):
            for a, b in zip(one, other, strict=True):
                same_fields(a, b)
        else:
            assert one == other or (one != one and other != other), name


class TestDefinitions:
    def test_they_are_those_of_msg(self):
        for name, text in DEFINITIONS.items():
            lines = (ROOT / 'msg' / f'{name.rpartition("/")[2]}.msg').read_text().splitlines()
            told = [re.sub(r'\s+', ' ', line.partition('#')[0]).strip() for line in lines]
            assert text.splitlines() == [line for line in told if line]

    def test_their_hashes_are_those_of_ros(self, done, graph):
        import rclpy

        from dav2_ros.msg import InferenceStats, ScaleEstimate

        node = rclpy.create_node('hashes', context=graph)
        publishers = [node.create_publisher(kind, topic, 1)
                      for kind, topic in ((InferenceStats, '/dav2/stats'), (ScaleEstimate, '/dav2/scale'))]  # fmt: skip
        about = yaml.safe_load((done[0] / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
        told = {t['topic_metadata']['name']: t['topic_metadata']['type_description_hash'].strip()
                for t in about['topics_with_message_count']}  # fmt: skip
        for publisher in publishers:
            (end,) = node.get_publishers_info_by_topic(publisher.topic_name)
            if not hasattr(end, 'topic_type_hash'):
                pytest.skip('this ROS knows no type hashes (they came with Iron)')
            assert 'RIHS01_' + bytes(end.topic_type_hash.value).hex() == told[publisher.topic_name]
        node.destroy_node()


class TestOptions:
    def test_the_originals_are_copied_byte_by_byte(self, drive, given, tmp_path):
        run(drive, tmp_path / 'out', given, RunOptions(copy=True, wanted=('depth',)))
        with BagReader(drive) as one, BagReader(tmp_path / 'out') as other:
            for topic in one.topics:
                wanted = [(each.log_ns, bytes(each.data)) for each in one.raw(topic)]
                assert [(each.log_ns, bytes(each.data)) for each in other.raw(topic)] == wanted
            assert set(other.topics) == {*one.topics, '/dav2/depth/image', '/dav2/depth/camera_info'}

    def test_parameters_are_those_of_the_node(self):
        node, ours = definitions(DepthNodeParameters), definitions(BagParameters)
        assert set(ours) < set(node)
        assert {name for name, one in ours.items() if one != node[name]} == {'cloud_stride'}

    def test_the_file_of_a_node_serves(self):
        file = ROOT / 'config' / 'depth.yaml'
        given, ignored = read_parameters(BagParameters, file, ['max_range_m:=5'], engine='torch')
        assert (given.estimator.max_range_m, given.estimator.engine, given.cloud.cloud_stride) == (5.0, 'torch', 1)
        assert 'diagnostics_period_s' in ignored

    @pytest.mark.parametrize('setting', ['x', 'nothing:=1', 'cloud_stride:=99', 'rectify:=3', 'scale_source:=height',
                                         'model:=[', 'min_range_m:=x'])  # fmt: skip
    def test_a_wrong_parameter_is_one_sentence(self, setting):
        with pytest.raises(ParameterError) as caught:
            read_parameters(BagParameters, None, [setting])
        assert '\n' not in str(caught.value)

    def test_a_lidar_that_tf_places_is_measured_for_its_pictures(self, drive, given):
        """Its points, brought to the camera, lie where the depth image says."""
        lidar = replaced(given, {'scale_source': 'lidar'})
        with BagReader(drive) as bag:
            sensor = RecordedSensor(bag, 'lidar', '', lidar.scale)
            pictures = list(CameraStream(bag, lidar, sensor=sensor).read(skip=lambda _: False))
        assert [picture.missing for picture in pictures] == [''] * FRAMES
        for i, picture in enumerate(pictures):
            pairs = picture.measurement.pairs(a_depth(i))
            assert len(pairs.known_m) > 100 and picture.measurement.stamp_ns == stamp(i) + 20_000_000
            np.testing.assert_allclose(np.median(pairs.ratios), 1.0, atol=1e-3)

    def test_what_is_known_of_the_scale_is_written_too(self, drive, given, tmp_path):
        run(drive, tmp_path / 'out', replaced(given, {'scale_source': 'lidar'}), RunOptions(wanted=('stats',)))
        scales, all_stats = (every(tmp_path / 'out', f'/dav2/{name}') for name in ('scale', 'stats'))
        for (_, _, scale), (_, _, stats) in zip(scales, all_stats, strict=True):
            assert scale.source == 'lidar' and scale.total > 100 and stats.scale == scale.applied

    def test_pictures_that_are_none_are_counted_and_left_out(self, given, tmp_path):
        drive = a_drive(4)
        broken = [each for each in drive if each[0].endswith('compressed')][1]
        broken[1].data = broken[1].data[:40]
        result = run(by_rosbags(tmp_path / 'drive', drive), tmp_path / 'out', given, RunOptions(wanted=('depth',)))
        assert result.frames == 3 and list(result.refused.values()) == [1]
        assert len(every(tmp_path / 'out', '/dav2/depth/image')) == 3

    def test_a_picture_that_would_take_the_memory_is_counted_and_left_out(self, given, tmp_path):
        drive = a_drive(4)
        first, second, *_ = (each for each in drive if each[0].endswith('compressed'))
        first[1].data = cv2.imencode('.png', np.zeros((4, 4000, 3), np.uint8))[1].ravel()
        second[1].data = cv2.imencode('.png', np.zeros((8, 8, 3), np.uint8))[1].ravel()
        second[1].data[16:24] = np.frombuffer((30_000).to_bytes(4, 'big') * 2, np.uint8)
        result = run(by_rosbags(tmp_path / 'drive', drive), tmp_path / 'out', given, RunOptions(wanted=('depth',)))
        assert result.frames == 2 and list(result.refused.values()) == [1, 1]
        assert '900 million pixels' in ' '.join(result.refused)

    def test_nothing_stays_of_a_recording_without_depth(self, given, tmp_path):
        drive = [each for each in a_drive(2) if 'image' not in each[0]]
        with pytest.raises(BagError, match='0 topics of pictures'):
            run(by_rosbags(tmp_path / 'drive', drive), tmp_path / 'out', given, RunOptions())
        assert [path.name for path in tmp_path.iterdir()] == ['drive']


PROGRAM = """
import sys, os, signal
from pathlib import Path
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.read import read_parameters
from dav2_ros.bags.run import RunOptions, run
import torch
torch.set_num_threads(1)
drive, out, model, stop = sys.argv[1:]
settings = ['steady:=none', 'cloud_stride:=1']  # a chunk of points is on the disk before long
given = read_parameters(BagParameters, None, settings, model=model, engine='torch', precision='fp32')[0]
def watch(at):
    if at.fresh >= int(stop):
        os.kill(os.getpid(), signal.SIGKILL)
result = run(Path(drive), Path(out), given, RunOptions(copy=True), watch=watch)
print(result.resumed, result.frames)
"""


def launch(*args, program: str = PROGRAM) -> subprocess.CompletedProcess:
    command = [sys.executable, '-c', program, *map(str, args)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)}
    )


class TestKilled:
    """A process that is killed leaves nothing that looks whole, and the next one goes on."""

    @pytest.fixture(scope='class')
    @staticmethod
    def long(tmp_path_factory):
        return by_rosbags(tmp_path_factory.mktemp('long') / 'long', a_drive(40, lidar=True))

    def test_it_goes_on_and_ends_as_if_nothing_had_been(self, long, random_model, given, tmp_path):
        once = tmp_path / 'once'
        run(long, once, replaced(given, {'cloud_stride': 1}), RunOptions(copy=True))
        out = tmp_path / 'out'
        for stop in (24, 6):
            assert launch(long, out, random_model, stop).returncode == -signal.SIGKILL
            assert not out.exists() and (tmp_path / '.out.part').is_dir()
        last = launch(long, out, random_model, 1000)
        assert last.returncode == 0, last.stderr
        resumed, frames = map(int, last.stdout.split())
        assert frames == 40 and 10 < resumed < 40
        assert sorted(path.name for path in tmp_path.iterdir()) == ['once', 'out']
        with BagReader(once) as one, BagReader(out) as other:
            assert one.topics == other.topics
            for topic in one.topics:
                pairs = zip(one.raw(topic), other.raw(topic), strict=True)
                assert all(a.log_ns == b.log_ns and (topic == '/dav2/stats' or a.data == b.data) for a, b in pairs), (
                    topic
                )

    def test_what_was_asked_otherwise_begins_anew(self, long, random_model, given, tmp_path):
        out = tmp_path / 'out'
        launch(long, out, random_model, 20)
        assert run(long, out, given, RunOptions(wanted=('depth',))).resumed == 0
        with BagReader(out) as bag:
            assert set(bag.topics) == {'/dav2/depth/image', '/dav2/depth/camera_info'}

    def test_two_at_once_are_refused(self, drive, given, tmp_path):
        from dav2_ros.bags.resume import PartialRun

        with PartialRun(tmp_path / 'out', 'one'), pytest.raises(BagError, match='Another run is writing'):
            run(drive, tmp_path / 'out', given, RunOptions())


class TestTransforms:
    def test_a_chain_is_the_product_of_its_links(self):
        tree = Transforms()
        tree.add(tf(transform('base', LIDAR_FRAME, LIDAR_AT_M, (0, 0, 0, 1)),
                    transform('base', FRAME_ID, (0, 0, 0), (-0.5, 0.5, -0.5, 0.5))), static=True)  # fmt: skip
        found = tree.pose(FRAME_ID, LIDAR_FRAME, 0)
        ahead = np.array([[2.0, 0.5, -0.25]], np.float32)  # forward, left, up of the LiDAR
        np.testing.assert_allclose(found.apply(ahead), [[-0.6, -0.15, 2.3]], atol=1e-6)
        there_and_back = tree.pose(LIDAR_FRAME, FRAME_ID, 0).apply(found.apply(ahead))
        np.testing.assert_allclose(there_and_back, ahead, atol=1e-6)

    def test_a_moving_frame_is_between_its_moments(self):
        tree = Transforms()
        for i in (2, 0, 1):  # in any order
            turn = 0.4 * i
            tree.add(tf(transform('base', 'arm', (float(i), 0, 0), (0, 0, np.sin(turn / 2), np.cos(turn / 2)),
                                  at=i * 10**9)), static=False)  # fmt: skip
        found = tree.pose('base', 'arm', 1_500_000_000)
        wanted = Pose.from_rpy((1.5, 0, 0), (0, 0, 0.6))
        np.testing.assert_allclose(found.rotation, wanted.rotation, atol=1e-9)
        np.testing.assert_allclose(found.xyz_m, wanted.xyz_m, atol=1e-9)

    def test_what_is_not_connected_or_a_circle_is_one_sentence(self):
        tree = Transforms()
        tree.add(
            tf(transform('a', 'b', (0, 0, 0), (0, 0, 0, 1)), transform('b', 'a', (0, 0, 0), (0, 0, 0, 1))), static=True
        )
        with pytest.raises(BagError, match="do not connect 'x' with 'a'"):
            tree.pose('a', 'x', 0)


def test_memory_does_not_grow_with_the_recording(random_model, tmp_path):
    """Four times the recording takes no more memory, within what an allocator keeps."""
    peaks, told = [], f'print({PEAK_KB})'
    for frames in (30, 120):
        drive = by_rosbags(tmp_path / f'drive{frames}', _large(frames))
        done = launch(drive, tmp_path / f'out{frames}', random_model, 100000, program=PROGRAM + told)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    grown = sum(file.stat().st_size for file in (tmp_path / 'drive120').iterdir()) / 2**20 * 0.75
    assert grown > 150 and peaks[1] - peaks[0] < 0.3 * grown, (peaks, grown)


def _large(frames):
    """Yield a drive with pictures and clouds of a megabyte each, one at a time."""
    for i in range(frames):
        for topic, message, log_ns in a_drive(1):
            if topic.endswith('compressed'):
                message.header.stamp = messages.header(stamp(i), '').stamp
                yield '/camera/image/compressed', message, stamp(i)
                points = np.random.default_rng(i).normal(size=(170_000, 3)).astype(np.float32)
                yield '/lidar/points', cloud(points, stamp(i), LIDAR_FRAME), stamp(i) + log_ns % 7
