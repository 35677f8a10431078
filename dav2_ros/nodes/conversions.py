# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Convert between ROS messages and the package's arrays: pictures and clouds, both directions.

Where ROS is installed cv_bridge decodes pictures and sensor_msgs_py packs clouds; elsewhere (the ROS wheels from PyPI)
NumPy and OpenCV do. Both give the same bytes (test/nodes/test_conversions.py).
"""

from __future__ import annotations

import sys
from array import array

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from dav2_ros.cloud.cloud import field_offsets
from dav2_ros.image.image_encodings import decompress, depth, picture_encoding, pixels, to_mm, to_rgb

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


def image_to_rgb(msg: Image | CompressedImage) -> np.ndarray:
    """Decode a picture message to (H, W, 3) uint8 RGB; it may share memory with the message.

    Raises ValueError, one sentence, for an encoding, format or layout that is not a picture.
    """
    if isinstance(msg, CompressedImage):
        return decompress(msg)
    encoding = picture_encoding(msg)
    found = pixels(msg, encoding)
    # the Python side of cv_bridge rounds a step that is no multiple of the pixel: such pictures are ours alone
    if CV_BRIDGE and encoding.bridged and msg.step % found.strides[1] == 0:
        return CV_BRIDGE.imgmsg_to_cv2(msg, 'rgb8')
    return to_rgb(found, encoding)


def depth_to_image(z_m: np.ndarray, encoding: str, header: Header) -> Image:
    """Make the depth image: '32FC1' metres as they are, or '16UC1' millimetres with 0 for unknown and beyond range."""
    return _image(to_mm(z_m) if encoding == '16UC1' else z_m, encoding, header)


def image_to_depth(msg: Image) -> np.ndarray:
    """Decode a depth image to (H, W) float32 metres; raises ValueError, one sentence, for what is none."""
    return depth(msg)


def colour_to_image(rgb: np.ndarray, header: Header) -> Image:
    """Make a bgr8 image of (H, W, 3) uint8 RGB."""
    return _image(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), 'bgr8', header)


def rgb_to_image(rgb: np.ndarray, header: Header) -> Image:
    """Make an rgb8 image of (H, W, 3) uint8 RGB."""
    return _image(np.ascontiguousarray(rgb), 'rgb8', header)


def _image(values: np.ndarray, encoding: str, header: Header) -> Image:
    height, width = values.shape[:2]
    msg = Image(header=header, height=height, width=width, encoding=encoding, step=values.nbytes // height)
    msg.is_bigendian = sys.byteorder == 'big'
    _fill(msg.data, values)
    return msg


def _fill(data: array[int], values: np.ndarray) -> None:
    """Append an array's bytes to a new message's array.array('B'): one copy, no check of each element."""
    data.frombytes(np.ascontiguousarray(values).view(np.uint8).data)


def fields_of(points: np.ndarray) -> list[PointField]:
    """List the PointFields of a structured array of float32."""
    return [
        PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
        for name, offset in field_offsets(points.dtype).items()
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
    dtype = np.dtype({'names': names, 'formats': [kind] * len(names), 'offsets': offsets, 'itemsize': msg.point_step})
    return np.ndarray((msg.height, msg.width), dtype, msg.data, 0, (msg.row_step, msg.point_step))
