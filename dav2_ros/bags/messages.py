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

from dav2_ros.bags import BagError
from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO, POINT_CLOUD = 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/PointCloud2'
CONFIG_HEADER = 12  # bytes before the PNG of compressed_depth_image_transport: an enum (0) and two float32
MAX_MM = 65535
TO_RGB = {
    'rgb8': None,
    'bgr8': cv2.COLOR_BGR2RGB,
    'rgba8': cv2.COLOR_RGBA2RGB,
    'bgra8': cv2.COLOR_BGRA2RGB,
    'mono8': cv2.COLOR_GRAY2RGB,
}


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
    if message.__msgtype__ == COMPRESSED:
        how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION  # camera_info does not know of an EXIF rotation
        bgr = cv2.imdecode(message.data, how) if len(message.data) else None
        if bgr is None:
            raise BagError(
                f'A CompressedImage of format {message.format!r} is not a whole picture: record jpeg or png.'
            )
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    if message.encoding not in TO_RGB:
        raise BagError(f'Image encoding {message.encoding!r} is not read from recordings: record one of '
                       f'{", ".join(TO_RGB)}, jpeg or png.')  # fmt: skip
    code = TO_RGB[message.encoding]
    channels = {'mono8': 1, 'rgba8': 4, 'bgra8': 4}.get(message.encoding, 3)
    pixels = _pixels(message, np.uint8, channels)
    return pixels if code is None else cv2.cvtColor(pixels, code)


def _pixels(message: Any, kind: type, channels: int) -> np.ndarray:
    """Return (H, W) or (H, W, channels) of an Image, padding removed; raises BagError."""
    dtype = np.dtype(kind).newbyteorder('>' if message.is_bigendian else '<')
    h, w, row = message.height, message.width, message.width * channels * dtype.itemsize
    if not h or not w or message.step < row or len(message.data) < h * message.step:
        raise BagError(
            f'A {message.encoding} image of {w}x{h} with step {message.step} and {len(message.data)} bytes is wrongly '
            'formed: record it again.'
        )
    rows = message.data[: h * message.step].reshape(h, message.step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(dtype).astype(kind, copy=False)
    return pixels.reshape((h, w, channels) if channels > 1 else (h, w))


def camera(info: Any) -> Camera | None:
    """Make the Camera of the raw images of a CameraInfo (K and D, region of interest, binning); None: uncalibrated."""
    if info.k[0] == 0:
        return None
    intrinsics = (float(info.k[i]) for i in (0, 4, 2, 5))
    found = Camera(info.width, info.height, *intrinsics, info.distortion_model, tuple(info.d.tolist()))
    roi = info.roi
    if roi.width or roi.height:
        found = found.cropped(roi.x_offset, roi.y_offset, roi.width or info.width, roi.height or info.height)
    return found.resized(found.width // max(info.binning_x, 1), found.height // max(info.binning_y, 1))


def depth(message: Any, of: Camera | None) -> DepthMap:
    """Decode a depth image: 32FC1 or 16UC1, raw or compressedDepth PNG; raises BagError."""
    z_m = _compressed_depth(message) if message.__msgtype__ == COMPRESSED else _raw_depth(message)
    return DepthMap(z_m, of, stamp_ns(message), message.header.frame_id)


def _raw_depth(message: Any) -> np.ndarray:
    if message.encoding == '32FC1':
        return _pixels(message, np.float32, 1)
    if message.encoding in ('16UC1', 'mono16'):
        return from_mm(_pixels(message, np.uint16, 1))
    raise BagError(f'Image encoding {message.encoding!r} is not depth: record 32FC1 or 16UC1.')


def _compressed_depth(message: Any) -> np.ndarray:
    raw = message.data[CONFIG_HEADER:]
    found = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if len(raw) and 'compressedDepth' in message.format else None
    if found is None or found.dtype != np.uint16:
        raise BagError(f'A CompressedImage of format {message.format!r} is not compressedDepth in PNG: record that.')
    if message.format.startswith('16UC1'):
        return from_mm(found)
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


def to_mm(z_m: np.ndarray) -> np.ndarray:
    """Return depth as uint16 millimetres, rounded; 0 for NaN, +inf and beyond 65.535 m."""
    z_mm = 1000.0 * z_m.astype(np.float64)
    return np.where(z_mm < MAX_MM + 0.5, z_mm + 0.5, 0.0).astype(np.uint16)


def from_mm(z_mm: np.ndarray) -> np.ndarray:
    """Return uint16 millimetres as float32 metres; 0 becomes NaN."""
    return np.where(z_mm > 0, z_mm * np.float32(1e-3), np.float32(np.nan))


def jpeg_message(rgb: np.ndarray, stamp: int, frame_id: str, quality: int) -> Any:
    """Make the CompressedImage of a picture, as the `compressed` image transport does."""
    data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return kilted().types[COMPRESSED](_header(stamp, frame_id), 'rgb8; jpeg compressed bgr8', data.ravel())


def depth_message(depth: DepthMap) -> Any:
    """Make the CompressedImage of a depth map in millimetres, as the `compressedDepth` image transport does."""
    png = cv2.imencode('.png', to_mm(depth.z_m), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
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
