# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Photos in, depth files out. A file under its own name is always whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.disk import write_file
from dav2_ros.encoded_image import ImageError, decode_image
from dav2_ros.frames import Frame, FrameError, check_shape
from dav2_ros.media.exif import focal_35mm, focal_px

BEYOND_MM = 65535


class MediaError(ValueError):
    """A file that is not what it should be; one sentence."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture, upright, and where its camera's focal length comes from."""

    frame: Frame
    camera_source: str


def read_photo(path: Path, assumed_hfov_deg: float) -> Photo:
    """Read a photo as it is meant to be seen (EXIF orientation), with the camera of its EXIF or an assumed one.

    Raises MediaError.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f'{path} cannot be read ({error.strerror}).') from error
    try:
        bgr = decode_image(data, cv2.IMREAD_COLOR)
    except ImageError as error:
        raise MediaError(f'{path} ({len(data)} bytes) cannot be read: {error}.') from error
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    height, width = check_picture(rgb, path)
    if equivalent_mm := focal_35mm(data):
        f_px = focal_px(equivalent_mm, width, height)
        camera = Camera(width, height, f_px, f_px, 0.5 * (width - 1), 0.5 * (height - 1))
        return Photo(Frame(rgb, camera), f'EXIF, {equivalent_mm} mm equivalent')
    return Photo(Frame(rgb, Camera.from_hfov(width, height, math.radians(assumed_hfov_deg))), 'assumed')


def check_picture(rgb: np.ndarray, path: Path) -> tuple[int, int]:
    """Return the height and width of a picture; raises MediaError for a shape that no depth network can take."""
    height, width = rgb.shape[:2]
    try:
        check_shape(width, height)
    except FrameError as error:
        raise MediaError(f'{path} cannot be taken: {error}') from error
    return height, width


def write_depth_npy(path: Path, z_m: np.ndarray) -> None:
    """Write depth (H, W) as float32 metres: NaN unknown, +inf beyond range, nothing lost."""
    file = BytesIO()
    np.save(file, z_m.astype(np.float32, copy=False))
    write_file(path, file.getvalue())


def write_depth_png(path: Path, z_m: np.ndarray) -> None:
    """Write depth (H, W) as millimetres in 16 bits: 0 unknown, 65535 stands for 65.535 m and all beyond, +inf too."""
    write_png(path, depth_millimetres(z_m))


def depth_millimetres(z_m: np.ndarray) -> np.ndarray:
    """Return (H, W) uint16: millimetres; 0 unknown, 65535 for 65.535 m and all beyond."""
    with np.errstate(invalid='ignore'):
        z_mm = np.clip(np.rint(1000.0 * z_m.astype(np.float64)), 1, BEYOND_MM)  # nothing known becomes "unknown"
    return np.where(np.isnan(z_m), 0, z_mm).astype(np.uint16)


def read_depth_png(path: Path) -> np.ndarray:
    """Read what `write_depth_png` wrote: (H, W) float32 metres, NaN unknown, +inf beyond range. Raises MediaError."""
    try:
        z_mm = decode_image(path.read_bytes(), cv2.IMREAD_UNCHANGED)
    except (OSError, ImageError):
        z_mm = None
    if z_mm is None or z_mm.dtype != np.uint16 or z_mm.ndim != 2:
        raise MediaError(f'{path} is not a 16-bit grey PNG.')
    z_m = z_mm * np.float32(1e-3)
    z_m[z_mm == 0], z_m[z_mm == BEYOND_MM] = np.nan, np.inf
    return z_m


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) grey or (H, W, 3) RGB."""
    pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    write_file(path, cv2.imencode('.png', pixels)[1].tobytes())
