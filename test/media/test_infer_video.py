# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos in, videos out: every frame at its time, one meaning of a colour, the sound, and what damage leaves."""

from __future__ import annotations

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from dav2_ros.media.images import MediaError
from dav2_ros.media.video import VideoClip, VideoFile

av = pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')

FRAMES, WIDTH, HEIGHT = 24, 96, 64


def picture(number: int) -> np.ndarray:
    """Return a scene that moves, smooth enough to survive compression; (HEIGHT, WIDTH, 3)."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return (
        np.stack([2 * u + 2 * number, 3 * v + 20, 128 + 100 * np.sin((u + number) / 9)], -1)
        .clip(0, 255)
        .astype(np.uint8)
    )


def record(path: Path, *, sound: str = '', times_ms: list[int] | None = None) -> Path:
    """Write a video with FFmpeg's own encoders, without our code."""
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, 'yuv420p', 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        track = file.add_stream(sound, rate=44100) if sound else None
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format='rgb24')
            frame.pts, frame.time_base = (times_ms[number] if times_ms else 40 * number), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        for number in range(FRAMES * 44100 // 25 // 1024 if track else 0):
            wave = np.sin(np.arange(1024)[None] * 0.05)
            wave = (3000 * wave).astype(np.int16) if sound.startswith('pcm') else wave.astype(np.float32)
            tone = av.AudioFrame.from_ndarray(wave, format='s16' if sound.startswith('pcm') else 'fltp', layout='mono')
            tone.sample_rate, tone.pts = 44100, 1024 * number
            file.mux(track.encode(tone))
        if track:
            file.mux(track.encode())
    return path


def read(path: Path) -> tuple[list[np.ndarray], list[float], int]:
    """Return frames, their times and the number of sound packets, read without our code."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    with av.open(str(path)) as file:
        sound = sum(packet.size > 0 for packet in file.demux(audio=0)) if file.streams.audio else 0
    return [frame.to_ndarray(format='rgb24') for frame in frames], [frame.time for frame in frames], sound


def test_frames_keep_their_times_even_uneven_ones(tmp_path):
    times_ms = np.cumsum([0, *np.random.default_rng(0).integers(10, 90, FRAMES - 1)]).tolist()
    path = record(tmp_path / 'uneven.mkv', times_ms=times_ms)
    with VideoClip(path) as clip, VideoFile(tmp_path / 'out.mp4', clip.rate) as file:
        for frame in clip:
            file.write(frame.rgb, frame.time_s)
    frames, times_s, _ = read(tmp_path / 'out.mp4')
    assert np.allclose(times_s, np.array(times_ms) / 1000, atol=1.5e-3)
    difference = np.abs(np.array(frames, int) - np.array([picture(n) for n in range(FRAMES)], int))
    assert difference.mean() < 6  # twice compressed


@pytest.mark.parametrize(
    ('name', 'sound', 'kept'), [('a.mp4', 'aac', True), ('a.avi', 'pcm_s16le', False), ('a.mp4', '', False)]
)
def test_sound_goes_along_where_mp4_can_hold_it(tmp_path, name, sound, kept):
    path = record(tmp_path / name, sound=sound)
    with VideoClip(path) as clip, VideoFile(tmp_path / 'out.mp4', clip.rate, path) as file:
        for frame in clip:
            file.write(frame.rgb, frame.time_s)
    frames, _, packets = read(tmp_path / 'out.mp4')
    assert len(frames) == FRAMES
    assert file.has_sound == kept
    assert packets == (read(path)[2] if kept else 0)


@pytest.mark.parametrize('degrees', [0, 90, 180, 270])
def test_a_telephone_held_upright_gives_upright_frames(tmp_path, degrees):
    path = record(tmp_path / 'phone.mp4')
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 44  # version 0: the matrix follows 40 bytes of the box's content
    one, (cos, sin) = 1 << 16, ((1, 0), (0, 1), (-1, 0), (0, -1))[degrees // 90]
    data[at : at + 36] = struct.pack('>9i', cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    with VideoClip(path) as clip:
        shown = next(iter(clip)).rgb
    upright = np.rot90(picture(0), -degrees // 90)  # players turn by `degrees` clockwise
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 6


def test_odd_sizes_and_single_pixels_become_videos(tmp_path):
    for height, width in ((1, 1), (33, 51), (2, 3)):
        path = tmp_path / f'{width}x{height}.mp4'
        with VideoFile(path, Fraction(25)) as file:
            for number in range(3):
                file.write(np.full((height, width, 3), 80 * number, np.uint8), number / 25)
        frames, _, _ = read(path)
        assert len(frames) == 3
        assert frames[0].shape[:2] == (max(height // 2 * 2, 2), max(width // 2 * 2, 2))


def test_what_fails_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), VideoFile(tmp_path / 'out.mp4', Fraction(25)) as file:
        file.write(picture(0), 0.0)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_video_gives_what_is_left_and_says_where_it_ends(tmp_path):
    path = record(tmp_path / 'whole.mkv')
    half = tmp_path / 'half.mkv'
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoClip(half) as clip:
        frames = list(clip)
    assert 0 < len(frames) < FRAMES
    assert np.abs(frames[0].rgb.astype(int) - picture(0)).mean() < 6


READ_OFTEN = """
import sys
from pathlib import Path
from dav2_ros.media.images import MediaError
from dav2_ros.media.video import VideoClip

for number in range(100):
    for path in map(Path, sys.argv[1:]):
        try:
            with VideoClip(path) as clip:
                list(clip)
        except MediaError:
            pass
print('read')
"""


def test_a_damaged_video_never_hangs_the_process(tmp_path):
    """Decoders' threads that log while the decoder is freed waited for Python's lock; within 100 reads, most times."""
    whole, damaged = record(tmp_path / 'whole.mkv').read_bytes(), []
    for seed in (0, 1, 2):
        data = bytearray(whole)
        noise = np.random.default_rng(seed).integers(0, 256, len(range(1000, len(data), 53)))
        data[1000::53] = noise.astype(np.uint8).tobytes()
        damaged.append(tmp_path / f'damaged{seed}.mkv')
        damaged[-1].write_bytes(data)
    command = [sys.executable, '-c', READ_OFTEN, *map(str, damaged)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)  # 3 s where it does not hang
    assert (done.returncode, done.stdout, done.stderr) == (0, 'read\n', '')


@pytest.mark.parametrize('content', [b'', b'no video', b'\x00' * 5000])
def test_what_is_no_video_is_one_sentence(tmp_path, content):
    path = tmp_path / 'bad.mp4'
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r'bad\.mp4 is not a video that FFmpeg reads \(.+\)\.$'), VideoClip(path):
        pass


def test_the_command_paints_a_metre_alike_in_every_frame(tmp_path, random_model):
    from test_infer import infer

    from dav2_ros.depth.colour import colourise

    record(tmp_path / 'clip.mp4', sound='aac')
    (tmp_path / 'broken.mkv').write_bytes(record(tmp_path / 'b.mkv').read_bytes()[:9000])
    (tmp_path / 'text.mp4').write_text('no video')
    options = ('--model', random_model, '--out', 'out', '--near', 1, '--far', 30, '--frames', '--pred-only')
    done = infer(tmp_path, 'clip.mp4', 'text.mp4', 'broken.mkv', *options)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert 'dav2: text.mp4 is not a video' in done.stderr
    frames, times_s, packets = read(tmp_path / 'out' / 'clip_depth.mp4')
    assert len(frames) == FRAMES and packets
    assert np.allclose(times_s, np.arange(FRAMES) / 25, atol=1.5e-3)
    for number in (0, FRAMES - 1):
        z_m = np.load(tmp_path / 'out' / 'clip' / f'{number:06d}_depth.npy')
        painted = colourise(z_m, 1, 30)
        assert np.abs(frames[number].astype(int) - painted).mean() < 12
        assert np.array_equal(cv2.imread(str(tmp_path / f'out/clip/{number:06d}_color.png'))[..., ::-1], painted)
