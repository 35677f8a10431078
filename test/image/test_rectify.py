# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A rectified picture shows every thing where the pinhole's formula puts it, and nothing where the lens is blind."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from lenses import LENSES, PLAIN

from dav2_ros.camera import Camera
from dav2_ros.image.rectify import Rectifier, pinhole_view


def scene(rays: np.ndarray) -> np.ndarray:
    """Colour (..., 3) uint8 of a smooth painting at infinity along rays (..., 2): x/z and y/z."""
    x, y = rays[..., 0], rays[..., 1]
    waves = [np.sin(5 * x + 1), np.cos(4 * y - 2), np.sin(3 * (x + y))]
    return np.nan_to_num(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize('lens', LENSES)
def test_a_scene_through_the_lens_rectified_is_the_scene_through_the_pinhole(lens):
    camera = LENSES[lens]
    target = pinhole_view(camera, math.radians(100))
    rectifier = Rectifier(camera, target)
    found, wanted = rectifier.apply(scene(camera.rays())), scene(target.rays())
    inner = cv2.erode(rectifier.seen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    assert inner.mean() > 0.5
    assert np.abs(found[inner].astype(int) - wanted[inner]).max() <= 4  # bilinear, weights of 1/32


def test_equals_opencv_s_own_rectification():
    camera, target = LENSES['plumb_bob'], pinhole_view(LENSES['plumb_bob'], math.radians(100))
    maps = cv2.initUndistortRectifyMap(
        camera.k, np.array(camera.distortion), np.eye(3), target.k, (320, 240), cv2.CV_16SC2
    )
    rgb = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    wanted = cv2.remap(rgb, *maps, cv2.INTER_LINEAR)
    rectifier = Rectifier(camera, target)
    inner = cv2.erode(rectifier.seen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    difference = np.abs(rectifier.apply(rgb).astype(int) - wanted)[inner]
    assert np.mean(difference > 10) < 0.01  # white noise shows a step of 1/32 px here and there


def test_a_pinhole_is_left_as_it_is():
    rgb = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    rectifier = Rectifier(PLAIN, pinhole_view(PLAIN, math.radians(120)))
    assert rectifier.seen.all()
    assert np.array_equal(rectifier.apply(rgb), rgb)


@pytest.mark.parametrize('limit_deg', [60.0, 90.0, 110.0])
def test_no_view_is_wider_than_the_model_can_bear(limit_deg):
    for camera in LENSES.values():
        view = pinhole_view(camera, math.radians(limit_deg))
        assert view.hfov_rad <= math.radians(limit_deg + 1e-3)
        assert (view.width, view.height) == (camera.width, camera.height) and not view.is_distorted


def test_the_calibration_s_own_rectified_camera_is_kept_if_it_is_not_too_wide():
    p = replace(PLAIN, fx_px=190.0, fy_px=190.0)
    assert pinhole_view(LENSES['plumb_bob'], math.radians(100), rectified=p) == p
    assert pinhole_view(LENSES['plumb_bob'], math.radians(50), rectified=p) == Camera.from_hfov(
        320, 240, math.radians(50)
    )


def test_where_the_polynomial_folds_back_nothing_was_seen():
    """r (1 + k1 r^2) with k1 = -0.28 turns at r = 1.09: further out the formula finds the picture's inside again."""
    camera = replace(PLAIN, distortion_model='plumb_bob', distortion=(-0.28, 0.0, 0.0, 0.0, 0.0))
    wide = Camera.from_hfov(400, 300, math.radians(130))
    rectifier = Rectifier(camera, wide)
    radius = np.hypot(*np.moveaxis(wide.rays(), -1, 0))
    assert not rectifier.seen[radius > 1.1].any()
    assert not rectifier.apply(np.full((240, 320, 3), 255, np.uint8))[radius > 1.1].any()
    assert rectifier.seen[radius < 0.5].all()


def test_a_rotation_moves_the_view_as_it_turns_rays():
    turn = cv2.Rodrigues(np.array([0.02, -0.1, 0.05]))[0]
    camera = LENSES['plumb_bob']
    rectifier = Rectifier(camera, PLAIN, rotation=turn)
    point = np.array([[0.1, 0.05, 1.0]])  # in the camera's frame
    u, v = PLAIN.project(point @ turn.T)[0]
    spot = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(spot, tuple(int(c) for c in camera.project(point)[0].round()), 2, (255, 255, 255), -1)
    rows, columns = np.nonzero(rectifier.apply(spot)[..., 0] > 128)
    assert abs(columns.mean() - u) < 1 and abs(rows.mean() - v) < 1


def test_a_distorted_target_is_refused():
    with pytest.raises(ValueError, match='rectified'):
        Rectifier(PLAIN, LENSES['plumb_bob'])
