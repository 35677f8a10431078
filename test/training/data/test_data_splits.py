# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is special about a data set: Hypersim's cameras, splits that follow from rules, lists of other machines."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import rq
from sets import hypersim as hypersim_fixture
from sets.truth import write_picture, write_png16

from dav2_ros.camera import Camera
from dav2_training.data import registry
from dav2_training.data.pairs import FilePair
from dav2_training.data.sample import DataError
from dav2_training.data.sets.hypersim import STANDARD, pinhole, ray_lengths, tone_mapped
from dav2_training.data.sets.kitti import TEST_DRIVES, evenly
from dav2_training.data.sets.vkitti2 import LEARNT


def pairs(name: str, root: Path, split: str) -> list[FilePair]:
    opened = registry.open_set(name, root, split)
    return [opened.pair(i) for i in range(len(opened))]


class TestHypersim:
    def test_the_usual_camera_is_that_of_the_published_loaders(self):
        """f = 886.81 px, and the middle of 1024x768 pixels: depth = distance * f / |(x, y, f)|."""
        k = pinhole(STANDARD, 768, 1024)
        np.testing.assert_allclose(k, [[886.81, 0, 511.5], [0, 886.81, 383.5], [0, 0, 1]], atol=1e-4)
        x, y = np.meshgrid(np.linspace(-511.5, 511.5, 1024), np.linspace(-383.5, 383.5, 768))
        theirs = 886.81 / np.sqrt(x**2 + y**2 + 886.81**2)
        np.testing.assert_allclose(1 / ray_lengths(k, 768, 1024), theirs, rtol=1e-6)

    @given(
        st.floats(-25, 25),
        st.floats(-25, 25),
        st.floats(0.5, 3),
        st.floats(-0.4, 0.4),
        st.floats(-0.4, 0.4),
    )
    def test_a_tilted_plane_is_a_pinhole(self, about_x_deg, about_y_deg, zoom, right, up):
        """K equals SciPy's decomposition, and Z is what the plane's own normal sees."""
        ax, ay = math.radians(about_x_deg), math.radians(about_y_deg)
        turn_x = np.array([[1, 0, 0], [0, math.cos(ax), -math.sin(ax)], [0, math.sin(ax), math.cos(ax)]])
        turn_y = np.array([[math.cos(ay), 0, math.sin(ay)], [0, 1, 0], [-math.sin(ay), 0, math.cos(ay)]])
        flat = np.array([[zoom * 0.577, 0, right], [0, zoom * 0.433, up], [0, 0, -1]])
        matrix = turn_x @ turn_y @ flat
        pixels_to_uv = np.array([[2 / 64, 0, 1 / 64 - 1], [0, -2 / 48, 1 - 1 / 48], [0, 0, 1]])
        to_pixels = np.linalg.inv(np.diag([1, -1, -1]) @ matrix @ pixels_to_uv)
        k, turned = rq(to_pixels)
        signs = np.diag(np.sign(np.diag(k)))
        k, turned = k @ signs, signs @ turned
        np.testing.assert_allclose(pinhole(matrix, 48, 64), k / k[2, 2], rtol=1e-9, atol=1e-9)
        corner = np.linalg.solve(to_pixels, [0.0, 47.0, 1.0])  # a ray of the scene's camera
        seen = turned @ (corner / np.linalg.norm(corner))  # one metre along it, by the plane's camera
        lengths = ray_lengths(pinhole(matrix, 48, 64), 48, 64)
        assert 1 / lengths[47, 0] == pytest.approx(abs(seen[2]), rel=1e-5)

    def test_points_are_as_far_away_as_the_file_says(self, tmp_path):
        hypersim_fixture.write(tmp_path)
        sample = registry.open_set('hypersim', tmp_path, 'val')[0]  # of a tilted camera
        path = tmp_path / 'ai_003_010/images/scene_cam_00_geometry_hdf5/frame.0012.depth_meters.hdf5'
        import h5py

        with h5py.File(path) as file:
            distance_m = file['dataset'][()].astype(np.float32)
        np.testing.assert_allclose(np.linalg.norm(sample.camera.unproject(sample.z_m), axis=-1), distance_m, rtol=1e-5)

    @given(st.floats(1e-2, 1e3))
    def test_tone_mapping_does_not_know_how_bright_the_lamps_were(self, gain):
        colour = np.random.default_rng(0).gamma(1.5, 1.0, (40, 40, 3)).astype(np.float32)
        difference = tone_mapped(colour, None).astype(int) - tone_mapped(gain * colour, None)
        assert np.abs(difference).max() <= 1

    def test_a_dark_picture_is_black_and_an_empty_one_is_shown_as_it_is(self):
        dark = np.full((4, 4, 3), 1e-6, np.float32)
        assert (tone_mapped(dark, None) == 0).all()
        nothing = np.zeros((4, 4), bool)
        assert (tone_mapped(np.full((4, 4, 3), 0.5, np.float32), nothing) == round(255 * 0.5 ** (1 / 2.2))).all()

    def test_without_the_table_of_splits_all_can_be_read_and_train_cannot(self, tmp_path):
        hypersim_fixture.write(tmp_path)
        (tmp_path / 'metadata_images_split_scene_v1.csv').unlink()
        assert len(registry.open_set('hypersim', tmp_path, 'all')) == 4
        with pytest.raises(DataError, match=r'has no metadata_images_split_scene_v1.csv'):
            registry.open_set('hypersim', tmp_path, 'train')


class TestVirtualKitti:
    @pytest.fixture
    def root(self, tmp_path) -> Path:
        root = tmp_path / 'vkitti'
        for number in range(50):
            for camera in (0, 1):
                (folder := root / f'Scene02/fog/frames/depth/Camera_{camera}').mkdir(parents=True, exist_ok=True)
                (folder / f'depth_{number:05d}.png').touch()
        return root

    def test_the_splits_share_nothing_and_leave_nothing_out(self, root):
        train, val, everything = (set(pairs('vkitti2', root, s)) for s in ('train', 'val', 'all'))
        assert not train & val
        assert train | val == everything
        assert (len(train), len(everything)) == (46, 50)  # 92 % of camera 0

    def test_the_published_models_had_as_many(self):
        assert int(LEARNT * 21260) == 19559

    def test_a_split_does_not_depend_on_where_the_set_lies(self, root, tmp_path):
        (tmp_path / 'elsewhere').symlink_to(root)
        here, there = (pairs('vkitti2', r, 'val') for r in (root, tmp_path / 'elsewhere'))
        assert [p.truth.name for p in here] == [p.truth.name for p in there]

    def test_archives_unpacked_beside_each_other_are_one_set(self, tmp_path):
        import_module('sets.vkitti2').write(tmp_path / 'one')
        for kind, inner in (('rgb', 'frames/rgb'), ('depth', 'frames/depth'), ('textgt', 'intrinsic.txt')):
            for path in (tmp_path / 'one').glob(f'*/*/{inner}'):
                target = tmp_path / f'vkitti_2.0.3_{kind}' / path.relative_to(tmp_path / 'one')
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(path)
        together, apart = (registry.open_set('vkitti2', r, 'all') for r in (tmp_path / 'one', tmp_path))
        assert len(together) == len(apart)
        for a, b in zip(together, apart):
            np.testing.assert_array_equal(a.z_m, b.z_m)
            assert a.camera == b.camera


class TestKitti:
    def test_the_test_drives_are_eigens(self):
        """28 drives of five days (Eigen et al. 2014), about 25 frames of each: 697."""
        assert len(TEST_DRIVES) == 28
        assert {drive[:10] for drive in TEST_DRIVES} == {
            f'2011_{d}' for d in ('09_26', '09_28', '09_29', '09_30', '10_03')
        }

    @given(st.integers(0, 3000), st.integers(2, 60))
    def test_frames_are_evenly_spread(self, length, count):
        numbers = list(range(7, 7 + length))
        kept = evenly(numbers, count)
        assert len(kept) == min(length, count)
        assert kept[:1] == numbers[:1] and kept[-1:] == numbers[-1:]
        assert len(kept) < 3 or np.ptp(np.diff(kept)) <= 1

    def test_a_drive_gives_no_more_frames_than_papers_take(self, tmp_path):
        drive = '2011_09_26_drive_0002_sync'
        for number in range(40):
            write_picture(
                tmp_path / f'2011_09_26/{drive}/image_02/data/{number:010d}.jpg', np.zeros((2, 2, 3), np.uint8)
            )
            depth = tmp_path / f'train/{drive}/proj_depth/groundtruth/image_02/{number:010d}.png'
            write_png16(depth, np.full((2, 2), 256 * number))
        assert len(registry.open_set('kitti', tmp_path, 'eigen-25')) == 25
        assert len(registry.open_set('kitti', tmp_path, 'eigen-test')) == 40
        assert (
            np.nanmax(registry.open_set('kitti', tmp_path, 'eigen-25')[24].z_m) == 39
        )  # and here it lies without raw/

    def test_a_list_of_something_else_is_refused(self, tmp_path):
        import_module('sets.kitti').write(tmp_path / 'kitti')
        (tmp_path / 'list.txt').write_text('left.png right.png\n')
        with pytest.raises(DataError, match=r'list.txt has the line .left.png right.png.'):
            registry.open_set('kitti', tmp_path / 'kitti', str(tmp_path / 'list.txt'))


class TestLists:
    @pytest.fixture
    def root(self, tmp_path) -> Path:
        import_module('sets.vkitti2').write(tmp_path / 'here')
        return tmp_path / 'here'

    def listed(self, root: Path, *lines: str):
        (root / 'list.txt').write_text('\n'.join(lines) + '\n')
        return registry.open_set('vkitti2', root, str(root / 'list.txt'))

    @pytest.mark.parametrize('before', ['', '/data/on/another/machine/vkitti/', 'rgb/../'])
    def test_lists_of_other_machines_can_be_used(self, root, before):
        frames = 'Scene01/clone/frames'
        line = f'{before}{frames}/rgb/Camera_1/rgb_00000.jpg {before}{frames}/depth/Camera_1/depth_00000.png'
        (sample,) = self.listed(root, line)
        assert sample.camera == Camera(99, 30, 58.0, 58.5, 49.0, 15.0)
        assert np.isinf(sample.z_m).any()

    def test_a_list_of_another_set_is_refused(self, root):
        with pytest.raises(DataError, match=r'names a/b.jpg, which is not under'):
            self.listed(root, 'a/b.jpg a/c.png')

    def test_a_line_without_depth_is_refused(self, root):
        with pytest.raises(DataError, match=r'lines without a picture and a depth'):
            self.listed(root, 'a/b.jpg')
