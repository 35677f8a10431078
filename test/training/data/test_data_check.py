# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train data`: what it counts is what is there, and its sheet shows it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dav2_ros.camera import Camera
from dav2_ros.depth.colour import BEYOND, UNKNOWN
from dav2_training import cli
from dav2_training.commands.data import data_app, spread
from dav2_training.data import registry
from dav2_training.data.check import collect_statistics
from dav2_training.data.contact_sheet import BAND, GAP, WIDTH, draw_sheet
from dav2_training.data.sample import DataError, Sample

ROOT = Path(__file__).parents[3]
RGB = np.zeros((10, 20, 3), np.uint8)
CAMERA = Camera.from_hfov(20, 10, math.radians(70))


class Shelf(list):
    """Samples in memory, and errors that are raised when it is their turn."""

    def __getitem__(self, index):
        found = super().__getitem__(index)
        if isinstance(found, Exception):
            raise found
        return found


def depth(value: float) -> np.ndarray:
    return np.full((10, 20), value, np.float32)


class TestScan:
    def test_it_counts_what_is_there(self):
        half_unknown, some_sky = depth(4.0), depth(16.0)
        half_unknown[:5] = np.nan
        some_sky[:2] = np.inf
        shelf = Shelf(
            [
                Sample(RGB, 'a', half_unknown, camera=CAMERA),
                DataError('b.png cannot be read.'),
                Sample(RGB[:, :5], 'c', some_sky[:, :5]),
            ]
        )
        ticks, keep = [], {0: None, 1: None}
        found = collect_statistics(shelf, [0, 1, 2], keep, lambda: ticks.append(1))
        assert (found.frames, found.read, found.broken) == (3, 2, ('b.png cannot be read.',))
        assert len(ticks) == 3
        assert keep[0] is shelf[0] and keep[1] is None
        assert dict(found.sizes) == {'20x10': 1, '5x10': 1}
        assert (found.without_camera, found.hfov_deg) == (1, pytest.approx((70, 70)))
        assert found.known == pytest.approx((0.5 + 1) / 2)
        assert found.sky == pytest.approx((0 + 0.2) / 2)
        assert (found.low, found.high) == (4, 16)
        assert found.per_second > 0

    def test_sky_in_disparity_is_zero(self):
        disparity = depth(0.5)
        disparity[:5], disparity[0] = 0, np.nan
        found = collect_statistics(Shelf([Sample(RGB, 'a', disparity=disparity)]), [0], {}, lambda: None)
        assert (found.known, found.sky) == (pytest.approx(0.9), pytest.approx(0.4))
        assert (found.low, found.high) == (0.5, 0.5)

    def test_percentiles_are_those_of_all_pixels(self):
        """Of large frames every so many values count; of an even spread that changes next to nothing."""
        z_m = np.random.default_rng(0).permutation(np.linspace(1, 101, 240_000)).reshape(400, 600).astype(np.float32)
        found = collect_statistics(Shelf([Sample(np.zeros((400, 600, 3), np.uint8), 'a', z_m)]), [0], {}, lambda: None)
        assert found.percentiles == pytest.approx((2, 51, 100), abs=3)
        assert (found.low, found.high) == (1, 101)

    @pytest.mark.parametrize('samples', [[Sample(RGB, 'a')], [DataError('a')], [Sample(RGB, 'a', depth(np.nan))]])
    def test_nothing_known_is_not_a_number(self, samples):
        found = collect_statistics(Shelf(samples), [0], {}, lambda: None)
        assert math.isnan(found.low) and math.isnan(found.high) and np.isnan(found.percentiles).all()

    @given(st.integers(1, 10_000), st.integers(1, 300))
    def test_frames_are_evenly_spread_from_end_to_end(self, count, most):
        numbers = spread(count, most)
        assert len(numbers) == min(count, most)
        assert numbers[0] == 0 and numbers == sorted(set(numbers))
        if most > 1:
            assert numbers[-1] == count - 1
            assert np.ptp(np.diff(numbers)) <= 1 if len(numbers) > 1 else True


class TestSheet:
    def test_pictures_stand_beside_their_depth(self):
        z_m = np.full((60, 80), np.nan, np.float32)
        z_m[:20], z_m[20:40, ::9] = np.inf, 5.0  # sky, and lone points as of a laser
        rgb = np.full((60, 80, 3), (9, 99, 199), np.uint8)
        sheet = draw_sheet([Sample(rgb, 'a', z_m)] * 3, 1.0, 80.0)
        height = round(WIDTH * 60 / 80)
        assert sheet.shape == (2 * (BAND + height + GAP), 4 * (WIDTH + GAP), 3)
        first = sheet[BAND : BAND + height, :WIDTH]
        assert (first == (9, 99, 199)).all()
        truth = sheet[BAND : BAND + height, WIDTH + GAP : 2 * WIDTH + GAP]
        assert (truth[: height // 3 - 2] == BEYOND).all()
        assert (truth[2 * height // 3 + 2 :] == UNKNOWN).all()
        assert not (truth[height // 3 + 2 : 2 * height // 3 - 2] == UNKNOWN).all(axis=2).all()

    def test_lone_points_of_a_large_picture_stay_in_sight(self):
        z_m = np.full((300, 1200), np.nan, np.float32)
        z_m[::12, ::12] = 5.0
        sheet = draw_sheet([Sample(np.zeros((300, 1200, 3), np.uint8), 'a', z_m)], 1.0, 80.0)
        truth = sheet[BAND : BAND + 75, WIDTH + GAP : 2 * WIDTH + GAP]
        assert (truth != UNKNOWN).any(axis=2).sum() >= 25 * 100

    def test_disparity_of_any_scale_is_coloured_the_same(self):
        disparity = np.random.default_rng(0).uniform(0.2, 4, (60, 80)).astype(np.float32)
        one, other = (draw_sheet([Sample(RGB, '', disparity=k * disparity)], 0.5, 80.0) for k in (1, 64))
        np.testing.assert_array_equal(one, other)

    def test_a_set_without_truth_has_a_sheet_too(self):
        assert draw_sheet([Sample(RGB, 'a')], math.nan, math.nan).shape[2] == 3


class TestCommand:
    def run(self, *words) -> tuple[int, str]:
        done = CliRunner().invoke(data_app, [str(word) for word in words])
        return done.exit_code, done.stdout

    def test_the_list_has_every_set(self):
        status, text = self.run('list')
        assert status == 0
        assert {line.split()[0] for line in text.splitlines() if line[0] != ' '} == {'name', *registry.LOADERS}

    @pytest.mark.parametrize('name', sorted(registry.LOADERS))
    def test_show_draws_the_tree(self, name):
        status, text = self.run('show', name)
        assert status == 0
        assert registry.set_info(name).tree in text and registry.set_info(name).licence in text

    @pytest.mark.parametrize('name', ['vkitti2', 'blendedmvs', 'folder'])
    def test_check_looks_through_a_set(self, name, tmp_path):
        truths = import_module(f'sets.{name}').write(tmp_path / name)['all']
        status, text = self.run('check', name, tmp_path / name, '--split', 'all', '--sheet', tmp_path / 'new' / 'a.png')
        assert status == 0
        assert f'{len(truths)} frames, {len(truths)} read, 0 broken' in text
        assert cv2.imread(str(tmp_path / 'new' / 'a.png')).shape[1] == 4 * (WIDTH + GAP)
        assert [path.name for path in (tmp_path / 'new').iterdir()] == ['a.png']

    def test_check_goes_on_after_a_broken_file(self, tmp_path):
        import_module('sets.tartanair').write(tmp_path)
        (tmp_path / 'ocean/Easy/P000/depth_left/000000_left_depth.npy').write_bytes(b'')
        status, text = self.run('check', 'tartanair', tmp_path, '--sheet', tmp_path / 'a.png')
        assert status == 1
        assert '2 frames, 1 read, 1 broken' in text
        assert '000000_left_depth.npy cannot be read' in text
        assert (tmp_path / 'a.png').exists()

    def test_another_directory_is_a_sentence_and_the_tree(self, tmp_path, monkeypatch):
        monkeypatch.setattr('sys.argv', ['dav2-train', 'data', 'check', 'kitti', str(tmp_path)])
        with pytest.raises(SystemExit, match=r'^dav2-train: .*KITTI.*is expected there like this:\nROOT'):
            cli.main()


def test_the_bench_of_loaders_runs(tmp_path):
    command = [sys.executable, ROOT / 'bench' / 'loaders.py', 'tartanair', 'kitti', '--seconds', '0', '--no-step']
    subprocess.run([*map(str, command), '--out', str(tmp_path / 'loaders.json')], check=True, capture_output=True)
    found = json.loads((tmp_path / 'loaders.json').read_text())['sets']
    assert set(found) == {'tartanair', 'kitti'}
    assert all(entry['images_s_one_core'] > 0 and entry['images_s_all_cores'] > 0 for entry in found.values())


class TestDocument:
    def test_every_set_is_in_it(self):
        from dav2_training.data.catalogue import MARK, markdown

        text = (ROOT / 'docs' / 'datasets.md').read_text()
        assert text.split(MARK)[1].strip() == markdown().strip(), 'python -m dav2_training.data.catalogue writes it'
        assert all(f'`{name}`' in text for name in registry.LOADERS)
