# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a visitor may bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.image_header import ImageError, read_header
from dav2_ros.media.images import MediaError
from dav2_ros.media.sources import PICTURES, VIDEOS


@dataclass(frozen=True)
class Limits:
    """How much one visitor may ask for at once."""

    upload_mb: int = 200
    pixels: int = 25_000_000  # with twice as many a picture, its depth and its points took 8.5 GB
    pictures: int = 100
    video_frames: int = 3000

    def check_count(self, paths: Sequence[Path]) -> None:
        """Raise MediaError for no pictures, and for too many."""
        if not 0 < len(paths) <= self.pictures:
            raise MediaError(f'{len(paths)} pictures: choose 1 to {self.pictures}.')

    def check_picture(self, path: Path) -> None:
        """Raise MediaError for what is no picture by its name or its beginning, or too large."""
        self._check_file(path, PICTURES)
        try:
            encoded = read_header(path.read_bytes())
        except ImageError as error:
            raise MediaError(f'{path.name} cannot be read: {error}.') from error
        if encoded.width * encoded.height > self.pixels:
            raise MediaError(f'{path.name} has more than {self.pixels / 1e6:.0f} million pixels: make it smaller.')

    def check_video(self, path: Path) -> None:
        """Raise MediaError for what is no video by its name, or too large."""
        self._check_file(path, VIDEOS)

    def _check_file(self, path: Path, kinds: frozenset[str]) -> None:
        if path.suffix.lower() not in kinds:
            raise MediaError(f'{path.name} is none of {" ".join(sorted(kinds))}.')
        if path.stat().st_size > 1_000_000 * self.upload_mb:
            raise MediaError(f'{path.name} has more than {self.upload_mb} MB.')
