# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read videos as frames, and write frames as a video with the sound of the first; PyAV does the work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dav2_ros.media.images import MediaError

MILLISECONDS = Fraction(1, 1000)  # frames keep the times of their source, evenly spaced or not
SOUNDS = ('aac', 'mp3', 'ac3', 'eac3', 'opus', 'flac', 'alac')  # that MP4 holds and players play
CRF = '18'  # of x264: no loss that eyes see


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame of a video."""

    rgb: np.ndarray  # (H, W, 3) uint8, upright
    time_s: float


class VideoClip:
    """A video, open for reading. Raises MediaError, one sentence, for a file that is none.

    What ends in the middle gives the frames before that; `damage` says then what was wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ''

    def __enter__(self) -> VideoClip:
        av = _av()
        try:
            self._file = av.open(str(self.path), metadata_errors='replace')
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f'{self.path} is not a video that FFmpeg reads ({_reason(error)}).') from error
        if not self._file.streams.video:
            self._file.close()
            raise MediaError(f'{self.path} has no pictures in it.')
        self._stream = self._file.streams.video[0]
        self._stream.thread_type = 'SLICE'  # a decoder's frame threads gain nothing beside an engine, see `_av`
        self.rate = self._stream.average_rate or Fraction(30)
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def length(self) -> int | None:
        """How many frames there should be; None if nobody knows."""
        if self._stream.frames:
            return self._stream.frames
        return round(self._file.duration / 1e6 * self.rate) if self._file.duration else None

    def __iter__(self) -> Iterator[VideoFrame]:
        av, late = _av(), 0.0
        try:
            for frame in self._file.decode(self._stream):
                time_s = frame.time if frame.time is not None else late
                late = time_s + float(1 / self.rate)
                rgb = frame.to_ndarray(format='rgb24')
                yield VideoFrame(np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90))), time_s)
        except (av.FFmpegError, OSError, ValueError) as error:
            self.damage = f'{self.path} is damaged after {late:.1f} s ({_reason(error)}).'


class VideoFile:
    """An MP4 in the making; whole when the `with` block ends well, absent when it does not.

    Args:
        path: where it will be.
        rate: frames per second, for players that ask; each frame has a time of its own.
        sound_of: a file whose sound is copied, where MP4 can hold it.
    """

    def __init__(self, path: Path, rate: Fraction, sound_of: Path | None = None) -> None:
        self.path, self._rate, self._sound_of = path, rate, sound_of
        self._part = path.with_name(f'.{path.stem}.{os.getpid()}.part.mp4')
        self._file: Any = None
        self._last_ms = -1
        self.has_sound = False

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        try:
            if self._file and kind is None:
                self._file.mux(self._stream.encode())
                if self.has_sound:
                    self._copy_sound()
            if self._file:
                self._file.close()
            if self._file and kind is None:
                os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, rgb: np.ndarray, time_s: float) -> None:
        """Append a picture (H, W, 3) uint8; all have the size of the first, cut to an even one as H.264 demands."""
        av = _av()
        if self._file is None:
            self._open(*rgb.shape[:2])
        rgb = np.ascontiguousarray(rgb[: self._stream.height, : self._stream.width])
        frame = av.VideoFrame.from_ndarray(_even(rgb), format='rgb24')
        self._last_ms = max(round(time_s * 1000), self._last_ms + 1)  # some cameras' times go backwards
        frame.pts, frame.time_base = self._last_ms, MILLISECONDS
        self._file.mux(self._stream.encode(frame))

    def _open(self, height: int, width: int) -> None:
        av = _av()
        for sound in (self._sound_of, None) if self._sound_of else (None,):
            self._file = av.open(str(self._part), 'w', format='mp4')
            self._stream = self._file.add_stream('libx264', rate=self._rate, options={'crf': CRF, 'preset': 'veryfast'})
            self._stream.width, self._stream.height = max(width // 2 * 2, 2), max(height // 2 * 2, 2)
            self._stream.pix_fmt = 'yuv420p'
            self._stream.codec_context.time_base = MILLISECONDS
            try:
                self.has_sound = sound is not None and self._add_sound(sound)
                self._file.start_encoding()
                return
            except (av.FFmpegError, ValueError):  # a sound that MP4 cannot hold
                if sound is None:
                    raise
                self._file.close()

    def _add_sound(self, path: Path) -> bool:
        with _av().open(str(path)) as source:
            if (
                not source.streams.audio
                or source.streams.audio[0].codec_context.name.removesuffix('float') not in SOUNDS
            ):
                return False
            self._sound = self._file.add_stream_from_template(source.streams.audio[0])
            return True

    def _copy_sound(self) -> None:
        av = _av()
        with av.open(str(self._sound_of), metadata_errors='replace') as source:
            try:
                for packet in source.demux(source.streams.audio[0]):
                    if packet.dts is not None:
                        packet.stream = self._sound
                        self._file.mux(packet)
            except av.FFmpegError:  # damaged from here on: what came before stays
                return


def _even(rgb: np.ndarray) -> np.ndarray:
    """Repeat the only row or column of a picture that is one pixel high or wide."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, max(2 - height, 0)), (0, max(2 - width, 0)), (0, 0)), mode='edge')


def _av() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise MediaError('Videos need PyAV: pip install "dav2_ros[video]".') from error
    # Nothing of Python may be called for a log line, whatever somebody else in this process has set: the threads of a
    # decoder would wait for the GIL that its `close` holds while it waits for them, for ever. None is silence in C.
    av.logging.set_level(None)
    return av


def _reason(error: Exception) -> str:
    return str(getattr(error, 'strerror', '') or error or type(error).__name__).strip()
