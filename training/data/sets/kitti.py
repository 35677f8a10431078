# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read KITTI: drives through Karlsruhe, with depth on which eleven laser scans and stereo matching agree."""

from __future__ import annotations

import os
import re
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dav2_ros.camera import Camera
from dav2_training.data import decode
from dav2_training.data.pairs import FilePair, PairNames, PairSet
from dav2_training.data.registry import SetInfo
from dav2_training.data.sample import DataError

# The 28 drives that Eigen et al. (2014) test on; all others may be learnt from.
EIGEN_TEST = {
    '2011_09_26': (2, 9, 13, 20, 23, 27, 29, 36, 46, 48, 52, 56, 59, 64, 84, 86, 93, 96, 101, 106, 117),
    '2011_09_28': (2,),
    '2011_09_29': (71,),
    '2011_09_30': (16, 18, 27),
    '2011_10_03': (27, 47),
}
TEST_DRIVES = {f'{date}_drive_{number:04d}_sync' for date, numbers in EIGEN_TEST.items() for number in numbers}
LISTED = re.compile(r'(\d{4}_\d\d_\d\d_drive_\d{4}_sync)(?:/image_(0[23])/data/|\s+)(\d+)(?:\.\w+)?(?:\s+([lr])$)?')


PER_DRIVE = 25  # frames that papers test on


class KittiFrame(NamedTuple):
    """A picture by drive, camera ('02' left, '03' right) and number."""

    drive: str
    camera: str
    number: int


class Kitti(PairSet):
    """Annotated frames of the left colour camera; 0 in a file is unknown, sky among it.

    'train' and 'val' are those of the annotation. 'eigen-test' are all annotated frames of Eigen's test drives,
    'eigen-25' 25 of each, evenly spaced, and 'eigen-train' those of the other drives. Papers test on 697 frames, about
    25 of each drive but not these, of which 652 are annotated: for their numbers give that list as the split. Its
    lines may be 'picture depth', 'picture depth focal' with None for no depth, or 'drive frame l'; frames that are not
    annotated are left out.
    """

    INFO = SetInfo(
        title='KITTI, raw and annotated depth',
        tree="""ROOT
├── raw/2011_09_26                    or ROOT/2011_09_26
│   ├── calib_cam_to_cam.txt          without it samples have no camera
│   └── 2011_09_26_drive_0002_sync/image_02/data/0000000005.png    or .jpg
└── data_depth_annotated              or ROOT/train and ROOT/val
    └── val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000005.png    and train""",
        splits=('train', 'val', 'eigen-train', 'eigen-test', 'eigen-25'),
        truth='metres',
        licence='CC BY-NC-SA 3.0',
        source='https://www.cvlibs.net/datasets/kitti: raw data, and data_depth_annotated.zip of depth prediction',
        lists=True,
    )

    @cached_property
    def _drives(self) -> dict[str, str]:
        """Find where each annotated drive is; raises refuse(...) where there is none."""
        inner = 'data_depth_annotated' if (self.root / 'data_depth_annotated').is_dir() else ''
        found = self.files('*/*_drive_*_sync/proj_depth/groundtruth', inner)
        return {path.split('/')[1]: os.path.join(inner, path) for path in found}

    def find(self, split: str) -> list[PairNames]:
        if split in ('train', 'val'):
            drives = [drive for drive, path in self._drives.items() if path.split('/')[-4] == split]
        else:
            drives = [drive for drive in self._drives if (drive in TEST_DRIVES) == (split != 'eigen-train')]
        frames = []
        for drive in drives:
            numbers = sorted(int(path.stem) for path in (self.root / self._drives[drive]).glob('image_02/*.png'))
            numbers = evenly(numbers, PER_DRIVE) if split == 'eigen-25' else numbers
            frames += [KittiFrame(drive, '02', number) for number in numbers]
        return self._named(frames)

    def _named(self, frames: list[KittiFrame]) -> list[PairNames]:
        """Name frames with their pictures; drives without pictures on this disk are left out."""
        raw = 'raw/' if (self.root / 'raw').is_dir() else ''
        folders = {f[:2]: f'{raw}{f.drive[:10]}/{f.drive}/image_{f.camera}/data' for f in frames}
        suffixes = {key: self._suffix(folder) for key, folder in folders.items()}
        return [
            (
                f'{folders[f[:2]]}/{f.number:010d}{suffixes[f[:2]]}',
                f'{self._drives[f.drive]}/image_{f.camera}/{f.number:010d}.png',
            )
            for f in frames
            if suffixes[f[:2]]
        ]

    def _suffix(self, folder: str) -> str:
        """Return .png, or .jpg of who saved disk, or nothing where no pictures are."""
        return next((path.suffix for path in (self.root / folder).glob('*.[pj][np]g')), '')

    def listed(self, file: Path) -> list[PairNames]:
        frames = []
        for line in filter(str.strip, file.read_text().splitlines()):
            if not (found := LISTED.search(line.strip())):
                raise DataError(f'{file} has the line {line!r}, which names no frame of KITTI.')
            drive, camera, number, side = found.groups()
            frames.append(KittiFrame(drive, camera or {'l': '02', 'r': '03'}.get(side, '02'), int(number)))
        named = self._named([frame for frame in frames if frame.drive in self._drives])
        return [names for names in named if (self.root / names[1]).is_file()]

    def truth(self, pair: FilePair) -> np.ndarray:
        return decode.metres(decode.png16(pair.truth), 256)

    def camera(self, pair: FilePair, rgb: np.ndarray) -> Camera | None:
        drive, camera = pair.picture.parents[2], pair.picture.parents[1].name[-2:]
        rows = _calibration(drive.parent / 'calib_cam_to_cam.txt')
        if f'P_rect_{camera}' not in rows:
            return None
        p = rows[f'P_rect_{camera}']  # (3, 4) by rows; the fourth column is where the camera stands beside camera 0
        return Camera(rgb.shape[1], rgb.shape[0], p[0], p[5], p[2], p[6])


def evenly(numbers: list[int], count: int) -> list[int]:
    """Keep at most `count`, evenly spaced from the first to the last."""
    if len(numbers) <= count:
        return numbers
    return [numbers[round(i * (len(numbers) - 1) / (count - 1))] for i in range(count)]


@cache
def _calibration(path: Path) -> dict[str, tuple[float, ...]]:
    """Read the projections of a day's calibration; nothing where the file is not there."""
    if not path.is_file():
        return {}
    try:
        lines = (line.split() for line in path.read_text().splitlines() if line.startswith('P_rect_'))
        return {name.rstrip(':'): tuple(map(float, values)) for name, *values in lines if len(values) == 12}
    except ValueError as error:
        raise decode.unreadable(path, error) from error
