# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The frames of a raw camera as its rectified self would publish them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.camera_info import InfoFields, camera_from_info
from dav2_ros.frames import Frame
from dav2_ros.rectify import Rectifier, pinhole_view


class Rectification:
    """Keeps the maps of one camera, and says once what view it was rectified to."""

    def __init__(self, max_hfov_rad: float, say: Callable[[str], None]) -> None:
        self._max_hfov_rad, self._say = max_hfov_rad, say
        self._key: tuple | None = None

    def apply(self, frame: Frame, info: Any) -> tuple[Frame, InfoFields]:
        """Rectify a frame of a calibrated camera to P and R of its CameraInfo, or to a narrower pinhole."""
        self._keep(frame.camera, info)
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
        rotation = np.reshape(info.r, (3, 3)) if any(info.r) else None
        self._rectifier = Rectifier(camera, target, rotation)
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
