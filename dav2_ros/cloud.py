# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a depth map to points, as fast as memory allows: rays and buffers are kept between frames."""

from __future__ import annotations

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap

# Metres in the optical frame (REP 103), and the colour as PCL packs it: 0x00RRGGBB seen as a float32.
POINT = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<f4')])


class CloudMaker:
    """Makes organised clouds: one point per pixel, NaN where depth is unknown or out of range.

    The points it returns are its own buffer and hold until the next call.
    """

    def __init__(self) -> None:
        self._key: tuple[Camera, int] | None = None

    def _keep(self, camera: Camera, stride: int) -> None:
        if self._key == (camera, stride):
            return
        rays = camera.strided(stride).rays()
        self._rays_x, self._rays_y = (np.ascontiguousarray(rays[..., k]) for k in range(2))
        self._points = np.zeros((*rays.shape[:2], 4), np.float32)
        self._bytes = self._points.view(np.uint8)  # (h, w, 16)
        self._key = (camera, stride)

    def make(
        self,
        depth: DepthMap,
        rgb: np.ndarray,
        *,
        stride: int = 1,
        min_range_m: float = 0.0,
        max_range_m: float = np.inf,
    ) -> np.ndarray:
        """Lift every `stride`-th pixel of depth (H, W) with its colour (H, W, 3) uint8 to (h, w) POINT.

        Points nearer than `min_range_m` or farther than `max_range_m` along Z, unknown and infinite ones are NaN.
        Raises ValueError when the depth map has no camera.
        """
        if depth.camera is None:
            raise ValueError('A cloud needs a calibrated camera: publish its camera_info, or calibrate it.')
        self._keep(depth.camera, stride)
        z_m = depth.z_m[::stride, ::stride]
        x, y, z = (self._points[..., k] for k in range(3))
        known = (z_m > min_range_m) & (z_m <= max_range_m) & (z_m < np.inf)
        z[...] = np.nan
        np.copyto(z, z_m, where=known)
        np.multiply(self._rays_x, z, out=x)
        np.multiply(self._rays_y, z, out=y)
        for channel in range(3):  # little-endian: blue first
            self._bytes[..., 12 + channel] = rgb[::stride, ::stride, 2 - channel]
        return self._points.view(POINT)[..., 0]


def make_cloud(depth: DepthMap, rgb: np.ndarray, **options: float) -> np.ndarray:
    """Make one cloud that nobody else owns; see `CloudMaker.make`."""
    return CloudMaker().make(depth, rgb, **options)
