# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read the size of a picture from its encoded bytes, and where its data end, without decoding it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dav2_ros.frames import check_pixels

FORMATS = 'JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000, AVIF, Radiance HDR, Sun raster or PNM'
CUT = 'it is not a whole picture, its end is missing'
DAMAGED = 'it is not a whole picture, its data are damaged'

PNG_END = b'\0\0\0\0IEND\xaeB`\x82'
JPEG_END = b'\xff\xd9'
JPEG_MARKER = re.compile(rb'\xff+[^\x00\xff\xd0-\xd7]', re.DOTALL)  # in coded data 0 is stuffing, D0 to D7 are restarts
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG, DAC
JPEG_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
FILLED_BYTES = 16  # so many zeros at the end, and more, are what an unfinished download is filled up with
ALL_COEFFICIENTS = (1 << 64) - 1
SPACE = rb'(?:\s|#[^\n]*\n)+'
PNM_SIZE = re.compile(rb'P[1-6Ff]' + SPACE + rb'(\d{1,9})' + SPACE + rb'(\d{1,9})\s')
PAM_WIDTH, PAM_HEIGHT = re.compile(rb'\sWIDTH\s+(\d{1,9})\s'), re.compile(rb'\sHEIGHT\s+(\d{1,9})\s')
HDR_SIZE = re.compile(rb'\n-Y (?=\d+ \+X (\d{1,9})\n)(\d{1,9}) ')  # width, then height, which comes first
JP2_SIZE = re.compile(rb'\xff\x4f\xff\x51.{4}(.{4})(.{4})(.{4})(.{4})', re.DOTALL)
AVIF_SIZE = re.compile(rb'ispe\0{4}(.{4})(.{4})', re.DOTALL)
HEADER_BYTES = 65536  # text headers and boxes of a picture are within them
TIFF_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 16: 'Q'}
TIFF_WIDTH, TIFF_HEIGHT = 256, 257


class ImageError(ValueError):
    """Bytes that are no picture, or not all of one; the message is a clause to follow the picture's name."""


@dataclass(frozen=True)
class EncodedImage:
    """What the header of a picture says, and the data that OpenCV gets: with an end marker where that was missing."""

    width: int
    height: int
    data: bytes | memoryview
    jpeg_end: int = 0  # where the coded data of a JPEG end; 0 for other formats
    is_doubtful: bool = False  # a JPEG whose last scan may have been cut


def read_header(data: bytes | memoryview | np.ndarray) -> EncodedImage:
    """Read the size of a picture without decoding it.

    Raises ImageError for what is not the beginning of a picture, and for more pixels than frames.MAX_PIXELS.
    """
    view = memoryview(data.data if isinstance(data, np.ndarray) else data).cast('B')
    read = next((read for magic, read in READERS if magic.match(view)), None)
    if read is None:
        raise ImageError(f'it is not a whole picture in a format that OpenCV reads: {FORMATS}')
    try:
        encoded = read(view)
    except (struct.error, IndexError) as error:
        raise ImageError(CUT) from error
    _check_size(encoded.width, encoded.height)
    return encoded


def _check_size(width: int, height: int) -> None:
    try:
        check_pixels(width, height)
    except ValueError as error:
        raise ImageError(str(error)) from error


def _read_png(data: memoryview) -> EncodedImage:
    width, height = struct.unpack_from('>II', data, 16)
    _check_size(width, height)
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, at)
        if kind == b'IEND':
            return EncodedImage(width, height, data)
        at += 12 + length
    if at > len(data) or (len(data) - at >= 8 and bytes(data[at + 4 : at + 8]) != b'IEND'):
        raise ImageError(CUT)
    return EncodedImage(width, height, bytes(data[:at]) + PNG_END)


def _read_jpeg(view: memoryview) -> EncodedImage:
    """Walk through the segments and scans of a JPEG up to its end marker."""
    data = bytes(view)
    at, frame, height, width = 2, 0, 0, 0
    missing: dict[int, int] = {}  # component: bits of the coefficients that no scan has given in full
    while marker := JPEG_MARKER.search(data, at):
        kind, at = data[marker.end() - 1], marker.end()
        if kind == JPEG_END[1] and frame:
            if any(missing.values()):
                raise ImageError(CUT)
            return EncodedImage(width, height, view, marker.start(), is_doubtful=frame not in JPEG_SEQUENTIAL)
        if kind in (0x01, 0xD8, JPEG_END[1]):  # without a length
            continue
        (length,) = struct.unpack_from('>H', data, at)
        if at + length > len(data):
            raise ImageError(CUT)
        if kind in JPEG_FRAMES and not frame:
            frame, height, width = kind, *struct.unpack_from('>HH', data, at + 3)
            _check_size(width, height)
            missing = {data[at + 8 + 3 * number]: ALL_COEFFICIENTS for number in range(data[at + 7])}
        elif kind == 0xDA:  # SOS: components, first and last coefficient, bits before and left to come
            names = data[at + 3 : at + 3 + 2 * data[at + 2] : 2]
            first, last, bits = data[at + length - 3 : at + length]
            full = frame in JPEG_SEQUENTIAL
            given = ALL_COEFFICIENTS if full else 0 if bits & 15 else (2 << last) - (1 << first)
            missing |= {name: missing.get(name, 0) & ~given for name in names}
            if full and (end := data.find(JPEG_END, at + length)) > 0:  # 50 times as fast as to look for any marker
                return EncodedImage(width, height, view, end)
        at += length
    if not missing or any(missing.values()):
        raise ImageError(CUT)
    coded = data.rstrip(b'\0')
    if len(data) - len(coded) < FILLED_BYTES:
        coded = data
    elif coded.endswith(b'\xff'):
        coded += b'\0'  # that one was stuffing
    coded = coded.removesuffix(b'\xff')
    return EncodedImage(width, height, coded + JPEG_END, len(coded), is_doubtful=True)


def _read_webp(data: memoryview) -> EncodedImage:
    (length,) = struct.unpack_from('<I', data, 4)
    if length + 8 > len(data):
        raise ImageError(CUT)
    kind = bytes(data[12:16])
    if kind == b'VP8X':
        width, height = (1 + int.from_bytes(data[at : at + 3], 'little') for at in (24, 27))
    elif kind == b'VP8L':
        (bits,) = struct.unpack_from('<I', data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from('<HH', data, 26))
    return EncodedImage(width, height, data)


def _read_bmp(data: memoryview) -> EncodedImage:
    (header,) = struct.unpack_from('<I', data, 14)
    width, height = struct.unpack_from('<HH' if header == 12 else '<ii', data, 18)
    return EncodedImage(abs(width), abs(height), data)


def _read_gif(data: memoryview) -> EncodedImage:
    width, height = struct.unpack_from('<HH', data, 6)
    return EncodedImage(width, height, data)


def _read_sun(data: memoryview) -> EncodedImage:
    width, height = struct.unpack_from('>II', data, 4)
    return EncodedImage(width, height, data)


def _read_tiff(data: memoryview) -> EncodedImage:
    """Read the first directory, of TIFF or BigTIFF; a tag that comes twice counts with its larger value."""
    order = '<' if data[0] == ord('I') else '>'
    big = struct.unpack_from(f'{order}H', data, 2)[0] == 43
    (at,) = struct.unpack_from(f'{order}{"Q" if big else "I"}', data, 8 if big else 4)
    (count,) = struct.unpack_from(f'{order}{"Q" if big else "H"}', data, at)
    at, step, value = (at + 8, 20, 12) if big else (at + 2, 12, 8)
    size = {TIFF_WIDTH: 0, TIFF_HEIGHT: 0}
    for entry in range(at, at + step * min(count, 4096), step):
        tag, kind = struct.unpack_from(f'{order}HH', data, entry)
        if tag in size and kind in TIFF_NUMBERS:
            size[tag] = max(size[tag], *struct.unpack_from(f'{order}{TIFF_NUMBERS[kind]}', data, entry + value))
    return EncodedImage(size[TIFF_WIDTH], size[TIFF_HEIGHT], data)


def _read_text(*sizes: re.Pattern[bytes]) -> Callable[[memoryview], EncodedImage]:
    """Make a reader of a header that is text: one pattern with both sides, or one of each."""

    def read(data: memoryview) -> EncodedImage:
        sides: list[int] = []
        for pattern in sizes:
            if not (match := pattern.search(data[:HEADER_BYTES])):
                raise ImageError(DAMAGED)
            sides += map(int, match.groups())
        width, height = sides
        return EncodedImage(width, height, data)

    return read


def _read_jpeg2000(data: memoryview) -> EncodedImage:
    if not (match := JP2_SIZE.search(data)):
        raise ImageError(DAMAGED)
    right, bottom, left, top = (int.from_bytes(side, 'big') for side in match.groups())
    return EncodedImage(max(right - left, 0), max(bottom - top, 0), data)


def _read_avif(data: memoryview) -> EncodedImage:
    """Read the largest of the sizes: of the picture, and of the tiles and masks that it is made of."""
    sizes = [tuple(int.from_bytes(side, 'big') for side in match.groups()) for match in AVIF_SIZE.finditer(data)]
    if not sizes:
        raise ImageError(DAMAGED)
    return EncodedImage(max(width for width, _ in sizes), max(height for _, height in sizes), data)


READERS: tuple[tuple[re.Pattern[bytes], Callable[[memoryview], EncodedImage]], ...] = tuple(
    (re.compile(magic, re.DOTALL), read)
    for magic, read in (
        (rb'\xff\xd8', _read_jpeg),
        (rb'\x89PNG\r\n\x1a\n', _read_png),
        (rb'RIFF....WEBP', _read_webp),
        (rb'II[*+]\0|MM\0[*+]', _read_tiff),
        (rb'BM', _read_bmp),
        (rb'GIF8', _read_gif),
        (rb'\0\0\0\x0cjP  |\xff\x4f\xff\x51', _read_jpeg2000),
        (rb'....ftyp', _read_avif),
        (rb'#\?R', _read_text(HDR_SIZE)),
        (rb'\x59\xa6\x6a\x95', _read_sun),
        (rb'P7\s', _read_text(PAM_WIDTH, PAM_HEIGHT)),
        (rb'P[1-6Ff]\s', _read_text(PNM_SIZE)),
    )
)
