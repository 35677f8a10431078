# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read your own recording: what `dav2-train data extract BAG OUT` has written."""

from __future__ import annotations

from pathlib import Path

from dav2_ros.bags import BagError
from dav2_ros.bags.extraction.format import ABOUT, CAMERAS, FRAMES, SPLITS, from_units, read_frames
from dav2_training.data import decode
from dav2_training.data.registry import SetInfo, refuse
from dav2_training.data.sample import DataError, Sample


class RecordedSet:
    """Pictures of one camera with the depth that a depth camera or a LiDAR measured; `val` is the recording's end."""

    INFO = SetInfo(
        title='A recording, extracted',
        tree=f'├── {ABOUT}\n├── {CAMERAS}\n├── {FRAMES}\n├── rgb/000012.jpg\n└── depth/000012.png',
        splits=(*SPLITS, 'all'),
        truth='metres',
        licence='your own',
        source='dav2-train data extract BAG OUT --depth-topic or --lidar-topic TOPIC',
    )

    def __init__(self, root: Path, split: str) -> None:
        if not (root / ABOUT).is_file():
            raise refuse(RecordedSet, root, ABOUT)
        self.root = root
        try:
            frames, self.cameras, self.units_per_m = read_frames(root)
        except BagError as error:
            raise DataError(str(error)) from error
        self.frames = [frame for frame in frames if split in ('all', frame.split)]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames[index]
        rgb, path = decode.rgb(self.root / 'rgb' / frame.picture), self.root / f'depth/{frame.name}.png'
        z_m, camera = from_units(decode.png16(path), self.units_per_m), self.cameras[frame.camera]
        if z_m.shape != rgb.shape[:2] or rgb.shape[:2] != (camera.height, camera.width):
            raise decode.unreadable(path, f'picture, depth and camera {frame.camera} are not of one size')
        return Sample(rgb, frame.name, z_m, camera=camera)
