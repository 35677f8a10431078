# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a picture to the network's grid, and from its depth back to the picture: both directions in one object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import FrameError, check_shape
from dav2_ros.network.presets import PATCH

# ImageNet statistics in RGB order (Depth-Anything-V2 depth_anything_v2/dpt.py, image2tensor).
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
MAX_TOKENS = 16384  # patches: 8:1 at 518 pixels of height has 10952; an attention that is written out squares them
SCALE, OFFSET = 1 / (255 * STD), -MEAN / STD  # of a byte


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

        Raises FrameError for a picture that is too large or too thin, and for more than MAX_TOKENS.
        """
        check_shape(width, height, stretch)
        square_width = width * stretch
        scale = max(size / height, size / square_width)

        def side(pixels: float) -> int:
            rounded = round(scale * pixels / PATCH) * PATCH
            return rounded if rounded >= size else math.ceil(scale * pixels / PATCH) * PATCH

        plan = cls(height, width, side(height), side(square_width))
        if plan.tokens > MAX_TOKENS:
            raise FrameError(
                f'A picture of {width}x{height} becomes {plan.net_width}x{plan.net_height} for the network at a short '
                f'side of {size}: {plan.tokens} patches, more than the limit of {MAX_TOKENS}; choose a smaller size.'
            )
        return plan

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
        return Resizer(self).apply(rgb)

    def undo(self, depth: np.ndarray, height: int | None = None, width: int | None = None) -> np.ndarray:
        """Bring (h, w) float32 back to (height, width), by default the picture's: bilinear, corners aligned.

        Written out, since `cv2.resize` aligns pixel edges, not corners, and `cv2.warpAffine` rounds its weights to
        1/32 in the releases that Humble and Jazzy have (metres at a depth edge).
        """
        return Resizer(ResizePlan(height or self.height, width or self.width, *depth.shape)).undo(depth)


class Resizer:
    """A plan with the buffers that it takes, kept from picture to picture: page faults cost more than the arithmetic.

    What it returns is its own and holds until its next call. One thread at a time.
    """

    def __init__(self, plan: ResizePlan) -> None:
        self.plan = plan

    def apply(self, rgb: np.ndarray) -> np.ndarray:
        """See `ResizePlan.apply`. Channel by channel, so that no picture has to be transposed."""
        plane, image = self._planes
        grey = None
        for channel, (resized, scale, offset) in enumerate(zip(image, SCALE, OFFSET)):
            grey = cv2.extractChannel(rgb, channel, grey)
            np.copyto(plane, grey)
            smaller = resized if resized.size < plane.size else plane
            if smaller is plane:
                _normalise(plane, scale, offset)
            cv2.resize(plane, resized.shape[::-1], dst=resized, interpolation=cv2.INTER_CUBIC)
            if smaller is resized:
                _normalise(resized, scale, offset)
        return image

    def undo(self, depth: np.ndarray, found: np.ndarray | None = None) -> np.ndarray:
        """See `ResizePlan.undo`; the result is `found` where that (height, width) float32 is given."""
        rows, columns, turned, last = self._stretches
        found = last if found is None else found
        if depth.shape == found.shape:
            np.copyto(found, depth)
            return found
        cv2.transpose(rows.apply(depth), turned)  # (h, w) -> (height, w) -> (w, height)
        return cv2.transpose(columns.apply(turned), found)  # rows are contiguous, columns are not

    @cached_property
    def _planes(self) -> tuple[np.ndarray, np.ndarray]:
        plan = self.plan
        plane = np.empty((plan.height, plan.width), np.float32)
        return plane, np.empty((3, plan.net_height, plan.net_width), np.float32)

    @cached_property
    def _stretches(self) -> tuple[_Stretch, _Stretch, np.ndarray, np.ndarray]:
        plan = self.plan
        return (
            _Stretch(plan.net_height, plan.height, plan.net_width),
            _Stretch(plan.net_width, plan.width, plan.height),
            np.empty((plan.net_width, plan.height), np.float32),
            np.empty((plan.height, plan.width), np.float32),
        )


def _normalise(plane: np.ndarray, scale: np.float32, offset: np.float32) -> None:
    plane *= scale
    plane += offset


class _Stretch:
    """Interpolates (n, m) linearly to (count, m); the first and last rows stay. float32 throughout, like torch's."""

    def __init__(self, n: int, count: int, m: int) -> None:
        at = np.arange(count, dtype=np.float32) * np.float32((n - 1) / max(count - 1, 1))
        self._below = np.minimum(at.astype(np.intp), n - 1)
        self._above = np.minimum(self._below + 1, n - 1)
        self._share = (at - self._below).astype(np.float32)[:, None]
        self._found, self._high = np.empty((count, m), np.float32), np.empty((count, m), np.float32)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        low, high = self._found, self._high
        np.take(rows, self._below, 0, out=low, mode='clip')  # mode raise would go through another buffer
        np.take(rows, self._above, 0, out=high, mode='clip')
        high -= low
        high *= self._share
        low += high
        return low
