# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Colours, depth files, EXIF, and the drawings that people look at."""

from __future__ import annotations

import math
import struct
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.depth.colour import BEYOND, UNKNOWN, colourise, palette
from dav2_ros.media import exif, images
from dav2_ros.media.point_render import Viewpoint, raised, splat

NEAR_M, FAR_M = 0.5, 40.0
DEPTHS = st.floats(2**-6, 512.0, width=32)


def level(z_m: float, near_m: float = NEAR_M, far_m: float = FAR_M) -> int:
    """Return the place of a depth's colour in the palette; every colour is there once."""
    rgb = colourise(np.full((1, 1), z_m, np.float32), near_m, far_m)[0, 0]
    (found,) = np.flatnonzero((palette() == rgb).all(axis=-1))
    return int(found)


class TestColour:
    def test_every_colour_is_told_from_every_other(self):
        assert len(np.unique(palette(), axis=0)) == 256

    @given(DEPTHS, DEPTHS)
    def test_farther_is_never_nearer_in_colour(self, a_m, b_m):
        assert level(min(a_m, b_m)) <= level(max(a_m, b_m))

    @given(st.floats(NEAR_M, FAR_M))
    def test_equal_ratios_are_equal_steps(self, z_m):
        share = math.log(z_m / NEAR_M) / math.log(FAR_M / NEAR_M)
        assert abs(level(z_m) - (1 + 253 * share)) <= 1

    def test_the_range_is_fixed_and_clamped(self):
        assert level(1e-3) == level(NEAR_M) == 1
        assert level(1e4) == level(FAR_M) == 254
        z_m = np.array([[1.0, 2.0], [3.0, 30.0]], np.float32)
        alone, among = colourise(z_m[:1], NEAR_M, FAR_M), colourise(z_m, NEAR_M, FAR_M)
        assert np.array_equal(alone, among[:1])  # what else is in the picture does not matter

    def test_near_is_warm_and_far_is_cold(self):
        near, far = colourise(np.array([[0.6, 35.0]], np.float32), NEAR_M, FAR_M)[0].astype(int)
        assert near[0] > 2 * near[2]
        assert far[2] > 2 * far[0]

    @pytest.mark.parametrize(
        ('z_m', 'colour'),
        [(np.nan, UNKNOWN), (np.inf, BEYOND), (0.0, UNKNOWN), (-1.0, UNKNOWN), (-np.inf, UNKNOWN), (-np.nan, UNKNOWN)],
    )
    def test_what_is_no_distance_has_a_colour_of_its_own(self, z_m, colour):
        assert tuple(colourise(np.full((2, 3), z_m, np.float32), NEAR_M, FAR_M)[1, 2]) == colour

    def test_any_layout_in_memory_gives_the_same_picture(self):
        z_m = np.random.default_rng(0).uniform(0.1, 60, (48, 64)).astype(np.float32)
        wanted = colourise(z_m, NEAR_M, FAR_M)
        assert wanted.shape == (48, 64, 3)
        assert np.array_equal(colourise(np.asfortranarray(z_m), NEAR_M, FAR_M), wanted)
        assert np.array_equal(colourise(z_m[::2, ::3], NEAR_M, FAR_M), wanted[::2, ::3])
        assert np.array_equal(colourise(z_m.astype('>f4'), NEAR_M, FAR_M), wanted)

    @pytest.mark.parametrize(('near_m', 'far_m'), [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, np.inf), (np.nan, 1.0)])
    def test_a_range_that_is_none_is_refused(self, near_m, far_m):
        with pytest.raises(ValueError, match='choose 0 < near < far'):
            colourise(np.ones((2, 2), np.float32), near_m, far_m)


class TestDepthFiles:
    def test_npy_loses_nothing(self, tmp_path):
        z_m = np.array([[1.2345678, np.nan], [np.inf, 1e-5]], np.float32)
        images.write_depth_npy(tmp_path / 'z.npy', z_m)
        back = np.load(tmp_path / 'z.npy')
        assert back.dtype == np.float32
        assert back.tobytes() == z_m.tobytes()

    @given(st.lists(st.one_of(DEPTHS, st.just(math.nan), st.just(math.inf)), min_size=6, max_size=6))
    def test_png_keeps_half_a_millimetre_and_what_is_unknown_or_far(self, values):
        z_m = np.array(values, np.float32).reshape(2, 3)
        with tempfile.TemporaryDirectory() as folder:
            images.write_depth_png(Path(folder) / 'z.png', z_m)
            back = images.read_depth_png(Path(folder) / 'z.png')
        assert np.array_equal(np.isnan(back), np.isnan(z_m))
        assert np.array_equal(np.isinf(back), z_m >= np.float32(65.5345))
        near = np.isfinite(back)
        assert np.abs(back[near].astype(float) - z_m[near]).max(initial=0) <= 5.01e-4

    def test_png_is_one_that_anybody_reads(self, tmp_path):
        images.write_depth_png(tmp_path / 'z.png', np.array([[1.0, 2.5, np.nan, 80.0]], np.float32))
        data = (tmp_path / 'z.png').read_bytes()
        assert data[:8] == b'\x89PNG\r\n\x1a\n'
        width, height, bits, colours = struct.unpack('>IIBB', data[16:26])
        assert (width, height, bits, colours) == (4, 1, 16, 0)
        at, packed = 8, b''
        while at < len(data):  # our own reading of the format, not OpenCV's
            (length,) = struct.unpack_from('>I', data, at)
            packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b'IDAT' else b''
            at += 12 + length
        row = zlib.decompress(packed)
        if row[0] == 1:  # filter "sub": each byte minus that of the pixel before
            values = list(row[1:])
            for i in range(2, 8):
                values[i] = (values[i] + values[i - 2]) & 255
            row = bytes([0, *values])
        assert struct.unpack('>4H', row[1:]) == (1000, 2500, 0, 65535)

    def test_nothing_half_written_stays(self, tmp_path):
        images.write_depth_npy(tmp_path / 'z.npy', np.ones((2, 2), np.float32))
        images.write_depth_png(tmp_path / 'z.png', np.ones((2, 2), np.float32))
        assert sorted(path.name for path in tmp_path.iterdir()) == ['z.npy', 'z.png']

    def test_an_ordinary_png_is_no_depth(self, tmp_path):
        images.write_png(tmp_path / 'rgb.png', np.zeros((2, 2, 3), np.uint8))
        with pytest.raises(images.MediaError, match='not a 16-bit grey PNG'):
            images.read_depth_png(tmp_path / 'rgb.png')


def tiff(order: str, entries: list[tuple[int, int, int]]) -> bytes:
    """Build a TIFF structure: IFD0 points to an EXIF directory that holds the entries (tag, type, value)."""
    head = {'<': b'II*\0', '>': b'MM\0*'}[order] + struct.pack(f'{order}I', 8)
    ifd0 = struct.pack(f'{order}HHHIII', 1, 0x8769, 4, 1, 26, 0)
    body = struct.pack(f'{order}H', len(entries))
    for tag, kind, value in entries:
        field = struct.pack(f'{order}H', value) + b'\0\0' if kind == 3 else struct.pack(f'{order}I', value)
        body += struct.pack(f'{order}HHI', tag, kind, 1) + field
    return head + ifd0 + body + bytes(4)


def with_exif(jpeg: bytes, exif_data: bytes, before: bytes = b'') -> bytes:
    segment = b'Exif\0\0' + exif_data
    return jpeg[:2] + before + b'\xff\xe1' + struct.pack('>H', len(segment) + 2) + segment + jpeg[2:]


@pytest.fixture(scope='module')
def jpeg() -> bytes:
    return cv2.imencode('.jpg', np.full((30, 40, 3), 128, np.uint8))[1].tobytes()


class TestExif:
    @pytest.mark.parametrize('order', ['<', '>'])
    @pytest.mark.parametrize('kind', [3, 4])
    def test_the_focal_length_is_found(self, jpeg, order, kind):
        entries = [(0x829A, 4, 7), (0xA405, kind, 26), (0xA406, 3, 0)]
        assert exif.focal_35mm(with_exif(jpeg, tiff(order, entries))) == 26
        jfif = b'\xff\xe0' + struct.pack('>H', 16) + bytes(14)
        assert exif.focal_35mm(with_exif(jpeg, tiff(order, entries), before=jfif)) == 26

    def test_a_photo_that_does_not_say_has_none(self, jpeg):
        assert exif.focal_35mm(jpeg) is None
        assert exif.focal_35mm(with_exif(jpeg, tiff('<', [(0xA405, 3, 0)]))) is None  # 0 is "unknown" in EXIF
        assert exif.focal_35mm(with_exif(jpeg, tiff('<', []))) is None
        assert exif.focal_35mm(b'') is None
        assert exif.focal_35mm(cv2.imencode('.png', np.zeros((2, 2), np.uint8))[1].tobytes()) is None

    @given(st.binary(max_size=80))
    def test_nonsense_is_no_focal_length_and_no_error(self, noise):
        whole = tiff('<', [(0xA405, 3, 26)])
        for data in (noise, b'II*\0' + noise, whole[: len(noise)], whole[:8] + noise):
            found = exif.focal_35mm(with_exif(b'\xff\xd8\xff\xd9', data))
            assert found is None or found > 0

    def test_a_full_frame_camera_has_the_field_of_view_of_the_books(self):
        """50 mm on 36 x 24 mm sees 39.6 degrees across, 28 mm sees 65.5: any lens table."""
        for f_mm, hfov_deg in ((50, 39.6), (28, 65.5)):
            f_px = exif.focal_px(f_mm, 3000, 2000)
            assert 2 * math.degrees(math.atan(1500 / f_px)) == pytest.approx(hfov_deg, abs=0.05)
            assert exif.focal_px(f_mm, 2000, 3000) == f_px

    @pytest.mark.parametrize(('orientation', 'corner'), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
    def test_photos_stand_upright(self, tmp_path, orientation, corner):
        """The stored top left pixel is red; the EXIF standard says where it is to be shown."""
        pil = pytest.importorskip('PIL.Image', reason='Pillow, which comes with matplotlib, writes the orientation')
        pixels = np.zeros((32, 64, 3), np.uint8)
        pixels[:16, :16] = (255, 0, 0)
        tags = pil.Exif()
        tags[0x0112] = orientation
        tags.get_ifd(0x8769)[0xA405] = 35
        pil.fromarray(pixels).save(tmp_path / 'photo.jpg', exif=tags, quality=95)
        photo = images.read_photo(tmp_path / 'photo.jpg', 60.0)
        shown = photo.frame.rgb
        assert shown.shape == ((32, 64, 3) if orientation in (1, 3) else (64, 32, 3))
        assert shown[corner][0] > 200 and shown[corner][1] < 80
        assert photo.camera_source == 'EXIF, 35 mm equivalent'
        assert photo.frame.camera.f_px == pytest.approx(35 / 43.2666 * math.hypot(32, 64), rel=1e-5)
        assert (photo.frame.camera.width, photo.frame.camera.height) == shown.shape[1::-1]

    def test_without_a_focal_length_the_field_of_view_is_the_stated_one(self, tmp_path):
        images.write_png(tmp_path / 'photo.png', np.zeros((30, 40, 3), np.uint8))
        photo = images.read_photo(tmp_path / 'photo.png', 72.5)
        assert photo.camera_source == 'assumed'
        assert math.degrees(photo.frame.camera.hfov_rad) == pytest.approx(72.5)


class TestSplat:
    EYE = Viewpoint((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), width=100, height=80, hfov_rad=math.radians(90))

    def draw(self, points, colours, spread=0.0):
        points = np.array(points, np.float64)
        spread_m = np.full(len(points), spread)
        return splat(points, np.array(colours, np.uint8), self.EYE, spread_m=spread_m, background=(9, 9, 9))

    def test_the_nearest_point_hides_the_others_in_any_order(self):
        points, colours = [[0, 0, 2.0], [0, 0, 1.0], [0, 0, 3.0]], [[1, 0, 0], [2, 0, 0], [3, 0, 0]]
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
            image = self.draw([points[i] for i in order], [colours[i] for i in order], spread=0.1)
            assert image[40, 50, 0] == 2

    def test_a_point_is_drawn_where_a_pinhole_sees_it(self):
        image = self.draw([[0.5, -0.25, 2.0]], [[200, 0, 0]])
        v, u = np.argwhere((image != 9).any(axis=-1))[0]
        assert (u, v) == (round(50 * 0.25 + 49.5), round(50 * -0.125 + 39.5))

    def test_what_is_behind_or_outside_is_not_drawn(self):
        assert (self.draw([[0, 0, -1.0], [50.0, 0, 1.0]], [[1, 1, 1], [1, 1, 1]], spread=0.1) == 9).all()

    def test_points_as_far_apart_as_they_spread_close_a_surface(self):
        x, y = np.meshgrid(np.linspace(-2, 2, 41), np.linspace(-2, 2, 41))
        wall = np.stack([x, y, np.full_like(x, 1.5)], axis=-1).reshape(-1, 3)
        assert not (self.draw(wall, np.zeros_like(wall), spread=0.1) == 9).any()

    def test_the_raised_eye_sees_the_ground_below_the_horizon(self):
        ground = np.array([[x, 1.2, z] for x in np.linspace(-2, 2, 30) for z in np.linspace(2, 8, 60)])
        eye = raised(ground, width=120, height=90)
        assert eye.at_m[1] < 0  # above the camera: y points down
        size = {'spread_m': np.full(len(ground), 0.1), 'background': (255, 255, 255)}
        image = splat(ground, np.zeros((len(ground), 3), np.uint8), eye, **size)
        rows = np.flatnonzero((image == 0).any(axis=(1, 2)))
        assert len(rows) > 20
        assert rows.max() > 45
