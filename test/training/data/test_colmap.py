# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""COLMAP's cameras in our terms."""

from __future__ import annotations

import numpy as np
import pytest

from dav2_training.data.sample import DataError
from dav2_training.data.sets.colmap import cameras_by_picture

COURTYARD = '3411.42 3410.02 3041.29 2014.07 0.21047 0.21102 -5.36231e-06 0.00051541 -0.158023 0.406856 -8.46499e-05 '
COURTYARD += '0.000861313'  # a true one, of ETH3D


def thin_prism_fisheye(points: np.ndarray, parameters: list[float]) -> np.ndarray:
    """Project as COLMAP defines the model: pixels that count from the corner."""
    fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, sx1, sy1 = parameters
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    r = np.hypot(x, y)
    scale = np.divide(np.arctan(r), r, out=np.ones_like(r), where=r > 1e-9)
    u, v = x * scale, y * scale
    r2 = u * u + v * v
    radial = k1 * r2 + k2 * r2**2 + k3 * r2**3 + k4 * r2**4
    u_ = u + u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u) + sx1 * r2
    v_ = v + v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v * v) + sy1 * r2
    return np.stack([fx * u_ + cx, fy * v_ + cy], axis=-1)


def model(folder, line: str, name: str = 'a.jpg'):
    (folder / 'cameras.txt').write_text(f'# comment\n{line}\n')
    (folder / 'images.txt').write_text(f'# comment\n1 1 0 0 0 0 0 0 7 {name}\n\n')
    return cameras_by_picture(folder)


@pytest.fixture
def seen() -> np.ndarray:
    """Points all over a picture of ETH3D."""
    x, y = np.meshgrid(np.linspace(-1.1, 1.1, 45), np.linspace(-0.7, 0.7, 31))
    return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)


class TestThinPrismFisheye:
    def test_without_its_small_terms_it_is_opencvs_fisheye(self, tmp_path, seen):
        parameters = [float(word) for word in COURTYARD.split()]
        for i in (6, 7, 10, 11):
            parameters[i] = 0.0
        line = f'7 THIN_PRISM_FISHEYE 6048 4032 {" ".join(map(repr, parameters))}'
        camera = model(tmp_path, line)['a.jpg']
        np.testing.assert_allclose(camera.project(seen) + 0.5, thin_prism_fisheye(seen, parameters), atol=1e-6)

    def test_what_they_move_is_small(self, tmp_path, seen):
        camera = model(tmp_path, f'7 THIN_PRISM_FISHEYE 6048 4032 {COURTYARD}')['a.jpg']
        true = thin_prism_fisheye(seen, [float(word) for word in COURTYARD.split()])
        inside = ((true > 0) & (true < (6048, 4032))).all(axis=1)
        error_px = np.abs(camera.project(seen) + 0.5 - true)[inside].max()
        assert inside.mean() > 0.5
        assert 1.0 < error_px < 6.0  # of 6048


class TestPinholes:
    def test_pixels_count_from_their_centres(self, tmp_path):
        camera = model(tmp_path, '7 PINHOLE 640 480 500 501 320 240')['a.jpg']
        assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (500, 501, 319.5, 239.5)

    def test_one_focal_length(self, tmp_path):
        camera = model(tmp_path, '7 SIMPLE_PINHOLE 640 480 500 320 240')['a.jpg']
        assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (500, 500, 319.5, 239.5)

    def test_names_with_folders(self, tmp_path):
        assert list(model(tmp_path, '7 PINHOLE 640 480 500 501 320 240', 'a/b.jpg')) == ['a/b.jpg']


class TestRefusals:
    @pytest.mark.parametrize(
        'line', ['7 OPENCV 640 480 1 2 3 4 5 6 7 8', '7 PINHOLE 640 480 500', '7 PINHOLE', '8 PINHOLE 9 9 9 9 9 9']
    )
    def test_what_is_not_understood_is_a_sentence(self, tmp_path, line):
        with pytest.raises(DataError, match=r'(cameras|images)\.txt cannot be read'):
            model(tmp_path, line)
