# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keep the result of a picture as files, of which a click reads metres and a range of metres makes colours."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import coloured_at, make_cloud
from dav2_ros.cloud.options import CloudOptions
from dav2_ros.files.atomic import write_file
from dav2_ros.frames import DepthMap
from dav2_ros.media.depth_files import ColourStyle, DepthFiles
from dav2_ros.media.images import MediaError, Photo, write_png
from dav2_ros.web.glb import glb

POINTS = 400_000  # of the cloud in the browser; the PLY has all


@dataclass(frozen=True)
class PixelReading:
    """What is known of one pixel."""

    u: int
    v: int
    z_m: float  # NaN unknown, +inf too far or sky
    xyz_m: tuple[float, float, float]  # in the camera's axes: x right, y down, z ahead

    def __str__(self) -> str:
        at = f'Pixel ({self.u}, {self.v}): '
        if math.isnan(self.z_m):
            return at + 'unknown.'
        if math.isinf(self.z_m):
            return at + 'beyond the range of the model, or sky.'
        x, y, z = self.xyz_m
        return (
            f'{at}{self.z_m:.3f} m ahead of the camera, {math.hypot(x, y, z):.3f} m from it; '
            f'x {x:+.3f}, y {y:+.3f}, z {z:+.3f} m (right, down, ahead).'
        )


@dataclass(frozen=True)
class PictureResult:
    """An estimated picture. Its depth stays on disk: a visitor who waits costs no memory."""

    folder: Path
    name: str
    camera: Camera
    summary: str  # one sentence: how large, which camera, which engine
    style: ColourStyle

    def file(self, end: str) -> Path:
        """Return the path of one of its files, by how its name ends."""
        return self.folder / f'{self.name}_{end}'

    @property
    def files(self) -> list[Path]:
        """What there is to take home."""
        return [*(self.file(end) for end in ('depth.npy', 'depth.png', 'cloud.ply')), self.color]

    @property
    def color(self) -> Path:
        """Where the painted depth is: another style has another name, or browsers show what they have kept."""
        return self.file(f'color_{self.style.near_m:g}-{self.style.far_m:g}m.png')

    @property
    def view(self) -> Path:
        """Where the cloud for the browser is."""
        return self.file(f'view_{self.style.far_m:g}m.glb')

    def read(self, u: int, v: int) -> PixelReading:
        """Read the pixel of column u and row v; raises MediaError for one outside of the picture."""
        z_m = self._depth()
        if not (0 <= u < self.camera.width and 0 <= v < self.camera.height):
            raise MediaError(f'Pixel ({u}, {v}) is outside of {self.camera.width}x{self.camera.height}.')
        z = float(z_m[v, u])
        x, y = (u - self.camera.cx_px) / self.camera.fx_px, (v - self.camera.cy_px) / self.camera.fy_px
        return PixelReading(u, v, z, (x * z, y * z, z))

    def spread(self) -> tuple[float, float]:
        """Return the nearest and the farthest metres, but for the last percent on each side."""
        z_m = self._depth()
        known = z_m[np.isfinite(z_m)]
        if not known.size:
            raise MediaError('Nothing in this picture is within the range of the model.')
        near_m, far_m = (float(value) for value in np.percentile(known, (1, 99)))
        return near_m, max(far_m, 1.01 * near_m)

    def painted_with(self, style: ColourStyle) -> PictureResult:
        """Paint depth anew, and make the cloud for the browser, in which what is beyond style.far_m is left out."""
        new, z_m = replace(self, style=style), self._depth()
        rgb = cv2.cvtColor(cv2.imread(str(self.file('picture.jpg'))), cv2.COLOR_BGR2RGB)
        write_png(new.color, style.paint(rgb, z_m))
        stride = min(16, math.ceil(math.sqrt(z_m.size / POINTS)))
        cloud = make_cloud(DepthMap(z_m, self.camera), rgb, stride=stride, max_range_m=min(style.far_m, 1000.0))
        write_file(new.view, glb(cloud))
        return new

    def _depth(self) -> np.ndarray:
        try:
            return np.load(self.file('depth.npy'), mmap_mode='r')
        except OSError as error:
            raise MediaError('This picture was put away: estimate it again.') from error


def painted(near_m: float | None, far_m: float | None) -> ColourStyle:
    """Return how depth from near_m to far_m is painted; raises MediaError for a range that is none."""
    if near_m is None or far_m is None or not 0 < near_m < far_m < math.inf:
        raise MediaError(f'From {near_m} m to {far_m} m is no range: choose 0 < near < far.')
    return ColourStyle(near_m, far_m, alone=True)


def keep(
    folder: Path, name: str, photo: Photo, depth: DepthMap, engine: str, style: ColourStyle, cloud: CloudOptions
) -> PictureResult:
    """Write all files of an estimated picture into a folder; those of the picture have the size of its depth."""
    rgb, camera = coloured_at(depth, photo.frame.rgb), depth.camera
    assert camera is not None, 'every photo has a camera, by EXIF or an assumed one, and so has its depth'
    DepthFiles(folder, style, ply=True, cloud=cloud).write(Path(name), rgb, depth)
    picture = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    view = f'{math.degrees(camera.hfov_rad):.1f} degrees wide ({photo.camera_source})'
    result = PictureResult(folder, name, camera, f'{camera.width}x{camera.height} pixels, {view}; {engine}.', style)
    write_file(result.file('picture.jpg'), picture.tobytes())
    result.file('color.png').unlink()
    return result.painted_with(style)
