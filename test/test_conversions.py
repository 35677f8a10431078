# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding decodes to the same RGB, however it lies in memory; depth and clouds survive a message."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('sensor_msgs', reason='ROS messages are not installed (pip: the extra ros)')

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from dav2_ros.cloud import POINT
from dav2_ros.nodes import conversions
from dav2_ros.nodes.conversions import image_to_rgb
from dav2_ros.pixels import ENCODINGS, pixels, to_rgb

HEIGHT, WIDTH = 24, 34
BAYER = {'rggb': 'RGGB', 'bggr': 'BGGR', 'gbrg': 'GBRG', 'grbg': 'GRBG'}


def smooth_rgb() -> np.ndarray:
    """(H, W, 3) uint8 without edges: what demosaicing and shared chroma cannot harm much."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    return np.stack([40 + 3 * u, 200 - 2 * v - u, 90 + u + 2 * v], -1).astype(np.uint8)


def encode(rgb: np.ndarray, encoding: str) -> np.ndarray:
    """Lay a picture out as an encoding says, written from its definition; (rows, W, channels) or (rows, W)."""
    name, bits = encoding.rstrip('0123456789'), 16 if encoding.endswith('16') else 8
    wide = rgb.astype(np.uint16) * 257 if bits == 16 else rgb
    alpha = np.full((*rgb.shape[:2], 1), 77, wide.dtype)
    if name in ('rgb', 'bgr', 'rgba', 'bgra'):
        channels = wide if name.startswith('rgb') else wide[..., ::-1]
        return np.concatenate([channels, alpha], -1) if name.endswith('a') else channels
    if encoding in ('8UC3', '8UC4'):
        return np.concatenate([rgb[..., ::-1], alpha], -1)[..., : int(encoding[-1])]
    if name == 'mono' or encoding == '8UC1':
        return wide[..., 1]
    if name.startswith('bayer_'):
        plane, pattern = np.empty(rgb.shape[:2], wide.dtype), BAYER[name[6:]]
        for index, colour in enumerate(pattern):
            row, column = divmod(index, 2)
            plane[row::2, column::2] = wide[row::2, column::2, 'RGB'.index(colour)]
        return plane
    # ITU-R BT.601, studio range, as the FOURCC formats have it
    r, g, b = (rgb[..., k].astype(float) for k in range(3))
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    if encoding in ('nv12', 'nv21'):
        planes = [u, v] if encoding == 'nv12' else [v, u]
        chroma = np.stack([p[::2, ::2] for p in planes], -1).reshape(HEIGHT // 2, WIDTH)
        return np.concatenate([y, chroma]).round().astype(np.uint8)
    chroma = np.where(np.arange(WIDTH) % 2 == 0, u, np.roll(v, 1, axis=1))  # u0 v0 u2 v2 ...
    order = (y, chroma) if encoding in ('yuyv', 'yuv422_yuy2') else (chroma, y)
    return np.stack(order, -1).round().astype(np.uint8)


def message(pixels: np.ndarray, encoding: str, padding: int = 0, big_endian: bool = False) -> Image:
    """Put pixels into a message, each row followed by `padding` bytes of rubbish."""
    rows = pixels.astype(pixels.dtype.newbyteorder('>' if big_endian else '<')).reshape(len(pixels), -1).view(np.uint8)
    rubbish = np.full((len(rows), padding), 201, np.uint8)
    msg = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=rows.shape[1] + padding, is_bigendian=big_endian)
    msg.data.frombytes(np.concatenate([rows, rubbish], axis=1).tobytes())
    return msg


def tolerance(encoding: str) -> int:
    if encoding.startswith('bayer'):
        return 6  # a ramp of 3 per pixel, interpolated
    return 7 if ENCODINGS[encoding].even else 0  # chroma of a neighbour, 8-bit rounding twice


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_encoding_is_the_same_picture(encoding: str) -> None:
    rgb = smooth_rgb()
    decoded = image_to_rgb(message(encode(rgb, encoding), encoding))
    wanted = np.repeat(rgb[..., 1:2], 3, axis=2) if encoding in ('mono8', 'mono16', '8UC1') else rgb
    assert decoded.shape == (HEIGHT, WIDTH, 3) and decoded.dtype == np.uint8
    inner = np.s_[2:-2, 2:-2] if encoding.startswith('bayer') else np.s_[:]
    assert np.abs(decoded[inner].astype(int) - wanted[inner]).max() <= tolerance(encoding)


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('padding', [1, 2, 30])
@pytest.mark.parametrize('big_endian', [False, True])
def test_padding_and_byte_order_change_nothing(encoding: str, padding: int, big_endian: bool) -> None:
    pixels = encode(np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), encoding)
    if pixels.dtype == np.uint16:  # not 257 times a byte: those read the same from either end
        pixels = pixels ^ np.random.default_rng(4).integers(0, 256, pixels.shape, np.uint16)
    plain = image_to_rgb(message(pixels, encoding))
    np.testing.assert_array_equal(image_to_rgb(message(pixels, encoding, padding, big_endian)), plain)


def test_16_bits_are_rounded_to_8() -> None:
    values = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    decoded = image_to_rgb(message(values, 'mono16'))
    np.testing.assert_array_equal(decoded[..., 0], np.round(values / 257.0))


def test_cv_bridge_and_our_own_path_agree_to_the_bit() -> None:
    if conversions.CV_BRIDGE is None:
        pytest.skip('cv_bridge is not installed, or not built for this NumPy: it is not on PyPI')
    rgb = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for encoding, known in ENCODINGS.items():
        for big_endian in (False, True) if known.bridged else ():
            msg = message(encode(rgb, encoding), encoding, 4 * 12, big_endian)
            ours = to_rgb(pixels(msg, known), known)
            np.testing.assert_array_equal(ours, conversions.CV_BRIDGE.imgmsg_to_cv2(msg, 'rgb8'), encoding)


@pytest.mark.parametrize(
    ('change', 'word'),
    [
        ({'encoding': '16UC1'}, '16UC1'),
        ({'encoding': '32FC1'}, '32FC1'),
        ({'encoding': ''}, "''"),
        ({'step': 3 * WIDTH - 1}, 'step'),
        ({'height': HEIGHT + 1}, 'wrongly formed'),
        ({'width': 0}, '0x24'),
        ({'encoding': 'nv12', 'height': 15}, 'even'),
        ({'encoding': 'yuyv', 'width': 33}, 'even'),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(change: dict, word: str) -> None:
    msg = message(smooth_rgb(), 'rgb8')
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(ValueError, match=word) as refusal:
        image_to_rgb(msg)
    assert str(refusal.value).endswith('.')


def compressed(pixels: np.ndarray, kind: str, format: str) -> CompressedImage:
    msg = CompressedImage(format=format)
    msg.data.frombytes(cv2.imencode(f'.{kind}', pixels)[1].tobytes())
    return msg


@pytest.mark.parametrize('format', ['png', 'rgb8; png compressed bgr8', ''])
@pytest.mark.parametrize('alpha', [False, True])
def test_png_is_exact(format: str, alpha: bool) -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    bgr = rgb[..., ::-1]
    pixels = np.dstack([bgr, np.full((HEIGHT, WIDTH), 9, np.uint8)]) if alpha else bgr
    np.testing.assert_array_equal(image_to_rgb(compressed(pixels, 'png', format)), rgb)


@pytest.mark.parametrize('format', ['jpeg', 'jpg', 'bgr8; jpeg compressed bgr8', 'rgb8; jpeg compressed bgr8'])
def test_jpeg_is_close_whatever_its_format_is_called(format: str) -> None:
    rgb = smooth_rgb()
    decoded = image_to_rgb(compressed(rgb[..., ::-1], 'jpg', format)).astype(int)
    assert np.abs(decoded - rgb).max() <= 8


def test_a_grey_jpeg_is_a_grey_picture() -> None:
    decoded = image_to_rgb(compressed(smooth_rgb()[..., 0], 'jpg', 'mono8; jpeg compressed mono8'))
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    assert (decoded[..., 0] == decoded[..., 2]).all()


def test_an_exif_rotation_does_not_turn_the_sensor() -> None:
    msg = compressed(smooth_rgb(), 'jpg', 'jpeg')
    orientation_6 = bytes.fromhex('ffe10022457869660000') + bytes.fromhex(
        '49492a000800000001001201030001000000060000000000'
    )
    data = msg.data.tobytes()
    msg.data = type(msg.data)('B', data[:2] + orientation_6 + data[2:])
    turned = cv2.imdecode(np.frombuffer(msg.data, np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape == (WIDTH, HEIGHT, 3), 'the test needs a file that says it is rotated'
    assert image_to_rgb(msg).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ('format', 'data'),
    [
        ('jpeg', b''),
        ('jpeg', b'\xff\xd8\xff\xe0 cut'),
        ('png', b'\x89PNG\r\n\x1a\n'),
        ('16UC1; compressedDepth png', b'x'),
    ],
)
def test_broken_compressed_images_are_refused_with_a_sentence(format: str, data: bytes) -> None:
    msg = CompressedImage(format=format)
    msg.data.frombytes(data)
    with pytest.raises(ValueError, match=r'(cannot be read: it is not a whole picture|publish).*\.$'):
        image_to_rgb(msg)


def test_a_picture_of_900_million_pixels_is_refused_by_its_header() -> None:
    msg = compressed(smooth_rgb(), 'png', 'png')
    msg.data[16:24] = type(msg.data)('B', (30_000).to_bytes(4, 'big') * 2)
    with pytest.raises(ValueError, match=r'30000x30000 are 900 million pixels, more than the limit of 50 million'):
        image_to_rgb(msg)


def a_depth() -> np.ndarray:
    z_m = np.random.default_rng(11).uniform(0.3, 60.0, (HEIGHT, WIDTH)).astype(np.float32)
    z_m[0, :3] = np.nan, np.inf, 70.0
    return z_m


def test_depth_in_metres_survives_to_the_bit() -> None:
    header, z_m = Header(frame_id='eye'), a_depth()
    msg = conversions.depth_to_image(z_m[::2, ::3], '32FC1', header)
    assert (msg.header, msg.encoding, msg.step, msg.is_bigendian) == (header, '32FC1', 4 * msg.width, False)
    back = np.frombuffer(msg.data, np.float32).reshape(msg.height, msg.width)
    np.testing.assert_array_equal(back, z_m[::2, ::3])


def test_depth_in_millimetres_is_rounded_and_unknown_is_zero() -> None:
    z_m = a_depth()
    msg = conversions.depth_to_image(z_m, '16UC1', Header())
    z_mm = np.frombuffer(msg.data, np.uint16).reshape(msg.height, msg.width)
    np.testing.assert_array_equal(z_mm[0, :3], 0)
    np.testing.assert_allclose(z_mm[1:] / 1000.0, z_m[1:], atol=0.00051)
    assert np.isnan(z_m[0, 0]), 'the map itself is untouched'


def test_depth_images_come_back() -> None:
    z_m = a_depth()
    np.testing.assert_array_equal(conversions.image_to_depth(conversions.depth_to_image(z_m, '32FC1', Header())), z_m)
    back_m = conversions.image_to_depth(conversions.depth_to_image(z_m, '16UC1', Header()))
    np.testing.assert_allclose(back_m[1:], z_m[1:], atol=0.00051)
    assert np.isnan(back_m[0, :3]).all()
    with pytest.raises(ValueError, match='is not depth'):
        conversions.image_to_depth(conversions.colour_to_image(smooth_rgb(), Header()))


def test_colour_is_published_as_bgr8() -> None:
    rgb = smooth_rgb()
    np.testing.assert_array_equal(image_to_rgb(conversions.colour_to_image(rgb, Header())), rgb)
    assert conversions.colour_to_image(rgb, Header()).encoding == 'bgr8'


def a_cloud() -> np.ndarray:
    points = np.random.default_rng(13).normal(size=(HEIGHT, WIDTH, 4)).astype(np.float32)
    points[3, 4] = np.nan
    return points.view(POINT)[..., 0]


def test_an_organised_cloud_keeps_its_rows() -> None:
    points, header = a_cloud(), Header(frame_id='eye')
    msg = conversions.cloud_to_msg(points, header)
    assert (msg.height, msg.width, msg.point_step, msg.row_step) == (HEIGHT, WIDTH, 16, 16 * WIDTH)
    assert (msg.header, msg.is_dense, msg.is_bigendian) == (header, False, False)
    assert [(f.name, f.offset, f.datatype, f.count) for f in msg.fields] == [
        ('x', 0, 7, 1), ('y', 4, 7, 1), ('z', 8, 7, 1), ('rgb', 12, 7, 1),
    ]  # fmt: skip
    assert conversions.cloud_from_msg(msg).tobytes() == points.tobytes()


def test_sensor_msgs_py_and_our_own_path_agree_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    if conversions.POINT_CLOUD2 is None:
        pytest.skip('sensor_msgs_py is not installed: it is not on PyPI')
    points, header = a_cloud(), Header(frame_id='eye')
    theirs = conversions.cloud_to_msg(points, header)
    read_by_them = conversions.cloud_from_msg(theirs)
    monkeypatch.setattr(conversions, 'POINT_CLOUD2', None)
    assert conversions.cloud_to_msg(points, header) == theirs
    assert conversions.cloud_from_msg(theirs).tobytes() == read_by_them.tobytes()
