# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The seam between ROS messages and the package's arrays: pictures and clouds, both directions.

Where ROS is installed cv_bridge decodes pictures and sensor_msgs_py packs clouds; elsewhere (the ROS wheels from PyPI)
NumPy and OpenCV do. Both give the same bytes (test/test_conversions.py).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

try:  # a cv_bridge compiled for another NumPy raises more than ImportError, and only here
    from cv_bridge import CvBridge
    from cv_bridge.boost import cv_bridge_boost as _compiled  # noqa: F401

    CV_BRIDGE: CvBridge | None = CvBridge()
except Exception:
    CV_BRIDGE = None
try:
    from sensor_msgs_py import point_cloud2 as POINT_CLOUD2
except ImportError:
    POINT_CLOUD2 = None


@dataclass(frozen=True)
class Encoding:
    """How the pixels of a sensor_msgs/Image lie in memory, and which OpenCV code makes them RGB."""

    dtype: type
    channels: int
    to_rgb: int | None  # None: they are RGB
    planar: bool = False  # half-size UV rows follow the Y plane (4:2:0)
    even: bool = False  # pixels share colour with a neighbour: both sides are even
    bridged: bool = True  # cv_bridge knows it too


_COLOURS = {'rgb': None, 'bgr': cv2.COLOR_BGR2RGB, 'rgba': cv2.COLOR_RGBA2RGB, 'bgra': cv2.COLOR_BGRA2RGB}
# ROS names a Bayer pattern by its first row, OpenCV by the second row's second and third pixel
_BAYER = {
    'bayer_rggb': cv2.COLOR_BayerBG2RGB,
    'bayer_bggr': cv2.COLOR_BayerRG2RGB,
    'bayer_gbrg': cv2.COLOR_BayerGR2RGB,
    'bayer_grbg': cv2.COLOR_BayerGB2RGB,
}
ENCODINGS: dict[str, Encoding] = {}
for _bits, _dtype in ((8, np.uint8), (16, np.uint16)):
    ENCODINGS[f'mono{_bits}'] = Encoding(_dtype, 1, cv2.COLOR_GRAY2RGB)
    ENCODINGS |= {f'{name}{_bits}': Encoding(_dtype, len(name), code) for name, code in _COLOURS.items()}
    ENCODINGS |= {f'{name}{_bits}': Encoding(_dtype, 1, code) for name, code in _BAYER.items()}
ENCODINGS |= {
    '8UC1': Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB, bridged=False),
    '8UC3': Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB, bridged=False),  # untold: OpenCV's own order
    '8UC4': Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB, bridged=False),
    'yuv422': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY, even=True),
    'uyvy': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY, even=True, bridged=False),
    'yuv422_yuy2': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2, even=True),
    'yuyv': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2, even=True, bridged=False),
    'nv12': Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV12, planar=True, even=True, bridged=False),
    'nv21': Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV21, planar=True, even=True, bridged=False),
}


DEPTH_ENCODINGS = {
    '32FC1': Encoding(np.float32, 1, None),
    '16UC1': Encoding(np.uint16, 1, None),
    'mono16': Encoding(np.uint16, 1, None),
}


def image_to_rgb(msg: Image | CompressedImage) -> np.ndarray:
    """Decode a picture message to (H, W, 3) uint8 RGB; it may share memory with the message.

    Raises ValueError, one sentence, for an encoding, format or layout that is not a picture.
    """
    if isinstance(msg, CompressedImage):
        return _decompress(msg)
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ValueError(f'Image encoding {msg.encoding!r} is not a colour or grey picture: publish one of '
                         f'{", ".join(ENCODINGS)}.')  # fmt: skip
    pixels = _pixels(msg, encoding)
    # the Python side of cv_bridge rounds a step that is no multiple of the pixel: such pictures are ours alone
    if CV_BRIDGE and encoding.bridged and msg.step % pixels.strides[1] == 0:
        return CV_BRIDGE.imgmsg_to_cv2(msg, 'rgb8')
    return _to_rgb(pixels, encoding)


def _pixels(msg: Image, encoding: Encoding) -> np.ndarray:
    """View the message's data as (rows, W) or (rows, W, channels), padding skipped; raises ValueError."""
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    rows = msg.height * 3 // 2 if encoding.planar else msg.height
    pixel = dtype.itemsize * encoding.channels
    if not msg.width or not msg.height or msg.step < msg.width * pixel or len(msg.data) < msg.step * rows:
        raise ValueError(
            f'A {msg.encoding} image of {msg.width}x{msg.height} with step {msg.step} and {len(msg.data)} bytes is '
            f'wrongly formed: it needs pixels, a step of at least {msg.width * pixel}, and step x {rows} bytes.'
        )
    if encoding.even and (msg.width % 2 or (encoding.planar and msg.height % 2)):
        raise ValueError(
            f'A {msg.encoding} image of {msg.width}x{msg.height} halves a colour sample: publish even sides.'
        )
    shape, strides = (rows, msg.width), (msg.step, pixel)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)
    return np.ndarray(shape, dtype, msg.data, 0, strides)


def _to_rgb(pixels: np.ndarray, encoding: Encoding) -> np.ndarray:
    pixels = np.ascontiguousarray(pixels, encoding.dtype)  # padding out, native byte order; no copy if neither
    rgb = pixels if encoding.to_rgb is None else cv2.cvtColor(pixels, encoding.to_rgb)
    return rgb if rgb.dtype == np.uint8 else cv2.convertScaleAbs(rgb, alpha=255 / 65535)  # 16 bit, as cv_bridge scales


def _decompress(msg: CompressedImage) -> np.ndarray:
    """Decode jpeg or png. cv_bridge adds nothing here: it calls the same decoder and fails on grey and alpha."""
    if 'compressedDepth' in msg.format:
        raise ValueError(f'CompressedImage format {msg.format!r} is a depth image: publish the colour camera as image.')
    # the pixels as the sensor saw them: camera_info does not know of an EXIF rotation
    data = np.frombuffer(msg.data, np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    if bgr is None:
        raise ValueError(f'A CompressedImage of format {msg.format!r} and {data.size} bytes is not a whole picture: '
                         'publish jpeg or png.')  # fmt: skip
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def depth_to_image(z_m: np.ndarray, encoding: str, header: Header) -> Image:
    """Make the depth image: '32FC1' metres as they are, or '16UC1' millimetres with 0 for unknown and beyond range."""
    if encoding == '16UC1':
        z_mm = 1000.0 * z_m
        z_mm[~(z_mm < 65535.5)] = 0.0  # NaN, inf, and what 16 bits cannot say
        return _image((z_mm + 0.5).astype(np.uint16), encoding, header)
    return _image(z_m, encoding, header)


def image_to_depth(msg: Image) -> np.ndarray:
    """Decode a depth image to (H, W) float32 metres: '32FC1' as it is, '16UC1' and 'mono16' millimetres with 0 unknown.

    Raises ValueError, one sentence, for another encoding or a wrongly formed image.
    """
    if msg.encoding not in DEPTH_ENCODINGS:
        raise ValueError(f'Image encoding {msg.encoding!r} is not depth: publish {" or ".join(DEPTH_ENCODINGS)}.')
    pixels = _pixels(msg, DEPTH_ENCODINGS[msg.encoding])
    if msg.encoding == '32FC1':
        return pixels.astype(np.float32)
    return np.where(pixels > 0, pixels * np.float32(1e-3), np.float32(np.nan))


def colour_to_image(rgb: np.ndarray, header: Header) -> Image:
    """Make a bgr8 image of (H, W, 3) uint8 RGB."""
    return _image(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), 'bgr8', header)


def _image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    height, width = pixels.shape[:2]
    msg = Image(header=header, height=height, width=width, encoding=encoding, step=pixels.nbytes // height)
    msg.is_bigendian = sys.byteorder == 'big'
    _fill(msg.data, pixels)
    return msg


def _fill(data, values: np.ndarray) -> None:
    """Append an array's bytes to a new message's array.array('B'): one copy, no check of each element."""
    data.frombytes(np.ascontiguousarray(values).view(np.uint8).data)


def fields_of(points: np.ndarray) -> list[PointField]:
    """List the PointFields of a structured array of float32."""
    return [
        PointField(name=name, offset=points.dtype.fields[name][1], datatype=PointField.FLOAT32, count=1)
        for name in points.dtype.names
    ]


def cloud_to_msg(points: np.ndarray, header: Header, *, is_dense: bool = False) -> PointCloud2:
    """Make a PointCloud2 of a (H, W) structured array of float32 fields; NaN points may be in it unless it is dense."""
    height, width = points.shape
    if POINT_CLOUD2:  # given the flat points: it swaps width and height of organised ones
        msg = POINT_CLOUD2.create_cloud(header, fields_of(points), np.ascontiguousarray(points).reshape(-1))
    else:
        msg = PointCloud2(header=header, fields=fields_of(points), point_step=points.dtype.itemsize)
        msg.is_bigendian = sys.byteorder == 'big'
        _fill(msg.data, points)
    msg.is_dense = is_dense
    msg.height, msg.width, msg.row_step = height, width, width * points.dtype.itemsize
    return msg


def cloud_from_msg(msg: PointCloud2) -> np.ndarray:
    """View a PointCloud2 of float32 fields as a (height, width) structured array."""
    if POINT_CLOUD2:
        return POINT_CLOUD2.read_points(msg).reshape(msg.height, msg.width)
    kind = '>f4' if msg.is_bigendian else '<f4'
    names, offsets = [field.name for field in msg.fields], [field.offset for field in msg.fields]
    dtype = {'names': names, 'formats': [kind] * len(names), 'offsets': offsets, 'itemsize': msg.point_step}
    return np.ndarray((msg.height, msg.width), np.dtype(dtype), msg.data, 0, (msg.row_step, msg.point_step))
