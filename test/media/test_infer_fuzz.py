# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Damaged pictures and videos: each is read as far as it goes, or refused in one sentence; nothing else happens."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dav2_ros.media.images import MediaError, read_photo
from dav2_ros.media.video import VideoClip

CASES = 600  # of each kind
SEED = 20_26


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, overwrite, repeat or swap bytes, mostly few, mostly near the start, where headers are."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(len(data) * rng.random() ** 3)
        n = int(min(rng.geometric(0.1), len(data) - at))
        match rng.integers(5):
            case 0:
                del data[at:]
            case 1:
                data[at : at + n] = rng.bytes(n)
            case 2:
                data[at:at] = data[at : at + n]
            case 3:
                del data[at : at + n]
            case _ if data:
                data[at % len(data)] ^= 1 << rng.integers(8)
    return bytes(data)


@pytest.fixture(scope='module')
def pictures() -> list[tuple[str, bytes]]:
    rng = np.random.default_rng(SEED)
    v, u = np.mgrid[0:40, 0:56]
    bgr = np.stack([5 * v, 4 * u, rng.integers(0, 255, v.shape)], -1).astype(np.uint8)
    made = []
    for suffix in ('.jpg', '.png', '.bmp', '.tif', '.webp', '.ppm', '.jp2', '.gif'):
        made.append((suffix, cv2.imencode(suffix, bgr)[1].tobytes()))
    made.append(('.png', cv2.imencode('.png', bgr.astype(np.uint16) * 257)[1].tobytes()))
    made.append(('.png', cv2.imencode('.png', np.dstack([bgr, bgr[..., :1]]))[1].tobytes()))
    return made


def test_damaged_pictures(tmp_path, pictures):
    read = refused = 0
    for case in range(CASES):
        rng = np.random.default_rng([SEED, case])
        suffix, data = pictures[case % len(pictures)]
        path = tmp_path / f'{case}{suffix}'
        path.write_bytes(damage(data, rng))
        try:
            frame = read_photo(path, 60.0).frame
        except MediaError as error:
            assert str(path) in str(error) and str(error).endswith('.') and '\n' not in str(error), case
            refused += 1
        else:
            assert frame.rgb.dtype == np.uint8 and frame.rgb.ndim == 3 and frame.camera.f_px > 0, case
            read += 1
        path.unlink()
    assert read > CASES // 20 and refused > CASES // 20  # both ways out were taken


def test_damaged_videos(tmp_path):
    pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')
    from test_infer_video import record

    whole = {name: record(tmp_path / name).read_bytes() for name in ('v.mp4', 'v.mkv', 'v.avi')}
    read = refused = 0
    for case in range(CASES):
        rng = np.random.default_rng([SEED, case])
        name = list(whole)[case % len(whole)]
        path = tmp_path / f'{case}{name}'
        path.write_bytes(damage(whole[name], rng))
        try:
            with VideoClip(path) as clip:
                frames = sum(1 for picture in clip if picture.rgb.ndim == 3)
            read += frames > 0
            assert not clip.damage or (clip.damage.endswith('.') and '\n' not in clip.damage), case
        except MediaError as error:
            assert str(path) in str(error) and '\n' not in str(error), case
            refused += 1
        path.unlink()
    assert read > CASES // 20 and refused > CASES // 20
