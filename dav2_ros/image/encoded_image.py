# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decode picture files and compressed images: the size is checked first, and no data may be missing.

OpenCV decodes, but what it takes for a whole picture depends on its release: 4.x fills the missing half of a JPEG with
grey, 5.x refuses one that lacks only its end marker. Here missing data are refused and a missing end marker is not.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

import cv2
import numpy as np

from dav2_ros.image.image_header import CUT, DAMAGED, JPEG_END, EncodedImage, ImageError, read_header

__all__ = ['ImageError', 'decode_image']

JPEG_RESTART = re.compile(rb'\xff([\xd0-\xd7])')
JPEG_GREY = 128  # libjpeg leaves blocks without data at zero, which is this grey
JPEG_BLOCK, PATCH = 8, 4  # pixels across


def decode_image(data: bytes | memoryview | np.ndarray, flags: int) -> np.ndarray:
    """Decode a picture as `cv2.imdecode` does, whatever OpenCV's release.

    Args:
        data: the bytes of a file or message, contiguous.
        flags: cv2.IMREAD_...

    Raises ImageError for what is not a whole picture, and for more pixels than frames.MAX_PIXELS.
    """
    encoded = read_header(data)
    image = _opencv_decode(encoded.data, flags)
    if image is None:
        raise ImageError(DAMAGED)
    if encoded.jpeg_end and (encoded.is_doubtful or _may_be_filled(image, flags)) and not _jpeg_is_whole(encoded):
        raise ImageError(CUT)
    return image


def _opencv_decode(data: bytes | memoryview, flags: int) -> np.ndarray | None:
    _silence_opencv()
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


@lru_cache(maxsize=1)
def _silence_opencv() -> None:
    """Stop OpenCV's warnings about damaged pictures, once: its level belongs to the process, not to a thread.

    OpenCV 5 has it in cv2.utils.logging, 4.x beside the other functions. Who set OPENCV_LOG_LEVEL keeps that.
    """
    log = cv2 if hasattr(cv2, 'setLogLevel') else getattr(getattr(cv2, 'utils', None), 'logging', None)
    if log and 'OPENCV_LOG_LEVEL' not in os.environ:
        log.setLogLevel(2)  # LOG_LEVEL_ERROR


def _may_be_filled(image: np.ndarray, flags: int) -> bool:
    """Tell whether the last pixels have the even grey of missing data, at any corner after an EXIF rotation.

    A closer look decodes again, and libjpeg warns on stderr then: a picture of a camera should not be taken for one.
    """
    side = min(PATCH, *(size % JPEG_BLOCK or PATCH for size in image.shape[:2]))  # in the last block alone
    corners = [image[-side:, -side:]]
    if not flags & cv2.IMREAD_IGNORE_ORIENTATION:
        corners += [image[:side, :side], image[:side, -side:], image[-side:, :side]]
    return any(map(_is_even_grey, corners))


def _is_even_grey(patch: np.ndarray) -> bool:
    pixels = patch.reshape(-1, *patch.shape[2:3])  # (N, channels) or (N,)
    if (pixels != pixels[0]).any():
        return False
    grey = float(np.dot(pixels[0, :3], (0.114, 0.587, 0.299))) if pixels.ndim == 2 else float(pixels[0])
    return abs(grey - JPEG_GREY) < 1.5


def _jpeg_is_whole(encoded: EncodedImage) -> bool:
    """Tell whether a JPEG has all its data: then more of them change nothing, else they fill what is missing."""
    coded = bytes(encoded.data[: encoded.jpeg_end])
    restarts = JPEG_RESTART.findall(coded)
    restart = b'\xff' + (bytes([0xD0 + (restarts[-1][0] + 1) % 8]) if restarts else b'\xd0')
    noise = np.random.default_rng(0).integers(0, 255, (3, 1024), np.uint8)  # never 255: no marker
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    plain = _opencv_decode(coded + JPEG_END, flags)
    longer = (
        _opencv_decode(coded + (n % 2 * restart) + more.tobytes() + JPEG_END, flags) for n, more in enumerate(noise)
    )
    return plain is not None and all(each is not None and np.array_equal(plain, each) for each in longer)
