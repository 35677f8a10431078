# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model a calibrated camera as an immutable value: geometry never changes a camera, it returns a new one.

Pixel centres are integers (OpenCV, ROS): the left edge of the first pixel is at u = -0.5. A resize therefore moves the
principal point by half a pixel in both grids: `(cx + 0.5) * sx - 0.5`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

PERSPECTIVE_MODELS = ('plumb_bob', 'rational_polynomial')  # OpenCV's calib3d order of coefficients (REP 104)
FISHEYE_MODELS = ('equidistant', 'fisheye')  # OpenCV's fisheye order
PERSPECTIVE_COEFFICIENTS = (4, 5, 8, 12, 14)  # what OpenCV's calib3d takes
FISHEYE_COEFFICIENTS = (4, 5, 8)  # four; some drivers fill up with zeros


class UnknownLensError(ValueError):
    """A distortion model that we do not know: where the pixels look is not known, their focal length may well be."""


@dataclass(frozen=True)
class Camera:
    """Size, intrinsics (pixels) and lens distortion of the picture they describe.

    Raises ValueError for numbers that no camera has, and UnknownLensError for a distortion model we do not know.
    """

    width: int
    height: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion_model: str = ''
    distortion: tuple[float, ...] = ()  # as in CameraInfo.d; all zero means none

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(
                f'A camera image of {self.width}x{self.height} pixels has no pixels: check width and height.'
            )
        if not all(map(math.isfinite, self.distortion)):
            raise ValueError(
                f'Distortion coefficients D = {list(map(float, self.distortion))} are not all finite: calibrate the '
                'camera again.'
            )
        values = (self.fx_px, self.fy_px, self.cx_px, self.cy_px)
        if not all(map(math.isfinite, values)) or self.fx_px <= 0 or self.fy_px <= 0:
            raise ValueError(
                f'Focal lengths fx={self.fx_px}, fy={self.fy_px} px (principal point {self.cx_px}, {self.cy_px}) are '
                'not those of a calibrated camera: calibrate it, or publish its camera_info.'
            )
        if self.is_distorted and self.distortion_model not in PERSPECTIVE_MODELS + FISHEYE_MODELS:
            raise UnknownLensError(
                f'Distortion model {self.distortion_model!r} is not one of '
                f'{", ".join(PERSPECTIVE_MODELS + FISHEYE_MODELS)}: rectify the image first.'
            )
        wanted = FISHEYE_COEFFICIENTS if self.distortion_model in FISHEYE_MODELS else PERSPECTIVE_COEFFICIENTS
        if self.is_distorted and len(self.distortion) not in wanted:
            raise UnknownLensError(
                f'Distortion model {self.distortion_model!r} has {len(self.distortion)} coefficients, not one of '
                f'{", ".join(map(str, wanted))}: calibrate the camera again, or rectify the image first.'
            )

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov_rad: float) -> Camera:
        """Make a pinhole with square pixels, centred, from its horizontal field of view."""
        f_px = 0.5 * width / math.tan(0.5 * hfov_rad)
        return cls(width, height, f_px, f_px, 0.5 * (width - 1), 0.5 * (height - 1))

    @property
    def is_distorted(self) -> bool:
        """Whether any coefficient bends a ray: all zero means none, whatever the model (as in image_geometry)."""
        return any(self.distortion)

    @property
    def f_px(self) -> float:
        """One focal length for both axes: the geometric mean, which keeps the area that a pixel sees."""
        return math.sqrt(self.fx_px * self.fy_px)

    @property
    def hfov_rad(self) -> float:
        """Horizontal field of view of the undistorted pinhole, edge to edge."""
        left, right = self.cx_px + 0.5, self.width - 0.5 - self.cx_px
        return math.atan2(left, self.fx_px) + math.atan2(right, self.fx_px)

    @property
    def k(self) -> np.ndarray:
        """(3, 3) float64 intrinsic matrix."""
        return np.array([[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> Camera:
        """Return the camera of this picture after a resize (half-pixel convention) to width x height."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx_px=self.fx_px * sx,
            fy_px=self.fy_px * sy,
            cx_px=(self.cx_px + 0.5) * sx - 0.5,
            cy_px=(self.cy_px + 0.5) * sy - 0.5,
        )

    def cropped(self, x: int, y: int, width: int, height: int) -> Camera:
        """Return the camera of the sub-picture whose top left pixel is (x, y)."""
        return replace(self, width=width, height=height, cx_px=self.cx_px - x, cy_px=self.cy_px - y)

    def strided(self, stride: int) -> Camera:
        """Return the camera of `picture[::stride, ::stride]`: pixel 0 stays pixel 0, so there is no half pixel here."""
        return replace(
            self,
            width=-(-self.width // stride),
            height=-(-self.height // stride),
            fx_px=self.fx_px / stride,
            fy_px=self.fy_px / stride,
            cx_px=self.cx_px / stride,
            cy_px=self.cy_px / stride,
        )

    def turned(self, quarters: int) -> Camera:
        """Return the pinhole of `np.rot90(picture, quarters)`: counter-clockwise, lens distortion left out."""
        camera = self.rectified()
        for _ in range(quarters % 4):  # pixel (u, v) goes to (v, width - 1 - u)
            camera = Camera(
                camera.height, camera.width, camera.fy_px, camera.fx_px, camera.cy_px, camera.width - 1 - camera.cx_px
            )
        return camera

    def rectified(self) -> Camera:
        """Return the same pinhole without its lens distortion."""
        return replace(self, distortion_model='', distortion=())

    def rays(self) -> np.ndarray:
        """Return (H, W, 2) float32 x/z and y/z of every pixel's ray, distortion undone.

        NaN where the lens has no such ray: beyond 90 degrees, or where the calibration folds back.

        Multiplied by Z depth they are X and Y in the optical frame (REP 103: x right, y down, z forward).
        """
        if not self.is_distorted:
            x = (np.arange(self.width) - self.cx_px) / self.fx_px
            y = (np.arange(self.height) - self.cy_px) / self.fy_px
            return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
        u, v = np.meshgrid(np.arange(self.width, dtype=np.float64), np.arange(self.height, dtype=np.float64))
        pixels = np.stack([u, v], axis=-1)
        rays = self._undistort(pixels.reshape(-1, 1, 2)).reshape(pixels.shape)
        # Not every calibration can be undone everywhere, and OpenCV answers all the same: believe what projects back.
        error_px = np.abs(self.project(np.dstack([rays, np.ones_like(u)])) - pixels).max(axis=-1)
        rays[~(error_px < 0.1)] = np.nan
        return rays.astype(np.float32)

    def _undistort(self, pixels: np.ndarray) -> np.ndarray:
        """Turn (N, 1, 2) pixels into rays of that shape; nonsense where the lens model has no inverse."""
        d = np.asarray(self.distortion, np.float64)
        if self.distortion_model in FISHEYE_MODELS:
            return cv2.fisheye.undistortPoints(pixels, self.k, d[:4])
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-8)
        undistort = getattr(cv2, 'undistortPointsIter', cv2.undistortPoints)  # OpenCV 5 has made one of the two
        return undistort(pixels, self.k, d, R=np.eye(3), P=np.eye(3), criteria=criteria)

    def unproject(self, z_m: np.ndarray) -> np.ndarray:
        """Lift Z depth (H, W) to points (H, W, 3) float32 in the optical frame; NaN and inf stay what they are."""
        points = np.empty((*z_m.shape, 3), np.float32)
        np.multiply(self.rays(), z_m[..., None], out=points[..., :2])
        points[..., 2] = z_m
        return points

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Project points (..., 3) in the optical frame to pixels (..., 2) float64; NaN for points behind the camera."""
        p = np.asarray(points_m, np.float64).reshape(-1, 1, 3)
        zero = np.zeros(3)
        with np.errstate(invalid='ignore'):
            in_front = p[:, 0, 2] > 0
        d = np.asarray(self.distortion, np.float64)
        uv = np.full((len(p), 2), np.nan)
        if in_front.any():
            if self.distortion_model in FISHEYE_MODELS and self.is_distorted:
                found = cv2.fisheye.projectPoints(p[in_front], zero, zero, self.k, d[:4])[0]
            else:
                found = cv2.projectPoints(p[in_front], zero, zero, self.k, d if self.is_distorted else None)[0]
            uv[in_front] = found[:, 0]
        return uv.reshape(*np.shape(points_m)[:-1], 2)
