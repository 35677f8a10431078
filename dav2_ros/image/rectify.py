# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rectify frames: undo lens distortion, and cut a fisheye to a view that a model can bear."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import Frame
from dav2_ros.image.camera_info import InfoFields, camera_from_info

SAME_RAY = 1e-3  # of x/z and y/z; what the lens model can undo at all it undoes to far less


def pinhole_view(camera: Camera, max_hfov_rad: float, rectified: Camera | None = None) -> Camera:
    """Return the pinhole that a picture of `camera` is rectified to, of the same size.

    It is `rectified` (P of the calibration) where that is known, else the camera's own K without its distortion; if it
    sees more than `max_hfov_rad` across, it becomes the centred pinhole with square pixels that sees just that: a
    fisheye's 180 degrees do not fit on a plane, and no network learnt metres from the stretched rim of a wide one.
    """
    pinhole = (rectified or camera).rectified()
    if pinhole.hfov_rad <= max_hfov_rad + math.radians(1e-6):
        return pinhole
    return Camera.from_hfov(camera.width, camera.height, max_hfov_rad)


class Rectifier:
    """Resamples pictures of `camera` to those of the pinhole `target`; the maps are made once.

    Args:
        camera: with its distortion: plumb_bob, rational_polynomial or equidistant.
        target: without distortion, of any size.
        rotation: (3, 3) from the camera's to the target's frame: CameraInfo's R, which is the identity but in stereo.

    `seen` is (H, W) bool: the target's pixels that the lens saw. The others are black, and have no depth.
    """

    def __init__(self, camera: Camera, target: Camera, rotation: np.ndarray | None = None) -> None:
        if target.is_distorted:
            raise ValueError(
                f'The target has {target.distortion_model} distortion, a picture is rectified to a pinhole: '
                'call rectified() on it.'
            )
        self.camera, self.target = camera, target
        rays = np.dstack([target.rays().astype(np.float64), np.ones((target.height, target.width))])  # (H, W, 3)
        if rotation is not None:
            rays = rays @ np.asarray(rotation, np.float64)  # R^T r for every row
        uv = camera.project(rays)  # (H, W, 2); NaN behind the camera
        with np.errstate(invalid='ignore'):
            inside = (uv > -0.5).all(-1) & (uv[..., 0] < camera.width - 0.5) & (uv[..., 1] < camera.height - 0.5)
        self.seen = inside & _one_ray_each(camera, rays, uv)
        uv[~self.seen] = -1e4
        # bilinear weights in 1/32 of a pixel: what cv2.remap uses for float maps too, and twice as fast
        self._maps = cv2.convertMaps(uv.astype(np.float32), None, cv2.CV_16SC2)

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Resample (h, w, 3) uint8 of the camera to (H, W, 3) of the target, bilinear, black where it saw nothing."""
        return cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def rectified_pixels(
    pixels: np.ndarray, camera: Camera, target: Camera, rotation: np.ndarray | None = None
) -> np.ndarray:
    """Return where what whole pixels (N, 2) of a camera show lies in its picture rectified to `target`, (N, 2) u, v.

    NaN where that is behind the target, or the lens model knows no ray.
    """
    u, v = np.rint(pixels).astype(np.intp).T
    rays = np.column_stack([camera.rays()[v, u], np.ones(len(u))]).astype(np.float64)
    if rotation is not None:
        rays = rays @ np.asarray(rotation, np.float64).T
    return target.project(rays)


def rotation_of(info: Any) -> np.ndarray | None:
    """Return R (3, 3) of a CameraInfo; None where nobody has calibrated it."""
    return np.reshape(info.r, (3, 3)) if any(info.r) else None


def _one_ray_each(camera: Camera, rays: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Tell where the pixel that a ray falls on belongs to it: outside its calibrated field a polynomial folds back.

    Going outwards from the optical axis, a lens maps larger angles to larger radii; it is trusted up to where that
    first fails. (Undistorting the pixel would ask the same, iteratively and a hundred times slower.)
    """
    if not camera.is_distorted:
        return np.ones(uv.shape[:2], bool)
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    radius = np.hypot(x, y)
    wanted = float(radius[np.isfinite(radius)].max())
    steps = np.linspace(0.0, wanted, 512)
    limit = wanted
    plain = replace(camera, fx_px=1.0, fy_px=1.0, cx_px=0.0, cy_px=0.0)
    for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False):  # tangential terms differ by direction
        outwards = np.stack([steps * np.cos(angle), steps * np.sin(angle), np.ones_like(steps)], axis=-1)
        reached = plain.project(outwards) @ (np.cos(angle), np.sin(angle))
        folds = np.flatnonzero(~(np.diff(reached) > 0))
        limit = min(limit, steps[folds[0]]) if len(folds) else limit
    return radius <= limit + SAME_RAY


class Rectification:
    """Keeps the maps of one camera, and says once what view it was rectified to."""

    def __init__(self, max_hfov_rad: float, say: Callable[[str], None]) -> None:
        self._max_hfov_rad, self._say = max_hfov_rad, say
        self._key: tuple | None = None

    def apply(self, frame: Frame, info: Any | None) -> tuple[Frame, InfoFields]:
        """Rectify a frame of a calibrated camera to P and R of its CameraInfo, or to a narrower pinhole.

        Without a CameraInfo it is the pinhole of the camera's own K.
        """
        assert frame.camera is not None  # it is calibrated
        self._keep(frame.camera, info or _without_projection(frame.camera))
        rectifier, target = self._rectifier, self._rectifier.target
        k, p = target.k.ravel(), self._projection.ravel()
        made = InfoFields(target.width, target.height, 'plumb_bob', np.zeros(5), k, np.eye(3).ravel(), p)
        return replace(frame, rgb=rectifier.apply(frame.rgb), camera=target, seen=self._seen), made

    def _keep(self, camera: Camera, info: Any) -> None:
        key = camera, tuple(info.p), tuple(info.r)
        if key == self._key:
            return
        calibrated = camera_from_info(info, True) if info.p[0] else None
        target = pinhole_view(camera, self._max_hfov_rad, calibrated)
        self._rectifier = Rectifier(camera, target, rotation_of(info))
        seen = self._rectifier.seen
        self._seen = None if seen.all() else seen
        self._projection = np.hstack([target.k, np.zeros((3, 1))])
        if info.p[0]:  # the baseline of a stereo pair: -f b
            self._projection[:2, 3] = info.p[3] / info.p[0] * target.fx_px, info.p[7] / info.p[5] * target.fy_px
        cut = '' if target == calibrated else ', cut from a wider view' if target.cx_px != camera.cx_px else ''
        self._say(
            f'Rectifying {camera.distortion_model or "pinhole"} {camera.width}x{camera.height} to a pinhole of '
            f'f {target.fx_px:.1f} px, {math.degrees(target.hfov_rad):.0f} degrees across{cut}; the lens sees '
            f'{100 * seen.mean():.0f} % of it.'
        )
        self._key = key


def _without_projection(camera: Camera) -> InfoFields:
    """Describe a camera of which nobody knows P and R."""
    d = np.array(camera.distortion)
    return InfoFields(
        camera.width, camera.height, camera.distortion_model, d, camera.k.ravel(), np.zeros(9), np.zeros(12)
    )
