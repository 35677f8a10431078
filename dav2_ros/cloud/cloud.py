# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lift depth maps to points, as fast as memory allows: rays and buffers are kept between frames."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.cloud.ground_plane import GroundPlaneTracker
from dav2_ros.cloud.options import CloudOptions
from dav2_ros.depth.flying_pixels import FlyingPixelDetector
from dav2_ros.frames import DepthMap

# Metres in the optical frame (REP 103), and the colour as PCL packs it: 0x00RRGGBB seen as a float32.
POINT = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<f4')])
GROUND_NOISE = np.float32(0.02)  # of the distance: what depth may be wrong by on the ground


def field_offsets(structured: np.dtype) -> dict[str, int]:
    """Return where each field of a structured type begins, in bytes, by name and in order."""
    names, fields = structured.names, structured.fields
    assert names is not None and fields is not None, 'only a structured type, like POINT, has fields'
    return {name: fields[name][1] for name in names}


class CloudMaker:
    """Makes clouds: organised, one point per pixel and NaN where there is none, or dense, a list of points.

    The points it returns are its own buffer and hold until the next call. What it learns of the ground it keeps: one
    maker for each camera.
    """

    def __init__(self) -> None:
        self._key: tuple[Camera, int] | None = None
        self._flying = FlyingPixelDetector()
        self._ground = GroundPlaneTracker()

    def _keep(self, camera: Camera, stride: int) -> None:
        if self._key == (camera, stride):
            return
        rays = camera.strided(stride).rays()
        self._rays_x, self._rays_y = (np.ascontiguousarray(rays[..., k]) for k in range(2))
        self._points = np.zeros((*rays.shape[:2], 4), np.float32)
        self._bytes = self._points.view(np.uint8)  # (h, w, 16)
        self._key = (camera, stride)

    def make(self, depth: DepthMap, rgb: np.ndarray | None, options: CloudOptions = CloudOptions()) -> np.ndarray:  # noqa: B008 (frozen)
        """Lift depth (H, W) with its colour (H, W, 3) uint8, or black, to POINT: (h, w), or (1, n) if dense.

        Left out, NaN in an organised cloud: unknown and infinite depth, what is out of range along Z, and what the
        options remove. Raises ValueError when the depth map has no camera.
        """
        if depth.camera is None:
            raise ValueError('A cloud needs a calibrated camera: publish its camera_info, or calibrate it.')
        stride = options.stride
        self._keep(depth.camera, stride)
        z_m = depth.z_m[::stride, ::stride]
        x, y, z = (self._points[..., k] for k in range(3))
        known = (z_m > options.min_range_m) & (z_m <= (options.max_range_m or np.inf)) & (z_m < np.inf)
        if options.remove_flying:
            known &= ~self._flying.find(depth.z_m)[::stride, ::stride]
        z[...] = np.nan
        np.copyto(z, z_m, where=known)
        np.multiply(self._rays_x, z, out=x)
        np.multiply(self._rays_y, z, out=y)
        if options.remove_ground:
            self._remove_ground(options.ground_tolerance_m)
        for channel in range(3):  # little-endian: blue first
            self._bytes[..., 12 + channel] = 0 if rgb is None else rgb[::stride, ::stride, 2 - channel]
        points = self._points.view(POINT)[..., 0]
        return self._listed(options.voxel_m) if options.is_dense else points

    def _remove_ground(self, tolerance_m: float) -> None:
        x, y, z = (self._points[..., k] for k in range(3))
        coarse = max(1, round((z.size / 20000) ** 0.5))  # the finder samples again
        plane = self._ground.find(self._points[::coarse, ::coarse, :3].reshape(-1, 3))
        if plane is None:
            return
        height_m = plane.height_of(x, y, z)
        height_m -= GROUND_NOISE * z
        low = height_m < np.float32(tolerance_m)  # below the ground too
        for axis in (x, y, z):
            np.copyto(axis, np.float32(np.nan), where=low)

    def _listed(self, voxel_m: float) -> np.ndarray:
        """Return (1, n): the points that there are, or the first of them in each voxel."""
        x, y = (self._points[..., k].reshape(-1) for k in range(2))
        there = np.flatnonzero(np.isfinite(x + y))  # no z: no x; a lens may lack the ray
        if voxel_m:
            x, y, z = (self._points[..., k].reshape(-1)[there] for k in range(3))
            there = there[one_per_voxel(x, y, z, voxel_m)]
        whole = self._points.reshape(-1, 4).view(np.complex128)  # 16 bytes in one piece: a third of the time
        return whole[there].view(POINT).reshape(1, -1)


def make_cloud(depth: DepthMap, rgb: np.ndarray | None, **options: Any) -> np.ndarray:
    """Make one cloud that nobody else owns; the options are those of CloudOptions."""
    return CloudMaker().make(depth, rgb, CloudOptions(**options))


def coloured_at(depth: DepthMap, rgb: np.ndarray) -> np.ndarray:
    """Return the picture on the grid of the depth."""
    height, width = depth.z_m.shape
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = height * width < rgb.shape[0] * rgb.shape[1]
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


BITS = 14  # per axis: +-8192 voxels, 400 m of 5 cm; three axes and the place of a point share 64 bits


PLACE_BITS = 63 - 3 * BITS


def one_per_voxel(x: np.ndarray, y: np.ndarray, z: np.ndarray, voxel_m: float) -> np.ndarray:
    """Return the indices (M,), ascending, of the first of N finite points in each voxel.

    Voxels are cubes of `voxel_m` from the origin of the cloud's frame. Points that are further away than 8192 voxels
    count as being there.
    """
    half, per_m = 1 << (BITS - 1), np.float32(1.0 / voxel_m)
    voxel = np.zeros(len(z), np.int64)
    for axis in (x, y, z):
        cell = axis * per_m
        cell += np.float32(half)
        np.clip(cell, 0.0, np.float32(2 * half - 1), out=cell)
        voxel <<= BITS
        voxel |= cell.astype(np.int32)  # positive: cutting off is rounding down
    begins = np.ones(len(z), bool)
    np.not_equal(voxel[1:], voxel[:-1], out=begins[1:])  # neighbours in a row share voxels: most points end here
    place = np.flatnonzero(begins)
    voxel = voxel[place]
    if len(place) and int(place[-1]) >> PLACE_BITS:
        raise ValueError(f'A cloud of {len(z)} points is too large for voxels: choose a stride.')
    voxel = np.sort(voxel << PLACE_BITS | place)  # by voxel, then by place
    first = np.ones(len(voxel), bool)
    np.not_equal(voxel[1:] >> PLACE_BITS, voxel[:-1] >> PLACE_BITS, out=first[1:])
    return np.sort(voxel[first] & ((1 << PLACE_BITS) - 1))
