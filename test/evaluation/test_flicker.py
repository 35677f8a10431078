# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Flicker: known changes are measured as what they are; clips are made as told; the judge prints what it measured."""

from __future__ import annotations

import numpy as np
import pytest

from dav2_ros.evaluation.flicker import flicker, mean

Z_M = np.random.default_rng(0).uniform(1, 9, (60, 80))


def test_a_change_of_all_pixels_is_that_change():
    found = flicker([Z_M, 1.02 * Z_M, Z_M])
    assert found.p50 == pytest.approx(np.log(1.02)) == found.p95 and (found.flips, found.pairs) == (0.0, 2)


def test_percentiles_are_of_pixels():
    other = Z_M.copy()
    other[:, :8] *= 1.5  # a tenth
    found = flicker([Z_M, other])
    assert found.p50 == 0.0 and found.p95 == pytest.approx(np.log(1.5))


@pytest.mark.parametrize('one, other', [(2.0, np.nan), (2.0, np.inf), (np.inf, np.nan), (np.nan, 2.0)])
def test_flips_are_counted_and_no_changes(one, other):
    before, after = Z_M.copy(), Z_M.copy()
    before[:6], after[:6] = one, other
    found = flicker([before, after])
    assert found.flips == pytest.approx(0.1) and found.p95 == 0.0
    assert flicker([after, after]).flips == 0.0


def test_what_the_truth_does_is_no_flicker():
    truths = [Z_M * 0.9**i for i in range(4)]
    for truth in truths[2:]:
        truth[:6] = np.inf
    found = flicker([1.3 * truth for truth in truths], truths)
    assert found.p95 == pytest.approx(0.0, abs=1e-9) and found.flips == 0.0
    assert flicker(truths).p50 == pytest.approx(-np.log(0.9))


def test_one_frame_does_not_flicker():
    with pytest.raises(ValueError, match='at least two'):
        flicker([Z_M])


def test_a_mean_is_by_frames():
    found = mean([flicker([Z_M, 1.1 * Z_M]), flicker([Z_M, Z_M, Z_M, Z_M])])
    assert found.p50 == pytest.approx(np.log(1.1) / 4) and found.pairs == 4


class TestClips:
    def frames(self, motion: str, **changes) -> list:
        pytest.importorskip('torch')
        from dav2_training.data.procedural.clips import Clip

        return list(Clip(motion, 1, 3, height=48, width=64, **changes).frames())

    def test_a_still_one_changes_in_nothing_but_the_camera_s_faults(self):
        one, two, three = self.frames('still')
        np.testing.assert_array_equal(one[1].z_m, three[1].z_m)
        assert 0 < np.abs(one[0].rgb.astype(int) - two[0].rgb).mean() < 20
        assert one[0].camera == one[1].camera and two[0].stamp_ns == two[1].stamp_ns > one[0].stamp_ns

    @pytest.mark.parametrize('motion', ['passer', 'approach', 'pan'])
    def test_others_move(self, motion):
        one, _, three = self.frames(motion, speed=3.0)
        assert (one[1].z_m != three[1].z_m).mean() > (0.01 if motion == 'passer' else 0.1)  # the floor stays as it is

    def test_who_drives_comes_nearer_by_as_much_as_it_drives(self):
        from dav2_training.data.procedural.clips import SPEED_M_S

        one, _, three = self.frames('approach', speed=2.0)
        with np.errstate(invalid='ignore'):
            nearer_m = one[1].z_m - three[1].z_m
        upright = np.isfinite(nearer_m) & (nearer_m != 0.0)  # the floor is as far as it was; walls are aslant
        assert np.median(nearer_m[upright]) == pytest.approx(2.0 * SPEED_M_S * 2 / 15, rel=0.25)


def test_the_judge_prints_every_mode_of_every_motion(tmp_path):
    pytest.importorskip('torch')
    pytest.importorskip('matplotlib')
    import cv2
    from typer.testing import CliRunner

    from dav2_training.cli import app

    picture = tmp_path / 'steady.png'
    done = CliRunner().invoke(app, ['flicker', '--clips', '1', '--length', '3', '--picture', str(picture)])
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in ('still', 'passer', 'approach', 'pan', 'demo', 'none', 'pixels'))
    assert cv2.imread(str(picture)).shape[2] == 3
