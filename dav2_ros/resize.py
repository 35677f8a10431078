# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a picture to the network's grid, and from its depth back to the picture: both directions in one object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.network.presets import PATCH

# ImageNet statistics in RGB order (Depth-Anything-V2 depth_anything_v2/dpt.py, image2tensor).
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True)
class ResizePlan:
    """How a (height, width) picture becomes a (net_height, net_width) network input, and back."""

    height: int
    width: int
    net_height: int
    net_width: int

    @classmethod
    def lower_bound(cls, height: int, width: int, size: int = 518, stretch: float = 1.0) -> ResizePlan:
        """Plan the published resize: keep the aspect ratio, short side `size`, both sides multiples of 14.

        (Depth-Anything-V2 util/transform.py, Resize "lower_bound"): each side is rounded half-to-even to a multiple
        of the patch, and rounded up where that falls under `size`.

        Args:
            stretch: what the width is multiplied by before: fy / fx of a camera whose pixels are not square, so that
                the network sees the world in its proportions.
        """
        square_width = width * stretch
        scale = max(size / height, size / square_width)

        def side(pixels: float) -> int:
            rounded = round(scale * pixels / PATCH) * PATCH
            return rounded if rounded >= size else math.ceil(scale * pixels / PATCH) * PATCH

        return cls(height, width, side(height), side(square_width))

    @property
    def tokens(self) -> int:
        """Number of patches that the encoder sees."""
        return self.net_height * self.net_width // PATCH**2

    def camera(self, camera: Camera) -> Camera:
        """Return the camera of the network's input."""
        return camera.resized(self.net_width, self.net_height)

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """Turn (H, W, 3) uint8 RGB into (3, h, w) float32: resized bicubic (a=-0.75, no antialias) and normalised.

        The published code resizes in float64, then normalises. Both steps are linear, so the smaller picture is the
        one to normalise; float32 differs by less than 1e-4, or 1/30 of a grey level on white noise. Values may leave
        the range of the input: not clipped.
        """
        picture = rgb.astype(np.float32)
        shrinks = self.net_height * self.net_width < self.height * self.width
        if shrinks:
            picture = self._resize(picture)
        picture = cv2.subtract(picture, (*(255.0 * MEAN).tolist(), 0.0))
        cv2.multiply(picture, (*(1.0 / (255.0 * STD)).tolist(), 0.0), dst=picture)
        if not shrinks:
            picture = self._resize(picture)
        return np.ascontiguousarray(picture.transpose(2, 0, 1))  # (h, w, 3) -> (3, h, w)

    def _resize(self, picture: np.ndarray) -> np.ndarray:
        return cv2.resize(picture, (self.net_width, self.net_height), interpolation=cv2.INTER_CUBIC)

    def undo(self, depth: np.ndarray, height: int | None = None, width: int | None = None) -> np.ndarray:
        """Bring (h, w) float32 back to (height, width), by default the picture's: bilinear, corners aligned.

        Written out, since `cv2.resize` aligns pixel edges, not corners, and `cv2.warpAffine` rounds its weights to
        1/32 in the releases that Humble and Jazzy have (metres at a depth edge).
        """
        height, width = height or self.height, width or self.width
        if depth.shape == (height, width):
            return depth.copy()
        tall = _stretch_rows(depth, height)  # (h, w) -> (height, w)
        return cv2.transpose(_stretch_rows(cv2.transpose(tall), width))  # rows are contiguous, columns are not


def _stretch_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Interpolate (n, m) linearly to (count, m); the first and last rows stay. float32 throughout, like torch's."""
    last = len(rows) - 1
    at = np.arange(count, dtype=np.float32) * np.float32(last / max(count - 1, 1))
    below = np.minimum(at.astype(np.intp), last)
    found = rows[np.minimum(below + 1, last)]
    low = rows[below]
    found -= low
    found *= (at - below).astype(np.float32)[:, None]
    found += low
    return found
