# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read photos, write depth files. A file under its own name is always whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.files.atomic import write_file
from dav2_ros.frames import Frame
from dav2_ros.media.exif import focal_35mm, focal_px

BEYOND_MM = 65535
MAX_ASPECT = 8  # the network's input keeps the shape, with its short side as in training


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
    bgr = _decode(data)
    if bgr is None:
        raise MediaError(f'{path} ({len(data)} bytes) is not a whole picture in a format that OpenCV reads.')
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    height, width = check_shape(rgb, path)
    if equivalent_mm := focal_35mm(data):
        f_px = focal_px(equivalent_mm, width, height)
        camera = Camera(width, height, f_px, f_px, 0.5 * (width - 1), 0.5 * (height - 1))
        return Photo(Frame(rgb, camera), f'EXIF, {equivalent_mm} mm equivalent')
    return Photo(Frame(rgb, Camera.from_hfov(width, height, math.radians(assumed_hfov_deg))), 'assumed')


def check_shape(rgb: np.ndarray, path: Path) -> tuple[int, int]:
    """Return the height and width of a picture; raises MediaError for one that no network sees anything in."""
    height, width = rgb.shape[:2]
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise MediaError(f'{path} is {width}x{height}: too long and thin for a depth network; crop it.')
    return height, width


def _decode(data: bytes) -> np.ndarray | None:
    """Decode to BGR; None if it is not a whole picture, about which OpenCV shall not speak too."""
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # more pixels than OpenCV takes
        return None
    finally:
        log.setLogLevel(before)


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
    z_mm = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if z_mm is None or z_mm.dtype != np.uint16 or z_mm.ndim != 2:
        raise MediaError(f'{path} is not a 16-bit grey PNG.')
    z_m = z_mm * np.float32(1e-3)
    z_m[z_mm == 0], z_m[z_mm == BEYOND_MM] = np.nan, np.inf
    return z_m


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) grey or (H, W, 3) RGB."""
    pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    write_file(path, cv2.imencode('.png', pixels)[1].tobytes())
