# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings with camera_info as drivers send it: dav2 bag gives what the node would, and says what it cannot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from recordings import CAMERA, a_drive, by_rosbags

from dav2_ros.bags import BagError, messages
from dav2_ros.bags.known import pictures
from dav2_ros.bags.messages import CAMERA_INFO
from dav2_ros.bags.overview import overview
from dav2_ros.bags.parameters import BagParameters, read_parameters
from dav2_ros.bags.reader import BagReader
from dav2_ros.bags.run import RunOptions, run


@pytest.fixture(scope='module')
def given(random_model) -> BagParameters:
    settings = ['steady:=none', 'cloud_stride:=1']
    return read_parameters(None, settings, model=str(random_model), engine='torch', precision='fp32')[0]


def a_recording(path: Path, change) -> Path:
    """Write a drive whose CameraInfos went through `change`."""
    recorded = a_drive(2)
    for _, message, _ in recorded:
        if message.__msgtype__ == CAMERA_INFO:
            change(message)
    return by_rosbags(path, recorded)


def unsized(info) -> None:
    info.width = info.height = 0


def not_calibrated(info) -> None:
    unsized(info)
    info.k, info.p, info.d, info.distortion_model = np.zeros(9), np.zeros(12), np.zeros(0), ''


def of_double_sphere(info) -> None:
    info.d, info.distortion_model = np.array([0.1, 0.2]), 'double_sphere'


def with_nan(info) -> None:
    info.r = np.array([math.nan, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])


@pytest.fixture(scope='module')
def sound(given, tmp_path_factory) -> list:
    """Return the depth of a recording whose CameraInfos are as they should be."""
    folder = tmp_path_factory.mktemp('sound')
    run(a_recording(folder / 'bag', lambda info: None), folder / 'out', given, RunOptions())
    return depths(folder / 'out')


class TestRecordings:
    def test_a_calibrated_0x0_gives_what_one_with_its_size_gives(self, given, sound, tmp_path: Path) -> None:
        path = a_recording(tmp_path / 'bag', unsized)
        result = run(path, tmp_path / 'out', given, RunOptions())
        assert (result.frames, result.refused, result.notes) == (2, {}, ())
        for found, wanted in zip(depths(tmp_path / 'out'), sound, strict=True):
            np.testing.assert_array_equal(found.z_m, wanted.z_m)
            assert found.camera.k.tolist() == CAMERA.k.tolist()
        (camera,) = overview(path).cameras
        assert '65.' in camera.lens and not [each for each in camera.missing if 'camera_info' in each]
        with BagReader(path) as bag:
            assert [each.camera.rectified() for each in bag.frames()] == [CAMERA, CAMERA]
            assert [each.camera.rectified() for each in bag.depths()] == [CAMERA, CAMERA]
            assert [each.camera.rectified() for each in pictures(bag, bag.picture_topic(), '', 2)] == [CAMERA, CAMERA]

    def test_an_uncalibrated_0x0_gives_depth_without_points_and_says_so(self, given, tmp_path: Path) -> None:
        path = a_recording(tmp_path / 'bag', not_calibrated)
        result = run(path, tmp_path / 'out', given, RunOptions())
        assert (result.frames, result.refused) == (2, {})
        (note,) = result.notes
        assert note.startswith('/camera/camera_info: no points.') and 'not calibrated' in note
        with BagReader(tmp_path / 'out') as bag:
            assert '/dav2/points' not in bag.topics
            (info, _) = [bag.decode(each) for each in bag.raw('/dav2/depth/camera_info')]
        assert (info.width, info.height, info.k[0]) == (96, 72, 0.0), 'as the node publishes it'

    def test_an_unknown_lens_gives_depth_by_its_focal_length_and_says_so(self, given, sound, tmp_path: Path) -> None:
        path = a_recording(tmp_path / 'bag', of_double_sphere)
        result = run(path, tmp_path / 'out', given, RunOptions())
        assert (result.frames, result.refused) == (2, {})
        (note,) = result.notes
        assert "Distortion model 'double_sphere'" in note
        for found, wanted in zip(depths(tmp_path / 'out'), sound, strict=True):
            np.testing.assert_allclose(found.z_m, wanted.z_m, rtol=1e-6)
        with BagReader(tmp_path / 'out') as bag:
            assert '/dav2/points' not in bag.topics
        with BagReader(path) as bag, pytest.raises(BagError, match='double_sphere'):
            list(pictures(bag, bag.picture_topic(), '', 2))  # calibration needs rays

    def test_numbers_that_no_camera_has_are_refused_and_named(self, given, tmp_path: Path) -> None:
        path = a_recording(tmp_path / 'bag', with_nan)
        with pytest.raises(BagError, match=r'gave depth: camera_info has R = '):
            run(path, tmp_path / 'out', given, RunOptions())


def depths(path: Path) -> list:
    with BagReader(path) as bag:
        return list(bag.depths('/dav2/depth/image'))


def test_the_size_of_an_image_is_read_from_it() -> None:
    colour = messages.jpeg_message(np.zeros((72, 96, 3), np.uint8), 0, '', 90)
    assert messages.size(colour) == (96, 72)
    assert messages.size(messages.image(np.zeros((72, 96), np.float32), '32FC1', 0, '')) == (96, 72)
