# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write depth maps as files: arrays, pictures, point clouds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dav2_ros.cloud.cloud import CloudMaker, coloured_at, field_offsets
from dav2_ros.cloud.options import CloudOptions
from dav2_ros.depth.colour import colourise, greyscale
from dav2_ros.files.atomic import write_file
from dav2_ros.frames import DepthMap
from dav2_ros.media.images import write_depth_npy, write_depth_png, write_png


@dataclass(frozen=True)
class ColourStyle:
    """How depth is painted."""

    near_m: float
    far_m: float
    grey: bool = False
    alone: bool = False  # without the picture beside it

    def paint(self, rgb: np.ndarray, z_m: np.ndarray) -> np.ndarray:
        """Return (H, W, 3), or (H, 2 W, 3) with the picture on the left; uint8 RGB."""
        painted = (greyscale if self.grey else colourise)(z_m, self.near_m, self.far_m)
        return painted if self.alone else np.hstack([rgb, painted])


@dataclass(frozen=True)
class DepthFiles:
    """The files of one picture, below a folder, each named NAME_depth.npy and so on."""

    out: Path
    style: ColourStyle
    npy: bool = True
    png: bool = True
    ply: bool = False
    cloud: CloudOptions = field(default_factory=CloudOptions)

    def write(self, name: Path, rgb: np.ndarray, depth: DepthMap) -> None:
        """Write them, each beside and then renamed, with the picture at the size of its depth; raises OSError."""
        rgb = coloured_at(depth, rgb)
        stem = str(self.out / name)
        Path(stem).parent.mkdir(parents=True, exist_ok=True)
        if self.npy:
            write_depth_npy(Path(f'{stem}_depth.npy'), depth.z_m)
        if self.png:
            write_depth_png(Path(f'{stem}_depth.png'), depth.z_m)
        if self.ply:
            write_file(Path(f'{stem}_cloud.ply'), ply(CloudMaker().make(depth, rgb, self.cloud)))
        write_png(Path(f'{stem}_color.png'), self.style.paint(rgb, depth.z_m))

    def __str__(self) -> str:
        kinds = [kind for kind, wanted in (('_depth.npy', self.npy), ('_depth.png', self.png)) if wanted]
        return ', '.join([*kinds, *(['_cloud.ply'] if self.ply else []), '_color.png'])


VERTEX = np.dtype(
    [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')]
)  # camera's axes: x right, y down, z ahead, metres


def ply(points: np.ndarray) -> bytes:
    """Make a binary PLY file of a cloud of cloud.POINT, of any shape; points that are NaN are left out."""
    flat = points.reshape(-1)
    flat = flat[np.isfinite(flat['z'])]
    vertices = np.empty(len(flat), VERTEX)
    for axis in 'xyz':
        vertices[axis] = flat[axis]
    bgr = np.ascontiguousarray(flat['rgb']).view(np.uint8).reshape(-1, 4)
    for channel, name in enumerate(('blue', 'green', 'red')):
        vertices[name] = bgr[:, channel]
    kinds = {'<f4': 'float', '|u1': 'uchar'}
    fields = [f'property {kinds[VERTEX[name].str]} {name}' for name in field_offsets(VERTEX)]
    lines = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(flat)}', *fields, 'end_header', '']
    return '\n'.join(lines).encode() + vertices.tobytes()
