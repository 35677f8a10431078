# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings: what is written is read back, by us and by others; and the one that ships with the package."""

from __future__ import annotations

import itertools
import json
import math
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

rosbags = pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402

from dav2_ros.bags import DEMO_BAG, BagError  # noqa: E402
from dav2_ros.bags.storage import messages  # noqa: E402
from dav2_ros.bags.storage.reader import BagReader  # noqa: E402
from dav2_ros.bags.storage.writer import BagWriter  # noqa: E402
from dav2_ros.camera import Camera  # noqa: E402
from dav2_ros.frames import DepthMap, Frame  # noqa: E402

CAMERA = Camera(64, 48, 50.5, 51.25, 30.0, 25.5, 'plumb_bob', (0.1, -0.2, 0.001, 0.002, 0.05))
START_NS = 1_700_000_000_123_456_789
STEP_NS = 33_333_333


def a_frame(i: int) -> Frame:
    v, u = np.mgrid[0:48, 0:64]
    rgb = np.stack([(2 * u + 5 * i) % 256, 3 * v, (u + v) % 256], axis=-1).astype(np.uint8)
    return Frame(rgb, CAMERA, START_NS + i * STEP_NS, 'camera_optical_frame')


def a_depth(i: int) -> DepthMap:
    z_m = np.random.default_rng(i).uniform(0.3, 60.0, (48, 64)).astype(np.float32)
    z_m[:3], z_m[3:6], z_m[6:9] = np.nan, np.inf, 70.0
    return DepthMap(z_m, CAMERA, START_NS + i * STEP_NS, 'camera_optical_frame')


@pytest.fixture(scope='module', params=[False, True], ids=['plain', 'zstd'])
def bag(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('bags') / 'drive'
    with BagWriter(path, compressed=request.param) as out:
        for i in range(5):
            frame = a_frame(i)
            out.camera_info('/front/camera_info', CAMERA, frame.stamp_ns, frame.frame_id)
            out.picture('/front/image', frame, quality=95)
            out.depth('/front/depth/image', a_depth(i))
    return path


class TestRoundTrip:
    def test_frames_come_back(self, bag):
        with BagReader(bag) as back:
            frames = list(back.frames())
        assert [f.stamp_ns for f in frames] == [START_NS + i * STEP_NS for i in range(5)]
        for i, frame in enumerate(frames):
            assert frame.frame_id == 'camera_optical_frame'
            assert frame.camera == CAMERA
            assert np.abs(frame.rgb.astype(int) - a_frame(i).rgb).mean() < 12  # a jpeg; shifted or swapped: > 40

    def test_depth_comes_back_to_half_a_millimetre(self, bag):
        with BagReader(bag) as back:
            depths = list(back.depths())
        for i, depth in enumerate(depths):
            wanted = a_depth(i)
            assert (depth.stamp_ns, depth.frame_id, depth.camera) == (wanted.stamp_ns, wanted.frame_id, CAMERA)
            assert np.isnan(depth.z_m[:9]).all()  # unknown, infinite and beyond 16 bits: all are 0 there
            assert np.abs(depth.z_m[9:] - wanted.z_m[9:]).max() <= 5.1e-4

    def test_an_independent_reader_sees_the_same_fields(self, bag):
        reader = pytest.importorskip('mcap_ros2.reader', reason='mcap-ros2-support is not installed (extra test)')
        seen = {}
        for each in reader.read_ros2_messages(str(bag / 'drive.mcap')):
            seen.setdefault(each.channel.topic, []).append(each)
        assert {topic: len(found) for topic, found in seen.items()} == {
            '/front/camera_info': 5,
            '/front/image/compressed': 5,
            '/front/depth/image/compressedDepth': 5,
        }
        for i in range(5):
            at = START_NS + i * STEP_NS
            for found in seen.values():
                header = found[i].ros_msg.header
                assert (header.stamp.sec * 10**9 + header.stamp.nanosec, found[i].log_time_ns) == (at, at)
                assert header.frame_id == 'camera_optical_frame'
        info = seen['/front/camera_info'][2].ros_msg
        assert (info.width, info.height, info.distortion_model) == (64, 48, 'plumb_bob')
        assert list(info.d) == list(CAMERA.distortion)
        assert list(info.k) == [50.5, 0, 30.0, 0, 51.25, 25.5, 0, 0, 1]
        assert list(info.p) == [50.5, 0, 30.0, 0, 0, 51.25, 25.5, 0, 0, 0, 1, 0]
        assert list(info.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
        picture = seen['/front/image/compressed'][2].ros_msg
        assert 'jpeg' in picture.format and bytes(picture.data[:2]) == b'\xff\xd8'
        depth = seen['/front/depth/image/compressedDepth'][2].ros_msg
        assert depth.format == '16UC1; compressedDepth png'  # as compressed_depth_image_transport writes it
        assert bytes(depth.data[:12]) == bytes(12) and bytes(depth.data[12:16]) == b'\x89PNG'

    def test_rosbag2_finds_what_it_needs_in_the_metadata(self, bag):
        about = yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
        assert (about['version'], about['storage_identifier']) == (9, 'mcap')
        assert about['relative_file_paths'] == [path.name for path in bag.glob('*.mcap')]
        assert about['message_count'] == 15
        for topic in about['topics_with_message_count']:
            assert topic['topic_metadata']['type_description_hash'].strip().startswith('RIHS01_')
            (qos,) = topic['topic_metadata']['offered_qos_profiles']
            assert (qos['reliability'], qos['durability']) == ('reliable', 'volatile')

    def test_type_hashes_are_those_of_ros(self, bag):
        message = pytest.importorskip('sensor_msgs.msg', reason='sensor_msgs is not installed (extra ros)')
        about = yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
        folders = [parent / 'share/sensor_msgs/msg' for parent in Path(message.__file__).parents]
        share = next((folder for folder in folders if (folder / 'CameraInfo.json').is_file()), None)
        if share is None:
            pytest.skip('this ROS installed no type hashes (they came with Iron)')
        for topic in about['topics_with_message_count']:
            name = topic['topic_metadata']['type'].rpartition('/')[2]
            known = {
                h['type_name']: h['hash_string']
                for h in json.loads((share / f'{name}.json').read_text())['type_hashes']
            }
            assert topic['topic_metadata']['type_description_hash'].strip() == known[f'sensor_msgs/msg/{name}']


class TestWriter:
    def test_a_recording_that_fails_leaves_nothing(self, tmp_path):
        with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / 'drive') as out:
            out.picture('/image', a_frame(0))
            _ = 1 / 0
        assert list(tmp_path.iterdir()) == []

    def test_a_recording_is_replaced_only_by_a_whole_one(self, tmp_path):
        for i in range(2):
            with BagWriter(tmp_path / 'drive') as out:
                out.picture('/image', a_frame(i))
        with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / 'drive') as out:
            out.picture('/image', a_frame(7))
            _ = 1 / 0
        with BagReader(tmp_path / 'drive') as bag:
            assert [f.stamp_ns for f in bag.frames()] == [a_frame(1).stamp_ns]

    def test_a_folder_that_is_no_recording_is_not_replaced(self, tmp_path):
        (tmp_path / 'precious.txt').write_text('mine')
        with pytest.raises(BagError, match='is no recording'):
            BagWriter(tmp_path)

    def test_types_of_our_own_travel_with_their_definition(self, tmp_path):
        text = 'std_msgs/Header header\nfloat32 engine_ms\nstring model\n'
        # CDR, little-endian: stamp 5 s 6 ns, frame_id 'c', engine_ms 1.5, model 'vits'
        data = b'\0\1\0\0' + struct.pack('<iII2s2xfI5s', 5, 6, 2, b'c\0', 1.5, 5, b'vits\0')
        with BagWriter(tmp_path / 'drive') as out:
            out.write_raw('/stats', 'dav2_test/msg/Stats', data, 9, definition=text)
        with BagReader(tmp_path / 'drive') as bag:
            (recorded,) = bag.raw('/stats')
            message = bag.decode(recorded)
        assert (recorded.log_ns, message.engine_ms, message.model) == (9, 1.5, 'vits')
        with pytest.raises(BagError, match='give its definition'), BagWriter(tmp_path / 'other') as out:
            out.write_raw('/x', 'nobody/msg/Knows', b'', 0)


def written(path, *recorded):
    """Write messages of rosbags' types with rosbags alone, as sqlite3: a recording that is not ours."""
    kilted = messages.kilted()
    with Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        connections = {}
        for log_ns, (topic, message) in enumerate(recorded):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=kilted)
            bag.write(connections[topic], log_ns, kilted.serialize_cdr(message, kind))
    return path


def raw_image(pixels: np.ndarray, encoding: str, stamp_ns: int = 0, *, padding: int = 0, big: bool = False):
    """Make a sensor_msgs/Image of (H, W) or (H, W, C), each row followed by `padding` bytes."""
    types = messages.kilted().types
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder('>') if big else pixels.dtype))
    rows = rows.view(np.uint8).reshape(len(pixels), -1)
    rows = np.hstack([rows, np.full((len(rows), padding), 171, np.uint8)])
    time = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
    header = types['std_msgs/msg/Header'](time, 'c')
    h, w = pixels.shape[:2]
    return types[messages.IMAGE](header, h, w, encoding, int(big), rows.shape[1], rows.ravel())


class TestReader:
    RGB = np.random.default_rng(3).integers(0, 256, (6, 5, 3)).astype(np.uint8)

    @pytest.mark.parametrize('padding', [0, 7])
    @pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8'])
    def test_raw_pictures(self, tmp_path, encoding, padding):
        alpha = np.full((6, 5, 1), 7, np.uint8)
        stored = {
            'rgb8': self.RGB,
            'bgr8': self.RGB[..., ::-1],
            'rgba8': np.dstack([self.RGB, alpha]),
            'bgra8': np.dstack([self.RGB[..., ::-1], alpha]),
            'mono8': self.RGB[..., 0],
        }[encoding]
        message = raw_image(np.ascontiguousarray(stored), encoding, padding=padding)
        with BagReader(written(tmp_path / 'bag', ('/image', message))) as bag:
            (frame,) = bag.frames()
        assert np.array_equal(frame.rgb, self.RGB if encoding != 'mono8' else self.RGB[..., :1].repeat(3, axis=-1))
        assert frame.camera is None

    @pytest.mark.parametrize('big', [False, True])
    def test_raw_depth(self, tmp_path, big):
        z_m = np.array([[1.5, np.nan, np.inf], [0.25, 2.0, 63.0]], np.float32)
        z_mm = np.array([[1500, 0, 65535], [250, 2000, 63000]], np.uint16)
        of_mm = np.array([[1.5, np.nan, 65.535], [0.25, 2.0, 63.0]], np.float32)
        for encoding, stored, wanted in (('32FC1', z_m, z_m), ('16UC1', z_mm, of_mm), ('mono16', z_mm, of_mm)):
            message = raw_image(stored, encoding, big=big, padding=4)
            with BagReader(written(tmp_path / encoding, ('/depth', message))) as bag:
                (depth,) = bag.depths()
            assert np.allclose(depth.z_m, wanted, rtol=1e-6, equal_nan=True)

    def test_compressed_float_depth(self, tmp_path):
        """compressed_depth_image_transport stores 32FC1 as uint16 a / z + b, with a and b in its header."""
        a, b = 5000.0, -49.0
        z_m = np.array([[0.8, 2.0, 9.0]], np.float32)
        png = cv2.imencode('.png', np.append(np.rint(a / z_m + b), [[0]], axis=1).astype(np.uint16))[1]
        data = np.frombuffer(struct.pack('<iff', 0, a, b) + png.tobytes(), np.uint8)
        message = messages.jpeg_message(self.RGB, 0, 'c', 90)
        message.format, message.data = '32FC1; compressedDepth png', data
        with BagReader(written(tmp_path / 'bag', ('/depth/compressedDepth', message))) as bag:
            (depth,) = bag.depths()
        assert np.allclose(depth.z_m[0, :3], z_m, rtol=2e-3)
        assert np.isnan(depth.z_m[0, 3])

    def test_each_picture_has_the_camera_of_its_time(self, tmp_path):
        wide, long = Camera.from_hfov(5, 6, 1.5), Camera.from_hfov(5, 6, 0.5)
        recorded = [('/image', raw_image(self.RGB, 'rgb8', at)) for at in (5, 10, 15, 20, 25)]
        infos = [messages.info_message(wide, 10, 'c'), messages.info_message(long, 20, 'c')]
        recorded += [('/camera_info', info) for info in infos]  # recorded late: the stamp counts
        with BagReader(written(tmp_path / 'bag', *recorded)) as bag:
            assert [f.camera.fx_px for f in bag.frames()] == [
                wide.fx_px,
                wide.fx_px,
                wide.fx_px,
                long.fx_px,
                long.fx_px,
            ]

    def test_region_of_interest_and_binning(self):
        info = messages.info_message(Camera(640, 480, 500.0, 500.0, 320.0, 240.0), 0, 'c')
        info.roi = messages.kilted().types['sensor_msgs/msg/RegionOfInterest'](100, 40, 200, 400, False)  # x y h w
        info.binning_x = info.binning_y = 2
        found = messages.camera(info)
        assert (found.width, found.height, found.fx_px) == (200, 100, 250.0)
        # the corner of a pixel, not its centre, keeps its place: (320 - 100 + 0.5) / 2 - 0.5
        assert (found.cx_px, found.cy_px) == (109.75, 99.75)

    def test_an_uncalibrated_camera_is_none(self):
        info = messages.info_message(CAMERA, 0, 'c')
        info.k = np.zeros(9)
        assert messages.camera(info) is None

    def test_bad_messages_are_one_sentence(self, tmp_path):
        ok = raw_image(self.RGB, 'rgb8')
        short = raw_image(self.RGB, 'rgb8')
        short.data = short.data[:-1]
        broken = messages.jpeg_message(self.RGB, 0, 'c', 90)
        broken.data = broken.data[:9]
        for read, message, words in (
            (messages.picture, raw_image(self.RGB[..., 0], 'rainbow8'), 'rainbow8'),
            (messages.picture, short, 'wrongly formed'),
            (messages.picture, broken, 'not a whole picture'),
            (lambda m: messages.depth(m, None), ok, 'not depth'),
            (lambda m: messages.depth(m, None), broken, 'not compressedDepth'),
        ):
            with pytest.raises(BagError, match=words) as caught:
                read(message)
            assert '\n' not in str(caught.value)

    def test_topics_are_asked_for_only_when_there_are_several(self, tmp_path):
        left, right = raw_image(self.RGB, 'rgb8'), raw_image(self.RGB[::-1], 'rgb8')
        with BagReader(written(tmp_path / 'bag', ('/left/image', left), ('/right/image', right))) as bag:
            with pytest.raises(BagError, match='name one of /left/image, /right/image'):
                list(bag.frames())
            (frame,) = bag.frames('/right/image')
            assert np.array_equal(frame.rgb, self.RGB[::-1])
            with pytest.raises(BagError, match='0 topics of depth images'):
                list(bag.depths())

    def test_what_is_no_recording_is_one_sentence(self, tmp_path):
        with pytest.raises(BagError, match='no recording at'), BagReader(tmp_path / 'nothing'):
            pass
        (tmp_path / 'bad.mcap').write_bytes(b'\x89MCAP0\r\n' + bytes(100))
        (tmp_path / 'bag').mkdir()
        for path in (tmp_path / 'bad.mcap', tmp_path / 'bag'):
            with pytest.raises(BagError, match='not a whole recording'), BagReader(path):
                pass

    def test_half_a_recording_is_read_up_to_its_end(self, bag, tmp_path):
        data = (bag / 'drive.mcap').read_bytes()
        (tmp_path / 'half.mcap').write_bytes(data[: len(data) // 2])
        if b'zstd' in data[:200]:  # its only chunk is in pieces
            with pytest.raises(BagError, match='nothing in it is readable'), BagReader(tmp_path / 'half.mcap'):
                pass
            return
        with BagReader(tmp_path / 'half.mcap') as half, BagReader(bag) as whole:
            found = [(each.topic, each.log_ns, each.data) for each in half.raw()]
            assert found == [(each.topic, each.log_ns, bytes(each.data)) for each in whole.raw()][: len(found)]
            assert 3 < len(found) < 15
            assert 'half.mcap ends early' in ' '.join(half.notes)


@pytest.fixture(scope='module')
def content():
    with BagReader(DEMO_BAG) as bag:
        return list(bag.frames()), list(bag.depths())


class TestBundled:
    def test_it_is_small(self):
        assert sum(path.stat().st_size for path in DEMO_BAG.iterdir()) <= 8e6

    def test_every_picture_has_its_truth(self, content):
        frames, depths = content
        assert len(frames) >= 50
        assert [f.stamp_ns for f in frames] == [d.stamp_ns for d in depths]
        assert {f.frame_id for f in frames} == {d.frame_id for d in depths}

    def test_it_is_some_seconds_at_ten_hertz(self, content):
        stamps = np.array([f.stamp_ns for f in content[0]])
        assert (np.diff(stamps) == 100_000_000).all()
        assert 3e9 < stamps[-1] - stamps[0] < 10e9

    def test_the_camera_is_the_one_that_rendered_it(self, content):
        from dav2_training.assets import demo_bag

        wanted = Camera.from_hfov(640, 480, math.radians(65.0))
        for frame in content[0]:
            assert frame.rgb.shape == (480, 640, 3)
            assert np.allclose(frame.camera.k, wanted.k, rtol=1e-12)
            assert not frame.camera.is_distorted
        assert demo_bag.camera() == wanted

    def test_pictures_and_truth_are_those_of_the_renderer(self, content):
        """Truth to the millimetre that it is stored in; pictures to jpeg's loss and the sensor's noise."""
        import torch

        from dav2_training.assets import demo_bag

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        frames, depths = content
        number = 0
        for shot in demo_bag.SHOTS:
            for i in (0, shot.frames // 2, shot.frames - 1):
                rendered = demo_bag.render([shot.scene()], [shot.view(i)], 480, 640)
                z_m, frame, depth = rendered.z_m[0].numpy(), frames[number + i], depths[number + i]
                stored = z_m < 65.535
                agree = np.isfinite(depth.z_m) == stored
                assert agree.mean() > 0.9999  # a silhouette may move by a rounding on another processor
                error_m = np.abs(depth.z_m - z_m)[stored & agree]
                assert np.quantile(error_m, 0.9999) <= 6e-4
                assert np.abs(frame.rgb.astype(int) - rendered.rgb[0].numpy()).mean() < 3
            number += shot.frames
        torch.set_num_threads(threads)
        assert number == len(frames)

    def test_it_shows_near_and_far_and_sky(self, content):
        indoors, outdoors = content[1][5].z_m, content[1][-5].z_m
        assert np.isfinite(indoors).all() and np.nanmax(indoors) < 15
        assert 0.02 < np.isnan(outdoors).mean() < 0.5
        assert np.nanmin(outdoors) < 4 and np.nanmax(outdoors) > 50

    def test_the_camera_moves_smoothly(self, content):
        pictures = [cv2.resize(f.rgb, (64, 48)).astype(float) for f in content[0]]
        steps = np.array([np.abs(a - b).mean() for a, b in itertools.pairwise(pictures)])
        cut = steps.argmax()
        assert steps[cut] > 3 * np.delete(steps, cut).max()  # one cut, from indoors to outdoors
        assert (steps > 0.05).all()
