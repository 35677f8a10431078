# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2-train clouds` in miniature: it prints what it measured, and its plot is a picture."""

from __future__ import annotations

import cv2
import pytest
from typer.testing import CliRunner

pytest.importorskip('torch')

from dav2_training.cli import app


def test_one_frame_is_judged_and_plotted(tmp_path):
    pytest.importorskip('matplotlib')
    plot = tmp_path / 'curves.png'
    done = CliRunner().invoke(app, ['clouds', '--frames', '1', '--plot', str(plot)])
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in ('cheap', 'full', 'chance', 'of the model', 'good lost'))
    assert cv2.imread(str(plot)).shape[2] == 3
