# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a whole picture is, the same with every release of OpenCV, and how large it may be."""

from __future__ import annotations

import ast
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from memory import PEAK_KB

from dav2_ros.frames import MAX_PIXELS, Frame, FrameError
from dav2_ros.image.encoded_image import ImageError, decode_image
from dav2_ros.image.image_header import CUT, JPEG_END, read_header

HEIGHT, WIDTH = 120, 168
COLOUR = cv2.IMREAD_COLOR
SIDE = 30_000
FORMATS = ('.jpg', '.png', '.webp', '.bmp', '.tif', '.ppm', '.pgm', '.pam', '.pfm', '.jp2', '.hdr', '.sr')
JPEGS = {
    'baseline': [],
    'progressive': [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    'restarts': [cv2.IMWRITE_JPEG_RST_INTERVAL, 3],
    'optimised': [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
}


def bgr() -> np.ndarray:
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([2 * v, u, np.random.default_rng(0).integers(0, 255, v.shape)], -1).astype(np.uint8)


def encoded(suffix: str, options: tuple = ()) -> bytes:
    picture = bgr().astype(np.float32) if suffix in ('.hdr', '.pfm') else bgr()
    return cv2.imencode(suffix, picture[..., 0] if suffix == '.pgm' else picture, options)[1].tobytes()


@pytest.fixture(params=JPEGS)
def jpeg(request: pytest.FixtureRequest) -> bytes:
    return encoded('.jpg', JPEGS[request.param])


def same(data: bytes, whole: bytes) -> bool:
    return np.array_equal(decode_image(data, COLOUR), cv2.imdecode(np.frombuffer(whole, np.uint8), COLOUR))


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        decode_image(data, COLOUR)
    return str(error.value)


def test_half_a_jpeg_is_refused(jpeg: bytes):
    for share in (0.2, 0.5, 0.9, 0.99):
        assert refused(jpeg[: int(share * len(jpeg))]) == CUT


def test_half_a_jpeg_is_refused_with_an_end_marker_or_zeros_after_it(jpeg: bytes):
    for share in (0.3, 0.5, 0.9):
        half = jpeg[: int(share * len(jpeg))]
        assert refused(half + JPEG_END) == CUT
        assert refused(half + bytes(10_000)) == CUT


def test_a_jpeg_without_its_last_bytes_of_data_is_refused(jpeg: bytes):
    for missing in range(4, 200, 9):
        refused(jpeg[:-missing])


def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(jpeg: bytes):
    for data in (jpeg[:-2], jpeg[:-1], jpeg[:-2] + bytes(1000), jpeg + b'more' * 100, jpeg):
        assert same(data, jpeg)


def test_the_end_marker_of_a_preview_is_not_that_of_the_picture():
    whole, preview = encoded('.jpg'), encoded('.jpg', [cv2.IMWRITE_JPEG_QUALITY, 20])
    segment = b'\xff\xe1' + struct.pack('>H', len(preview) + 2) + preview
    assert same(whole[:2] + segment + whole[2:], whole)
    assert refused((whole[:2] + segment + whole[2:])[: len(segment) + len(whole) // 2]) == CUT


def test_a_grey_picture_is_whole():
    """Missing data become this grey, but so does a grey wall."""
    grey = cv2.imencode('.jpg', np.full((HEIGHT, WIDTH, 3), 128, np.uint8))[1].tobytes()
    assert same(grey, grey)
    assert same(grey[:-2], grey)


@pytest.mark.parametrize('suffix', FORMATS)
def test_half_a_picture_is_refused_in_every_format(suffix: str):
    data = encoded(suffix)
    assert decode_image(data, COLOUR).shape == (HEIGHT, WIDTH, 3)
    for cut in (len(data) // 2, len(data) * 9 // 10, 20, 3, 0):
        assert 'not a whole picture' in refused(data[:cut])


def test_a_png_that_lacks_only_its_end_is_whole():
    data = encoded('.png')
    for missing in (1, 4, 8, 12):
        assert same(data[:-missing], data)
    refused(data[:-13])


@pytest.mark.parametrize('suffix', FORMATS)
def test_the_header_knows_the_size(suffix: str):
    found = read_header(encoded(suffix))
    assert (found.width, found.height) == (WIDTH, HEIGHT)


def png_bomb(side: int) -> bytes:
    """Make a black PNG of side x side: thousands of times smaller than its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    rows = b''.join(packer.compress(row) for _ in range(side)) + packer.flush()
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0))
        + chunk(b'IDAT', rows)
        + chunk(b'IEND', b'')
    )


def with_size(suffix: str, side: int) -> bytes:
    """Return a small picture whose header says that it is side x side."""
    data = bytearray(encoded(suffix))
    if suffix == '.jpg':
        at = data.index(b'\xff\xc0') + 5
        data[at : at + 4] = struct.pack('>HH', side, side)
    elif suffix == '.png':
        data[16:24] = struct.pack('>II', side, side)
    elif suffix == '.bmp':
        data[18:26] = struct.pack('<ii', side, -side)
    elif suffix == '.sr':
        data[4:12] = struct.pack('>II', side, side)
    elif suffix == '.jp2':
        at = data.index(b'\xff\x4f\xff\x51') + 8
        data[at : at + 8] = struct.pack('>II', side, side)
    elif suffix == '.webp':
        data[12:] = b'VP8X' + struct.pack('<I', 10) + bytes(4) + 2 * (side - 1).to_bytes(3, 'little')
        data[4:8] = struct.pack('<I', len(data) - 8)
    elif suffix == '.tif':
        (directory,) = struct.unpack_from('<I', data, 4)
        for entry in range(directory + 2, directory + 2 + 12 * data[directory], 12):
            if struct.unpack_from('<H', data, entry)[0] in (256, 257):
                struct.pack_into('<HII', data, entry + 2, 4, 1, side)
    elif suffix == '.hdr':
        data = data.replace(f'-Y {HEIGHT} +X {WIDTH}'.encode(), f'-Y {side} +X {side}'.encode())
    else:
        data = data.replace(str(WIDTH).encode(), str(side).encode(), 1).replace(
            str(HEIGHT).encode(), str(side).encode(), 1
        )
    return bytes(data)


@pytest.mark.parametrize('suffix', FORMATS)
def test_a_picture_of_30000x30000_is_refused_by_its_header(suffix: str):
    said = refused(with_size(suffix, SIDE))
    assert '30000x30000 are 900 million pixels, more than the limit of 50 million' in said


def test_a_png_bomb_takes_no_memory(tmp_path):
    """In a process of its own, whose memory can be told: decoded, the picture would take 2.7 GB."""
    (tmp_path / 'bomb.png').write_bytes(png_bomb(SIDE))
    assert (tmp_path / 'bomb.png').stat().st_size < 4_000_000
    code = (
        'import sys\n'
        'from pathlib import Path\n'
        'from dav2_ros.media.images import MediaError, read_photo\n'
        f'before = {PEAK_KB}\n'
        'try:\n'
        '    read_photo(Path(sys.argv[1]), 60.0)\n'
        'except MediaError as error:\n'
        f'    print({PEAK_KB} - before, error)\n'
    )
    run = [sys.executable, '-c', code, str(tmp_path / 'bomb.png')]
    taken_kb, said = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split(' ', 1)
    assert int(taken_kb) < 100_000
    assert '900 million pixels' in said


def test_the_largest_picture_is_taken():
    side = int(MAX_PIXELS**0.5)
    assert read_header(with_size('.png', side)).width == side


@pytest.mark.parametrize(('width', 'height'), [(1280, 20), (4000, 4), (1, 20_000), (20_000, 1), (90, 11)])
def test_a_picture_that_is_long_and_thin_is_no_frame(width: int, height: int):
    with pytest.raises(FrameError, match=rf'A picture of {width}x{height} is .* the limit of a depth network is 8'):
        Frame(np.zeros((height, width, 3), np.uint8))


def test_nobody_else_decodes_what_others_made():
    """OpenCV alone would ask for no size, and call half a picture whole."""
    of_our_own = {
        'dav2_ros/bags/extraction/extract.py',
        'dav2_ros/engines/selection/reference.py',
        'dav2_ros/web/result.py',
        'training/data/procedural/clips.py',
        'training/data/procedural/domain_shift.py',
        'training/figures/draw_geometry.py',
    }
    root = Path(__file__).parents[2]
    decoders = set()
    for path in (path for folder in ('dav2_ros', 'training') for path in root.glob(f'{folder}/**/*.py')):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        if calls & {'cv2.imdecode', 'cv2.imread'}:
            decoders.add(path.relative_to(root).as_posix())
    assert decoders - of_our_own == {'dav2_ros/image/encoded_image.py'}
