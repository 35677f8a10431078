# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A cloud is the camera's own geometry with colours: nothing is lost, moved, or left over from another frame."""

from __future__ import annotations

import numpy as np
import pytest

from dav2_ros.camera import Camera
from dav2_ros.cloud import cloud
from dav2_ros.cloud.cloud import POINT, CloudMaker
from dav2_ros.cloud.options import CloudOptions
from dav2_ros.frames import DepthMap

WIDTH, HEIGHT = 37, 23  # odd: strides leave a rest
LENSES = {
    'pinhole': ('', ()),
    'plumb_bob': ('plumb_bob', (-0.25, 0.08, 0.001, -0.0005, -0.01)),
    'rational_polynomial': ('rational_polynomial', (0.1, -0.05, 0.001, 0.0005, 0.01, 0.12, -0.03, 0.005)),
    'equidistant': ('equidistant', (-0.01, 0.02, -0.005, 0.001)),
    'fisheye': ('fisheye', (0.05, -0.01, 0.002, 0.0)),
}


def camera(lens: str = 'pinhole') -> Camera:
    return Camera(WIDTH, HEIGHT, 30.0, 31.0, 17.2, 11.9, *LENSES[lens])


def depth_map(camera: Camera | None, seed: int = 0) -> DepthMap:
    """Random metres, with unknown and infinite pixels among them."""
    rng = np.random.default_rng(seed)
    z_m = rng.uniform(0.5, 60.0, (HEIGHT, WIDTH)).astype(np.float32)
    z_m[rng.random(z_m.shape) < 0.1] = np.nan
    z_m[rng.random(z_m.shape) < 0.1] = np.inf
    return DepthMap(z_m, camera)


def colours(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def make_cloud(depth: DepthMap, rgb: np.ndarray | None, **options) -> np.ndarray:
    """Make a cloud of depth that is noise: every pixel stands out, and is kept."""
    return cloud.make_cloud(depth, rgb, remove_flying=False, **options)


def xyz(points: np.ndarray) -> np.ndarray:
    return np.stack([points['x'], points['y'], points['z']], axis=-1)


def unpack(points: np.ndarray) -> np.ndarray:
    """Read colours as PCL and RViz do: the float's bits are 0x00RRGGBB."""
    bits = np.ascontiguousarray(points['rgb']).view(np.uint32)
    assert (bits >> 24 == 0).all()
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=-1).astype(np.uint8)


@pytest.mark.parametrize('lens', LENSES)
def test_points_are_where_the_camera_says(lens):
    depth = depth_map(camera(lens))
    points, wanted = xyz(make_cloud(depth, colours())), depth.camera.unproject(depth.z_m)
    finite = np.isfinite(depth.z_m)
    np.testing.assert_allclose(points[finite], wanted[finite], rtol=2e-7)


@pytest.mark.parametrize('lens', LENSES)
def test_points_are_seen_where_their_pixels_are(lens):
    depth = depth_map(camera(lens))
    points = xyz(make_cloud(depth, colours()))
    v, u = np.nonzero(np.isfinite(points).all(axis=-1))
    assert len(u) > 0.5 * WIDTH * HEIGHT
    np.testing.assert_allclose(depth.camera.project(points[v, u]), np.stack([u, v], axis=-1), atol=0.1)


def test_unknown_and_infinite_pixels_are_nan_in_all_three_and_no_others():
    depth = depth_map(camera())
    points = make_cloud(depth, colours())
    assert points.shape == (HEIGHT, WIDTH)  # organised: a pixel keeps its place
    for axis in 'xyz':
        assert np.array_equal(np.isnan(points[axis]), ~np.isfinite(depth.z_m))


def test_ranges_cut_nearer_and_farther_points_out():
    depth = depth_map(camera())
    points = make_cloud(depth, colours(), min_range_m=5.0, max_range_m=30.0)
    kept = np.isfinite(points['z'])
    assert np.array_equal(kept, (depth.z_m > 5.0) & (depth.z_m <= 30.0))
    assert np.array_equal(points['z'][kept], depth.z_m[kept])


@pytest.mark.parametrize('lens', ['pinhole', 'plumb_bob', 'equidistant'])
@pytest.mark.parametrize('stride', [2, 3, 5, 16])
def test_every_nth_point_is_the_nth_point_of_the_whole_cloud(lens, stride):
    """Undistorted rays come out of an iteration, which a strided camera starts anew: hence not bit for bit."""
    depth = depth_map(camera(lens))
    strided, whole = make_cloud(depth, colours(), stride=stride), make_cloud(depth, colours())[::stride, ::stride]
    assert strided.shape == whole.shape
    np.testing.assert_allclose(xyz(strided), xyz(whole), rtol=1e-4, atol=1e-4)
    assert np.array_equal(unpack(strided), unpack(whole))


def test_colours_unpack_to_the_picture():
    assert np.array_equal(unpack(make_cloud(depth_map(camera()), colours())), colours())


def test_a_point_is_sixteen_bytes_without_gaps():
    assert POINT.itemsize == 16
    assert [POINT.fields[name][1] for name in ('x', 'y', 'z', 'rgb')] == [0, 4, 8, 12]


def test_a_maker_that_is_used_again_makes_what_a_new_one_makes():
    """Cameras, strides and holes change between frames; nothing of an older frame shows."""
    maker = CloudMaker()
    for seed, (lens, stride) in enumerate([*[(lens, s) for lens in LENSES for s in (1, 2)], ('pinhole', 1)]):
        depth, rgb = depth_map(camera(lens), seed), colours(seed)
        again = maker.make(depth, rgb, CloudOptions(remove_flying=False, stride=stride, max_range_m=30.0))
        assert again.tobytes() == make_cloud(depth, rgb, stride=stride, max_range_m=30.0).tobytes()


def test_what_make_cloud_returns_is_nobody_else_s():
    first = make_cloud(depth_map(camera()), colours())
    kept = first.copy()
    make_cloud(depth_map(camera(), 1), colours(1))
    assert first.tobytes() == kept.tobytes()


def test_neither_depth_nor_picture_is_written_into():
    depth, rgb = depth_map(camera()), colours()
    make_cloud(depth, rgb)
    assert np.array_equal(depth.z_m, depth_map(None).z_m, equal_nan=True)
    assert np.array_equal(rgb, colours())


def test_without_a_camera_it_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r'^A cloud needs a calibrated camera: .*camera_info.*\.$'):
        make_cloud(depth_map(None), colours())


@pytest.mark.parametrize('lens', ['pinhole', 'equidistant'])
def test_a_dense_cloud_is_the_points_of_the_organised_one_in_their_order(lens):
    depth = depth_map(camera(lens))
    organised, dense = (make_cloud(depth, colours(), organised=o, stride=2, max_range_m=30.0) for o in (True, False))
    assert dense.shape == (1, np.isfinite(organised['x']).sum())
    assert dense[0].tobytes() == organised[np.isfinite(organised['x'])].tobytes()


def test_without_a_picture_points_are_black_whatever_was_before():
    maker, depth = CloudMaker(), depth_map(camera())
    maker.make(depth, colours(), CloudOptions(remove_flying=False))
    assert not unpack(maker.make(depth, None, CloudOptions(remove_flying=False))).any()


def test_voxels_keep_one_point_each_and_lose_none():
    """The camera's own points are thinned, not averaged: every one of them is near to one that is left."""
    depth = depth_map(camera())
    everything, thin = make_cloud(depth, colours(), organised=False), make_cloud(depth, colours(), voxel_m=4.0)
    cells = [{tuple(cell) for cell in np.floor(xyz(each[0]) / 4.0).astype(int)} for each in (everything, thin)]
    assert cells[0] == cells[1] and len(cells[1]) == thin.size < everything.size
    assert set(thin[0].tolist()) <= set(everything[0].tolist())


@pytest.mark.parametrize('values', [{'stride': 0}, {'voxel_m': -1.0}, {'min_range_m': 5.0, 'max_range_m': 5.0}])
def test_options_that_mean_nothing_are_refused(values):
    with pytest.raises(ValueError, match=r'choose a .*\.$'):
        CloudOptions(**values)
