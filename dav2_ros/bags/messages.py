# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Between the messages of a recording and the package's values, both directions, without ROS.

Depth in 16 bits: millimetres, 0 for unknown. Depth beyond 65.535 m and +inf become 0 too: 16 bits cannot say more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dav2_ros import encodings
from dav2_ros.bags import BagError
from dav2_ros.camera import Camera
from dav2_ros.camera_info import camera_from_info
from dav2_ros.frames import DepthMap

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO, POINT_CLOUD = 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/PointCloud2'
CONFIG_HEADER = 12  # bytes before the PNG of compressed_depth_image_transport: an enum (0) and two float32


@lru_cache(maxsize=1)
def kilted() -> Typestore:
    """Return the message definitions of ROS 2 Kilted; those used here are the same since Humble."""
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise BagError('Recordings need rosbags: pip install "dav2_ros[bags]".') from error
    return get_typestore(Stores.ROS2_KILTED)


def stamp_ns(message: Any) -> int:
    """Return the header's stamp in nanoseconds."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def _header(stamp: int, frame_id: str) -> Any:
    types = kilted().types
    time = types['builtin_interfaces/msg/Time'](*divmod(stamp, 1_000_000_000))
    return types['std_msgs/msg/Header'](time, frame_id)


def picture(message: Any) -> np.ndarray:
    """Decode an Image or CompressedImage to (H, W, 3) uint8 RGB; raises BagError."""
    try:
        return encodings.decompress(message) if message.__msgtype__ == COMPRESSED else encodings.picture(message)
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


def _raw_depth(message: Any) -> np.ndarray:
    try:
        return encodings.depth(message)
    except ValueError as error:
        raise BagError(str(error)) from error


def _compressed_depth(message: Any) -> np.ndarray:
    raw = message.data[CONFIG_HEADER:]
    found = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if len(raw) and 'compressedDepth' in message.format else None
    if found is None or found.dtype != np.uint16:
        raise BagError(f'A CompressedImage of format {message.format!r} is not compressedDepth in PNG: record that.')
    if message.format.startswith('16UC1'):
        return encodings.from_mm(found)
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
    return kilted().types[COMPRESSED](_header(stamp, frame_id), 'rgb8; jpeg compressed bgr8', data.ravel())


def depth_message(depth: DepthMap) -> Any:
    """Make the CompressedImage of a depth map in millimetres, as the `compressedDepth` image transport does."""
    png = cv2.imencode('.png', encodings.to_mm(depth.z_m), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    data = np.concatenate([np.zeros(CONFIG_HEADER, np.uint8), png.ravel()])
    header = _header(depth.stamp_ns, depth.frame_id)
    return kilted().types[COMPRESSED](header, '16UC1; compressedDepth png', data)


def info_message(camera: Camera, stamp: int, frame_id: str) -> Any:
    """Make the CameraInfo of a camera."""
    types = kilted().types
    p = np.zeros((3, 4))
    p[:, :3] = camera.k
    return types[CAMERA_INFO](
        header=_header(stamp, frame_id),
        height=camera.height,
        width=camera.width,
        distortion_model=camera.distortion_model or 'plumb_bob',
        d=np.array(camera.distortion or 5 * (0.0,)),
        k=camera.k.ravel(),
        r=np.eye(3).ravel(),
        p=p.ravel(),
        binning_x=0,
        binning_y=0,
        roi=types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False),
    )
