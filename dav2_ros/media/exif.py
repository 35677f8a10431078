# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the focal length of a photo's EXIF (CIPA DC-008, Exif 2.32)."""

from __future__ import annotations

import math
import struct

DIAGONAL_35MM = math.hypot(36.0, 24.0)  # mm; equivalent focal lengths keep the diagonal angle of view (CIPA DCG-001)
EXIF_IFD, FOCAL_LENGTH_35MM = 0x8769, 0xA405
SHORT, LONG = 3, 4


def focal_35mm(jpeg: bytes) -> int | None:
    """Return FocalLengthIn35mmFilm of a JPEG, in mm; None if it does not say (0 means unknown too)."""
    tiff = _exif(jpeg)
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(tiff[:4])
    if order is None:
        return None
    try:
        first = _directory(tiff, struct.unpack_from(f'{order}I', tiff, 4)[0], order)
        return _directory(tiff, first.get(EXIF_IFD, 0), order).get(FOCAL_LENGTH_35MM) or None
    except struct.error:  # an offset points outside: written by something that did not know EXIF
        return None


def focal_px(focal_35mm_mm: float, width: int, height: int) -> float:
    """Turn an equivalent focal length into pixels of an uncropped picture, whichever way up."""
    return focal_35mm_mm / DIAGONAL_35MM * math.hypot(width, height)


def _exif(jpeg: bytes) -> bytes:
    """Return the TIFF structure in a JPEG's APP1 segment, b'' if there is none."""
    at = 2
    while jpeg[:2] == b'\xff\xd8' and jpeg[at : at + 1] == b'\xff' and at + 4 <= len(jpeg):
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], 'big')
        if marker == 0xE1 and jpeg[at + 4 : at + 10] == b'Exif\0\0':
            return jpeg[at + 10 : at + 2 + length]
        if marker == 0xDA:  # the picture begins
            break
        at += 2 + length
    return b''


def _directory(tiff: bytes, offset: int, order: str) -> dict[int, int]:
    """Read the single integers of an image file directory; an offset of 0 is none."""
    found = {}
    count = struct.unpack_from(f'{order}H', tiff, offset)[0] if offset else 0
    for i in range(count):
        tag, kind, number = struct.unpack_from(f'{order}HHI', tiff, offset + 2 + 12 * i)
        if number == 1 and kind in (SHORT, LONG):
            found[tag] = struct.unpack_from(f'{order}{"H" if kind == SHORT else "I"}', tiff, offset + 10 + 12 * i)[0]
    return found
