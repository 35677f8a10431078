# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Convert between the messages of a recording and values of the package, both directions, without ROS.

Depth in 16 bits: millimetres, 0 for unknown. Depth beyond 65.535 m and +inf become 0 too: 16 bits cannot say more.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import field_offsets
from dav2_ros.frames import DepthMap, stamp_ns
from dav2_ros.image import image_encodings
from dav2_ros.image.camera_info import InfoFields, camera_from_info
from dav2_ros.image.encoded_image import ImageError, decode_image

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

    from dav2_ros.bags.storage.records import StoredTopic

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO, POINT_CLOUD = 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/PointCloud2'
SCAN, RANGE = 'sensor_msgs/msg/LaserScan', 'sensor_msgs/msg/Range'
FLOAT32 = 7  # sensor_msgs/PointField
CONFIG_HEADER = 12  # bytes before the PNG of compressed_depth_image_transport: an enum (0) and two float32


@lru_cache(maxsize=1)
def kilted() -> Typestore:
    """Return the message definitions of ROS 2 Kilted; of those used here, Range is another in Humble: no variance."""
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise BagError('Recordings need rosbags: pip install "dav2_ros[bags]".') from error
    return get_typestore(Stores.ROS2_KILTED)


def learn(msgtype: str, definition: str | None) -> None:
    """Teach `kilted` a type of our own by its .msg text."""
    if definition is not None and msgtype not in kilted().types:
        from rosbags.typesys import get_types_from_msg

        kilted().register(get_types_from_msg(definition, msgtype))


def store_with(*stored: StoredTopic) -> Typestore:
    """Return the definitions of Kilted, and those that recordings carry of other types."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_KILTED)
    for each in stored:
        if each.definition and each.msgtype not in store.types:
            with suppress(Exception):  # a border: one that cannot be read explains nothing, and decoding says so
                found = get_types_from_msg(each.definition, each.msgtype)
                store.register({name: fields for name, fields in found.items() if name not in store.types})
    return store


def header(stamp: int, frame_id: str) -> Any:
    """Make a Header."""
    types = kilted().types
    time = types['builtin_interfaces/msg/Time'](*divmod(stamp, 1_000_000_000))
    return types['std_msgs/msg/Header'](time, frame_id)


def picture(message: Any) -> np.ndarray:
    """Decode an Image or CompressedImage to (H, W, 3) uint8 RGB; raises BagError."""
    try:
        compressed = message.__msgtype__ == COMPRESSED
        return image_encodings.decompress(message) if compressed else image_encodings.picture(message)
    except (ValueError, cv2.error) as error:
        raise BagError(str(error)) from error


def camera(info: Any) -> Camera | None:
    """Make the Camera of the raw images of a CameraInfo (K and D, region of interest, binning); None: uncalibrated.

    Raises BagError for numbers that no camera has.
    """
    try:
        return camera_from_info(info, rectified=False)
    except ValueError as error:
        raise BagError(str(error)) from error


def depth(message: Any, of: Camera | None) -> DepthMap:
    """Decode a depth image: 32FC1 or 16UC1, raw or compressedDepth PNG; raises BagError."""
    z_m = _compressed_depth(message) if message.__msgtype__ == COMPRESSED else _raw_depth(message)
    return DepthMap(z_m, of, stamp_ns(message), message.header.frame_id)


def size(message: Any) -> tuple[int, int]:
    """Return width and height of an Image or CompressedImage, colour or depth; raises BagError."""
    if message.__msgtype__ == IMAGE:
        return message.width, message.height
    is_depth = 'compressedDepth' in message.format
    return (depth(message, None).z_m if is_depth else picture(message)).shape[1::-1]


def _raw_depth(message: Any) -> np.ndarray:
    try:
        return image_encodings.depth(message)
    except ValueError as error:
        raise BagError(str(error)) from error


def _compressed_depth(message: Any) -> np.ndarray:
    raw = message.data[CONFIG_HEADER:]
    try:
        found = decode_image(raw, cv2.IMREAD_UNCHANGED) if 'compressedDepth' in message.format else None
    except ImageError as error:
        raise BagError(
            f'A CompressedImage of format {message.format!r} and {len(message.data)} bytes cannot be read: {error}.'
        ) from error
    if found is None or found.dtype != np.uint16:
        raise BagError(f'A CompressedImage of format {message.format!r} is not compressedDepth in PNG: record that.')
    if message.format.startswith('16UC1'):
        return image_encodings.from_mm(found)
    a, b = message.data[4:CONFIG_HEADER].view('<f4')  # 32FC1 travels as quantised inverse depth: raw = a / z + b
    with np.errstate(divide='ignore'):
        return np.where(found > 0, a / (found.astype(np.float32) - b), np.float32(np.nan))


def points(message: Any) -> np.ndarray:
    """View a PointCloud2 of float32 fields as a (height, width) structured array."""
    names = [field.name for field in message.fields]
    formats = [('>f4' if message.is_bigendian else '<f4')] * len(names)
    offsets = [field.offset for field in message.fields]
    dtype = np.dtype({'names': names, 'formats': formats, 'offsets': offsets, 'itemsize': message.point_step})
    return np.ndarray(
        (message.height, message.width), dtype, message.data.tobytes(), 0, (message.row_step, message.point_step)
    )


def jpeg_message(rgb: np.ndarray, stamp: int, frame_id: str, quality: int) -> Any:
    """Make the CompressedImage of a picture, as the `compressed` image transport does."""
    data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return kilted().types[COMPRESSED](header(stamp, frame_id), 'rgb8; jpeg compressed bgr8', data.ravel())


def depth_message(depth: DepthMap) -> Any:
    """Make the CompressedImage of a depth map in millimetres, as the `compressedDepth` image transport does."""
    png = cv2.imencode('.png', image_encodings.to_mm(depth.z_m), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    data = np.concatenate([np.zeros(CONFIG_HEADER, np.uint8), png.ravel()])
    stamped = header(depth.stamp_ns, depth.frame_id)
    return kilted().types[COMPRESSED](stamped, '16UC1; compressedDepth png', data)


def info_message(camera: Camera, stamp: int, frame_id: str) -> Any:
    """Make the CameraInfo of a camera."""
    p = np.zeros((3, 4))
    p[:, :3] = camera.k
    d = np.array(camera.distortion or 5 * (0.0,))
    model = camera.distortion_model or 'plumb_bob'
    return info(
        InfoFields(camera.width, camera.height, model, d, camera.k.ravel(), np.eye(3).ravel(), p.ravel()),
        stamp,
        frame_id,
    )


def info(of: InfoFields, stamp: int, frame_id: str) -> Any:
    """Make a CameraInfo."""
    types = kilted().types
    roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    size = {'height': of.height, 'width': of.width, 'binning_x': 0, 'binning_y': 0, 'roi': roi}
    matrices = {'d': of.d, 'k': of.k, 'r': of.r, 'p': of.p}
    return types[CAMERA_INFO](header=header(stamp, frame_id), distortion_model=of.distortion_model, **size, **matrices)


def image(values: np.ndarray, encoding: str, stamp: int, frame_id: str) -> Any:
    """Make an Image of (H, W) or (H, W, C), little-endian."""
    rows = np.ascontiguousarray(values, values.dtype.newbyteorder('<')).view(np.uint8).reshape(len(values), -1)
    height, width = values.shape[:2]
    return kilted().types[IMAGE](header(stamp, frame_id), height, width, encoding, 0, rows.shape[1], rows.ravel())


def cloud(points: np.ndarray, stamp: int, frame_id: str, *, is_dense: bool) -> Any:
    """Make a PointCloud2 of a (H, W) structured array of little-endian float32 fields."""
    field = kilted().types['sensor_msgs/msg/PointField']
    fields = [field(name, offset, FLOAT32, 1) for name, offset in field_offsets(points.dtype).items()]
    height, width = points.shape
    step, data = points.dtype.itemsize, np.ascontiguousarray(points).view(np.uint8).ravel()
    steps = (step, width * step)
    return kilted().types[POINT_CLOUD](header(stamp, frame_id), height, width, fields, False, *steps, data, is_dense)
