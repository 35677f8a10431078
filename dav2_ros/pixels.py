# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How pixels lie in image messages: raw and compressed pictures, and depth.

A message is anything with the fields of sensor_msgs/Image or CompressedImage, whether rclpy made it or a recording did.
Errors are ValueError, one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from dav2_ros.encoded_image import ImageError, decode_image
from dav2_ros.frames import check_pixels

MAX_MM = 65535


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


def picture(msg: Any) -> np.ndarray:
    """Decode an Image to (H, W, 3) uint8 RGB; it may share memory with the message."""
    encoding = picture_encoding(msg)
    return to_rgb(pixels(msg, encoding), encoding)


def picture_encoding(msg: Any) -> Encoding:
    """Return how the pixels of an Image lie; raises ValueError for what is no picture."""
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ValueError(f'Image encoding {msg.encoding!r} is not a colour or grey picture: publish one of '
                         f'{", ".join(ENCODINGS)}.')  # fmt: skip
    return encoding


def pixels(msg: Any, encoding: Encoding) -> np.ndarray:
    """View the message's data as (rows, W) or (rows, W, channels), padding skipped; raises ValueError."""
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    rows = msg.height * 3 // 2 if encoding.planar else msg.height
    pixel = dtype.itemsize * encoding.channels
    if not msg.width or not msg.height or msg.step < msg.width * pixel or len(msg.data) < msg.step * rows:
        raise ValueError(
            f'A {msg.encoding} image of {msg.width}x{msg.height} with step {msg.step} and {len(msg.data)} bytes is '
            f'wrongly formed: it needs pixels, a step of at least {msg.width * pixel}, and step x {rows} bytes.'
        )
    try:
        check_pixels(msg.width, msg.height)
    except ValueError as error:
        raise ValueError(f'A {msg.encoding} image cannot be taken: {error}.') from error
    if encoding.even and (msg.width % 2 or (encoding.planar and msg.height % 2)):
        raise ValueError(
            f'A {msg.encoding} image of {msg.width}x{msg.height} halves a colour sample: publish even sides.'
        )
    shape, strides = (rows, msg.width), (msg.step, pixel)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)
    return np.ndarray(shape, dtype, msg.data, 0, strides)


def to_rgb(pixels: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB of pixels as they lie in a message."""
    pixels = np.ascontiguousarray(pixels, encoding.dtype)  # padding out, native byte order; no copy if neither
    rgb = pixels if encoding.to_rgb is None else cv2.cvtColor(pixels, encoding.to_rgb)
    return rgb if rgb.dtype == np.uint8 else cv2.convertScaleAbs(rgb, alpha=255 / 65535)  # 16 bit, as cv_bridge scales


def decompress(msg: Any) -> np.ndarray:
    """Decode jpeg or png. cv_bridge adds nothing here: it calls the same decoder and fails on grey and alpha."""
    if 'compressedDepth' in msg.format:
        raise ValueError(f'CompressedImage format {msg.format!r} is a depth image: publish the colour camera as image.')
    # the pixels as the sensor saw them: camera_info does not know of an EXIF rotation
    try:
        bgr = decode_image(msg.data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except ImageError as error:
        raise ValueError(
            f'A CompressedImage of format {msg.format!r} and {len(msg.data)} bytes cannot be read: {error}.'
        ) from error
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def depth(msg: Any) -> np.ndarray:
    """Decode an Image to (H, W) float32 metres: '32FC1' as it is, '16UC1' and 'mono16' millimetres with 0 unknown."""
    if msg.encoding not in DEPTH_ENCODINGS:
        raise ValueError(f'Image encoding {msg.encoding!r} is not depth: publish {" or ".join(DEPTH_ENCODINGS)}.')
    found = pixels(msg, DEPTH_ENCODINGS[msg.encoding])
    return found.astype(np.float32) if msg.encoding == '32FC1' else from_mm(found)


def to_mm(z_m: np.ndarray) -> np.ndarray:
    """Return depth as uint16 millimetres, rounded; 0 for NaN, +inf and beyond 65.535 m."""
    z_mm = 1000.0 * z_m
    with np.errstate(invalid='ignore'):
        z_mm[~(z_mm < MAX_MM + 0.5)] = 0.0
    return (z_mm + 0.5).astype(np.uint16)


def from_mm(z_mm: np.ndarray) -> np.ndarray:
    """Return uint16 millimetres as float32 metres; 0 becomes NaN."""
    return np.where(z_mm > 0, z_mm * np.float32(1e-3), np.float32(np.nan))
