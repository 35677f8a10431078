# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings become data sets: exact metres, nothing that the camera cannot see, no neighbour in both parts."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from sets.truth import picture
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from dav2_ros.bags import BagError
from dav2_ros.bags.extraction.extract import ExtractConfig, Extraction
from dav2_ros.bags.extraction.format import from_units, read_frames, to_units
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.scale.pose import Pose
from dav2_training.commands.data import data_app
from dav2_training.data import registry
from dav2_training.data.sample import DataError

NONE = ('plumb_bob', (0.0,) * 5)  # as CameraInfo says that there is no distortion
CAMERA = Camera(160, 120, 130.0, 131.0, 80.0, 59.0, *NONE)
BESIDE = Camera(80, 60, 60.0, 60.5, 39.0, 30.0, *NONE)  # a depth camera 5 cm to the right, tilted by nothing
START_NS, STEP_NS, COUNT = 1_700_000_000_000_000_000, 100_000_000, 30
WALL_M, POST_M = 10.0, 3.0  # a wall across the view, a post before it: Z in the camera
POST_X_M = (-0.3, 0.3)
LIDAR_XYZ_M, LIDAR_RPY_RAD = (0.1, 0.6, 0.2), (0.0, 0.05, -0.1)  # from the camera's body: forward, left, up


def truth(x_over_z: np.ndarray) -> np.ndarray:
    """Return the Z of what is seen in these directions from the camera."""
    left, right = (x / POST_M for x in POST_X_M)
    return np.where((x_over_z >= left) & (x_over_z <= right), POST_M, WALL_M).astype(np.float32)


def sweep() -> np.ndarray:
    """Return what a LiDAR there measures, in its own frame: the wall beside the post, also what the post hides."""
    pose = Pose.from_rpy(LIDAR_XYZ_M, LIDAR_RPY_RAD).of_bodies()
    azimuth, elevation = np.meshgrid(np.radians(np.arange(-50, 50, 0.25)), np.radians(np.arange(-20, 20, 1.0)))
    around = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    rays = np.stack(around, -1).reshape(-1, 3) @ pose.rotation.T  # in the camera's optical frame
    with np.errstate(divide='ignore'):
        at = pose.xyz_m + rays * ((POST_M - pose.xyz_m[2]) / rays[:, 2:])
        on_post = (rays[:, 2] > 0) & (at[:, 0] >= POST_X_M[0]) & (at[:, 0] <= POST_X_M[1])
        beyond = pose.xyz_m + rays * ((WALL_M - pose.xyz_m[2]) / rays[:, 2:])
    xyz_m = np.where(on_post[:, None], at, beyond)
    xyz_m[rays[:, 2] <= 0] = np.nan
    return pose.inverse().apply(xyz_m).astype(np.float32)


def cloud_message(xyz_m: np.ndarray, stamp: int):
    types = messages.kilted().types
    fields = [types['sensor_msgs/msg/PointField'](name, 4 * i, 7, 1) for i, name in enumerate('xyz')]
    header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](*divmod(stamp, 10**9)), 'lidar')
    data = np.ascontiguousarray(xyz_m).view(np.uint8).ravel()
    return types['sensor_msgs/msg/PointCloud2'](
        header, 1, len(xyz_m), fields, False, 12, 12 * len(xyz_m), data, is_dense=False
    )


def tf_message(links: list[tuple[str, str, Pose]]):
    from scipy.spatial.transform import Rotation

    types = messages.kilted().types
    made = []
    for parent, child, pose in links:
        header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](0, 0), parent)
        at = types['geometry_msgs/msg/Vector3'](*map(float, pose.xyz_m))
        turned = types['geometry_msgs/msg/Quaternion'](*map(float, Rotation.from_matrix(pose.rotation).as_quat()))
        moved = types['geometry_msgs/msg/Transform'](at, turned)
        made.append(types['geometry_msgs/msg/TransformStamped'](header, child, moved))
    return types['tf2_msgs/msg/TFMessage'](made)


def rgb(i: int) -> np.ndarray:
    return picture(120, 160, i)


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    """Record a drive: pictures, depth of the same camera and of one beside it, a LiDAR, and where they all are."""
    path = tmp_path_factory.mktemp('bags') / 'drive'
    z_m = truth(CAMERA.rays()[..., 0])
    z_m[:4] = np.nan
    optical = Pose.identity().of_bodies().inverse()
    beside = np.where(BESIDE.rays()[..., 0] > 1e9, 0, np.float32(WALL_M))
    links = [
        ('base', 'camera', Pose.from_rpy((0.2, 0.0, 1.1), (0.0, 0.1, 0.0))),
        ('camera', 'camera_optical', optical),
        ('camera', 'lidar', Pose.from_rpy(LIDAR_XYZ_M, LIDAR_RPY_RAD)),
        ('camera_optical', 'beside_optical', Pose(np.eye(3), np.array([0.05, 0.0, 0.0]))),
    ]
    with BagWriter(path) as out:
        for i in range(COUNT):
            stamp = START_NS + i * STEP_NS
            out.camera_info('/front/camera_info', CAMERA, stamp, 'camera_optical')
            out.picture('/front/image', Frame(rgb(i), CAMERA, stamp, 'camera_optical'), quality=95)
            out.depth('/aligned/depth', DepthMap(z_m + np.float32(0.001 * i), CAMERA, stamp + 10**7, 'camera_optical'))
            out.camera_info('/aligned/camera_info', CAMERA, stamp, 'camera_optical')
            out.depth('/beside/depth', DepthMap(beside, BESIDE, stamp - 10**7, 'beside_optical'))
            out.camera_info('/beside/camera_info', BESIDE, stamp, 'beside_optical')
            out.write('/lidar', cloud_message(sweep(), stamp + 2 * 10**7), stamp + 2 * 10**7)
        out.write('/tf_static', tf_message(links), stamp)
    return path


def extract(bag: Path, out: Path, **settings) -> list:
    with BagReader(bag) as reader:
        return list(Extraction(reader, ExtractConfig(**{'image_topic': '/front/image/compressed', **settings}), out))


ALIGNED = {'depth_topic': '/aligned/depth/compressedDepth'}


def same_files(one: Path, other: Path) -> None:
    names = sorted(p.relative_to(one) for p in one.rglob('*') if p.is_file())
    assert names == sorted(p.relative_to(other) for p in other.rglob('*') if p.is_file())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


class TestDepthCamera:
    def test_depth_of_the_same_camera_comes_back_to_the_millimetre(self, bag, tmp_path):
        extract(bag, tmp_path, **ALIGNED)
        for split, first in (('train', 0), ('val', 27)):
            opened = registry.open_set('recorded', tmp_path, split)
            for i in range(len(opened)):
                sample = opened[i]
                wanted = truth(CAMERA.rays()[..., 0]) + np.float32(0.001 * (first + i))
                wanted[:4] = np.nan
                np.testing.assert_allclose(sample.z_m, wanted, atol=5.1e-4)
                assert (sample.camera, sample.name) == (CAMERA, f'{first + i:06}')
                assert np.abs(sample.rgb.astype(int) - rgb(first + i)).max() < 12

    def test_recorded_jpegs_are_kept_byte_for_byte(self, bag, tmp_path):
        extract(bag, tmp_path, **ALIGNED)
        with BagReader(bag) as reader:
            recorded = [bytes(reader.decode(each).data) for each in reader.raw('/front/image/compressed')]
        assert (tmp_path / 'rgb/000003.jpg').read_bytes() == recorded[3]

    def test_depth_of_a_camera_beside_it_lands_where_it_belongs(self, bag, tmp_path):
        extract(bag, tmp_path, depth_topic='/beside/depth/compressedDepth')
        z_m = registry.open_set('recorded', tmp_path)[0].z_m
        known = np.isfinite(z_m)
        assert known.mean() > 0.1  # 80x60 pixels on 160x120
        np.testing.assert_allclose(z_m[known], WALL_M, atol=5.1e-4)
        u = np.arange(80)
        x_m = (u - BESIDE.cx_px) / BESIDE.fx_px * WALL_M + 0.05
        columns = np.rint(CAMERA.fx_px * x_m / WALL_M + CAMERA.cx_px)
        assert set(np.flatnonzero(known.any(axis=0))) == {int(c) for c in columns if 0 <= c < 160}


@pytest.fixture(scope='module')
def out(bag, tmp_path_factory) -> Path:
    """Extract what the LiDAR knows."""
    out = tmp_path_factory.mktemp('lidar')
    extract(bag, out / 'tf', lidar_topic='/lidar')
    return out


class TestLidar:
    def test_points_have_the_depth_of_their_pixels(self, out):
        """The wall and the post, and, where the post was measured, nothing of the wall that it hides."""
        z_m = registry.open_set('recorded', out / 'tf')[0].z_m
        half_px = 0.5 / CAMERA.fx_px
        x_over_z = CAMERA.rays()[..., 0]
        certain = (truth(x_over_z - half_px) == truth(x_over_z + half_px)) & np.isfinite(z_m)
        rows = np.flatnonzero((z_m < POST_M + 0.1).any(axis=1))  # the LiDAR stands higher: its rings end elsewhere
        certain[: rows[0]] = certain[rows[-1] :] = False
        assert certain.sum() > 1500
        np.testing.assert_allclose(z_m[certain], truth(x_over_z)[certain], atol=0.5 / 256 + 1e-3)
        assert (certain & (z_m < POST_M + 0.1)).sum() > 100

    def test_the_lidar_does_see_what_the_post_hides(self):
        """Else the law above would be empty."""
        xyz_m = Pose.from_rpy(LIDAR_XYZ_M, LIDAR_RPY_RAD).of_bodies().apply(sweep())
        xyz_m = xyz_m[np.isfinite(xyz_m).all(axis=1)]
        assert ((xyz_m[:, 2] > WALL_M - 0.1) & (truth(xyz_m[:, 0] / xyz_m[:, 2]) == POST_M)).sum() > 100

    def test_a_pose_by_hand_gives_the_same_as_the_recordings_own(self, bag, out):
        given = {'sensor_xyz_m': LIDAR_XYZ_M, 'sensor_rpy_rad': LIDAR_RPY_RAD}
        extract(bag, out / 'hand', lidar_topic='/lidar', **given)
        one, other = (registry.open_set('recorded', out / name)[5].z_m for name in ('tf', 'hand'))
        assert (np.isnan(one) == np.isnan(other)).mean() > 0.999  # a point on the edge of two pixels
        both = np.isfinite(one) & np.isfinite(other)
        np.testing.assert_allclose(one[both], other[both], atol=1.1 / 256)


class TestSplit:
    def test_no_neighbour_in_time_is_in_both_parts(self, bag, tmp_path):
        kept = extract(bag, tmp_path, **ALIGNED, val_share=0.2, gap_s=0.5)
        train, val = ([k.stamp_ns for k in kept if k.split == split] for split in ('train', 'val'))
        assert len(val) == 6 and len(train) == 30 - 6 - 5
        assert min(val) - max(train) > 0.5e9
        assert max(val) == START_NS + 29 * STEP_NS

    def test_every_third_picture(self, bag, tmp_path):
        kept = extract(bag, tmp_path, **ALIGNED, every=3, gap_s=0.0)
        assert [k.stamp_ns for k in kept] == [START_NS + i * STEP_NS for i in range(0, 30, 3)]

    def test_pictures_without_a_message_near_them_are_left_out(self, bag, tmp_path):
        with pytest.raises(BagError, match='within'):
            extract(bag, tmp_path, **ALIGNED, tolerance_s=0.005)


class TestStops:
    def test_a_killed_one_goes_on_and_ends_the_same(self, bag, tmp_path):
        program = (
            'import sys, time\nfrom pathlib import Path\nfrom dav2_ros.bags.storage.reader import BagReader\n'
            'from dav2_ros.bags.extraction.extract import ExtractConfig, Extraction\n'
            "config = ExtractConfig('/front/image/compressed', depth_topic='/aligned/depth/compressedDepth')\n"
            'with BagReader(sys.argv[1]) as reader:\n'
            '    for kept in Extraction(reader, config, Path(sys.argv[2])):\n'
            '        print(kept.name, flush=True)\n        time.sleep(0.1)\n'
        )
        command = [sys.executable, '-c', program, str(bag), str(tmp_path / 'killed')]
        killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert [killed.stdout.readline() for _ in range(3)] == ['000000\n', '000001\n', '000002\n']
        time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        with pytest.raises(DataError, match='goes on where it stopped'):
            registry.open_set('recorded', tmp_path / 'killed')
        first = (tmp_path / 'killed/depth/000000.png').stat().st_mtime_ns
        for part in (tmp_path / 'killed').rglob('*.part'):
            part.unlink()
        extract(bag, tmp_path / 'killed', **ALIGNED)
        extract(bag, tmp_path / 'straight', **ALIGNED)
        assert (tmp_path / 'killed/depth/000000.png').stat().st_mtime_ns == first
        same_files(tmp_path / 'killed', tmp_path / 'straight')

    def test_another_extraction_is_not_mixed_in(self, bag, tmp_path):
        extract(bag, tmp_path, **ALIGNED)
        with pytest.raises(BagError, match='another every'):
            extract(bag, tmp_path, **ALIGNED, every=2)
        (tmp_path / 'mine').mkdir()
        (tmp_path / 'mine/notes.txt').write_text('dear diary')
        with pytest.raises(BagError, match='not empty'):
            extract(bag, tmp_path / 'mine', **ALIGNED)


class TestRefusals:
    @pytest.mark.parametrize(
        ('settings', 'sentence'),
        [
            ({}, 'name one of'),
            ({'depth_topic': '/lidar'}, r'/lidar is sensor_msgs/msg/PointCloud2'),
            ({'lidar_topic': '/nothing'}, r'/nothing is not in .*name one of /lidar'),
            ({'image_topic': '/nothing', 'lidar_topic': '/lidar'}, '/nothing is not in'),
            ({**ALIGNED, 'gap_s': 60.0}, 'lower --gap-s'),
            ({'lidar_topic': '/lidar', 'sensor_xyz_m': (0, 0, 0), 'sensor_rpy_rad': (0, 0, 3.14)}, 'check the pose'),
        ],
    )
    def test_what_cannot_be_taken_is_a_sentence(self, bag, tmp_path, settings, sentence):
        with pytest.raises(BagError, match=sentence) as refused:
            extract(bag, tmp_path, **settings)
        assert '\n' not in str(refused.value)

    def test_frames_that_nothing_connects(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as out:
            for i in range(3):
                out.camera_info('/front/camera_info', CAMERA, START_NS + i * 10**9, 'camera_optical')
                out.picture('/front/image', Frame(rgb(i), CAMERA, START_NS + i * 10**9, 'camera_optical'))
                out.write('/lidar', cloud_message(sweep(), START_NS + i * 10**9), START_NS + i * 10**9)
        with pytest.raises(BagError, match=r"'lidar'.*'camera_optical'"):
            extract(tmp_path / 'bag', tmp_path / 'out', lidar_topic='/lidar', gap_s=0.0)

    def test_a_camera_that_is_calibrated_only_at_first(self, tmp_path):
        with BagWriter(tmp_path / 'bag') as out:
            for i in range(3):
                stamp = START_NS + i * 10**9
                info = messages.info_message(CAMERA, stamp, 'optical')
                info.k[:] = info.k if i < 2 else 0.0
                out.write('/front/camera_info', info, stamp)
                out.picture('/front/image', Frame(rgb(i), CAMERA, stamp, 'optical'))
                out.depth('/front/depth', DepthMap(truth(CAMERA.rays()[..., 0]), CAMERA, stamp, 'optical'))
        with pytest.raises(BagError, match=r'no calibrated camera_info of /front/image/compressed: give --info-topic'):
            extract(
                tmp_path / 'bag',
                tmp_path / 'out',
                image_topic='/front/image/compressed',
                depth_topic='/front/depth/compressedDepth',
                info_topic='/front/camera_info',
                gap_s=0.0,
            )


class TestMessages:
    """Uncompressed pictures and depth; and what is damaged."""

    @pytest.fixture
    def odd(self, tmp_path) -> Path:
        types = messages.kilted().types

        def image(pixels, encoding: str, stamp: int):
            header = types['std_msgs/msg/Header'](
                types['builtin_interfaces/msg/Time'](*divmod(stamp, 10**9)), 'optical'
            )
            step = pixels.strides[0]
            data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
            return types['sensor_msgs/msg/Image'](header, *pixels.shape[:2], encoding, 0, step, data)

        z_m = truth(CAMERA.rays()[..., 0])
        z_m[:4], z_m[4:8], z_m[8:12], z_m[12:16] = np.nan, np.inf, 0.0, 70.0
        with BagWriter(tmp_path / 'odd') as out:
            for i in range(5):
                stamp = START_NS + i * 10**9
                out.camera_info('/camera_info', CAMERA, stamp, 'optical')
                out.write('/image', image(rgb(i)[..., ::-1].copy(), 'bgr8', stamp), stamp)
                out.write('/depth', image(z_m, '32FC1', stamp), stamp)
                jpeg = messages.jpeg_message(rgb(i), stamp, 'optical', 90)
                jpeg.data = jpeg.data[: {1: 20, 3: len(jpeg.data) // 2}.get(i)]
                out.write('/broken/compressed', jpeg, stamp)
        return tmp_path / 'odd'

    def test_raw_pictures_and_float_depth(self, odd, tmp_path):
        extract(odd, tmp_path / 'out', image_topic='/image', depth_topic='/depth', gap_s=0.0, val_share=0.0)
        sample = registry.open_set('recorded', tmp_path / 'out')[3]
        assert np.array_equal(sample.rgb, rgb(3))  # PNG: nothing lost
        assert np.isnan(sample.z_m[:4]).all() and np.isposinf(sample.z_m[4:8]).all()
        assert np.isnan(sample.z_m[8:16]).all()  # 0 is nothing, and 70 m do not fit into 16 bits of millimetres
        np.testing.assert_allclose(sample.z_m[16:], truth(CAMERA.rays()[..., 0])[16:], atol=5.1e-4)

    def test_a_damaged_picture_is_left_out(self, odd, tmp_path):
        kept = extract(odd, tmp_path / 'out', image_topic='/broken/compressed', depth_topic='/depth', gap_s=0.0)
        assert [k.name for k in kept] == ['000000', '000002', '000004']
        assert len(list((tmp_path / 'out/rgb').iterdir())) == 3


class TestFolder:
    def test_units_there_and_back(self):
        for units_per_m in (1000, 256):
            units = np.arange(65536, dtype=np.uint16)[None]
            assert np.array_equal(to_units(from_units(units, units_per_m), units_per_m), units)
            odd = to_units(np.array([[-1.0, 0.0, 1e-9, 1e9, np.nan, np.inf, -np.inf]], np.float32), units_per_m)
            assert odd.tolist() == [[0, 0, 0, 0, 0, 65535, 0]]

    def test_it_explains_itself(self, bag, tmp_path):
        """Somebody with OpenCV and a CSV reader, and none of our code, reads it by what extract.json says."""
        extract(bag, tmp_path, **ALIGNED)
        about = json.loads((tmp_path / 'extract.json').read_text())
        assert 'times units_per_m; 0 is unknown, 65535 is beyond range' in about['meaning']
        with (tmp_path / 'frames.csv').open() as file:
            rows = list(csv.DictReader(file))
        cameras = json.loads((tmp_path / 'cameras.json').read_text())
        assert Camera(**{**cameras[int(rows[0]['camera'])], 'distortion': 5 * (0.0,)}) == CAMERA
        units = cv2.imread(str(tmp_path / 'depth' / f'{rows[0]["name"]}.png'), cv2.IMREAD_UNCHANGED)
        assert units[60, 80] / about['units_per_m'] == pytest.approx(POST_M)
        assert float(rows[0]['known']) == pytest.approx((units > 0).mean(), abs=1e-6)

    @pytest.mark.parametrize('name', ['extract.json', 'cameras.json', 'frames.csv'])
    def test_a_damaged_list_is_a_sentence(self, bag, tmp_path, name):
        extract(bag, tmp_path, **ALIGNED, every=10, gap_s=0.0)
        (tmp_path / name).write_text('name\n{')
        with pytest.raises(BagError, match=name):
            read_frames(tmp_path)


def test_the_command(bag, tmp_path):
    command = [str(bag), str(tmp_path / 'out'), '--image-topic', '/front/image/compressed']
    done = CliRunner().invoke(data_app, ['extract', *command, '--lidar-topic', '/lidar'])
    assert done.exit_code == 0, done.output
    assert 'pictures (7 of train, 3 of val)' in done.output
    for wrong in (['--lidar-topic', '/none'], ['--lidar-topic', '/lidar', '--sensor-xyz', '1,2']):
        failed = CliRunner().invoke(data_app, ['extract', *command, *wrong])
        assert failed.exit_code == 1 and failed.stderr.startswith('dav2: ') and failed.stderr.count('\n') == 1
