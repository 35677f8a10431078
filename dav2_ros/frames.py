# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define the two values that flow through the package: a frame goes in, a depth map comes out."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from dav2_ros.camera import Camera

T = TypeVar('T')

MAX_PIXELS = 8192 * 6144  # of one picture: reading it and its depth take 1.2 GB, measured with PyTorch on a CPU
MAX_ASPECT = 8.0  # long side by short side: a network's input keeps the shape, with its short side as in training
MAX_PIXEL_ASPECT = 4.0  # of one pixel: binning and anamorphic lenses make 2


class FrameError(ValueError):
    """A picture that no depth network can take; one sentence with the value and the limit."""


def check_pixels(width: int, height: int) -> None:
    """Raise ValueError for a picture without pixels, or with more than MAX_PIXELS."""
    if width < 1 or height < 1:
        raise ValueError(f'{width}x{height} pixels are no picture')
    if width * height > MAX_PIXELS:
        raise ValueError(
            f'{width}x{height} are {1e-6 * width * height:.0f} million pixels, more than the limit of '
            f'{1e-6 * MAX_PIXELS:.0f} million: make it smaller'
        )


def check_shape(width: int, height: int, stretch: float = 1.0) -> None:
    """Raise FrameError for a picture that no depth network can take: too large, or too long and thin.

    `stretch` is fy / fx of its camera: where pixels are not square, the network is shown width times that, by height.
    """
    try:
        check_pixels(width, height)
    except ValueError as error:
        raise FrameError(f'The picture cannot be taken: {error}.') from error
    if not 1 / MAX_PIXEL_ASPECT <= stretch <= MAX_PIXEL_ASPECT:
        raise FrameError(
            f'fy / fx is {stretch:.3g}: no camera has pixels that are {max(stretch, 1 / stretch):.3g} times as long as '
            f'they are thin, and the limit is {MAX_PIXEL_ASPECT:g}; check camera_info.'
        )
    aspect = max(width * stretch / height, height / (width * stretch))
    if aspect > MAX_ASPECT:
        raise FrameError(
            f'A picture of {width}x{height} is {aspect:.1f} times as long as it is thin, and the limit of a depth '
            f'network is {MAX_ASPECT:g}: crop it.'
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """One colour picture, the camera that took it, and when.

    Raises FrameError for a shape that no depth network can take (`check_shape`).

    `camera` is None when nobody calibrated it: depth can still be estimated (with an assumed field of view),
    a point cloud cannot.
    """

    rgb: np.ndarray  # (H, W, 3) uint8
    camera: Camera | None = None
    stamp_ns: int = 0
    frame_id: str = ''
    seen: np.ndarray | None = None  # (H, W) bool: what the lens saw of a rectified picture; None is all of it
    hfov_rad: float | None = None  # without a camera: its focal length is known, how its lens bends rays is not

    def __post_init__(self) -> None:
        camera = self.camera
        check_shape(self.rgb.shape[1], self.rgb.shape[0], camera.fy_px / camera.fx_px if camera else 1.0)


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth along the optical axis (not along the ray), one value per pixel of `camera`.

    NaN is "unknown", +inf is "beyond range, or sky" (REP 117); finite values are metres and positive.
    """

    z_m: np.ndarray  # (H, W) float32
    camera: Camera | None = None
    stamp_ns: int = 0
    frame_id: str = ''
    confidence: np.ndarray | None = None  # (H, W) float32, 0 to 1 (see confidence.py); None unless asked for


class StampHistory(Generic[T]):
    """Values by stamp, in order. One thread adds, others look up.

    Args:
        limit: how many are kept; the oldest make room. None keeps all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._items: tuple[tuple[int, T], ...] = ()  # by stamp; replaced, never changed

    def __len__(self) -> int:
        return len(self._items)

    @property
    def newest_ns(self) -> int | None:
        """The greatest stamp."""
        return self._items[-1][0] if self._items else None

    def add(self, stamp_ns: int, value: T) -> None:
        """Keep a value; of equal stamps the one added last is found."""
        at = bisect_right(self._items, stamp_ns, key=lambda item: item[0])
        items = (*self._items[:at], (stamp_ns, value), *self._items[at:])
        self._items = items if self._limit is None else items[-self._limit :]

    def at(self, stamp_ns: int) -> T | None:
        """Return the value of this stamp, else the latest before it, else the first; None if there is none."""
        items = self._items
        at = bisect_right(items, stamp_ns, key=lambda item: item[0])
        return items[max(at - 1, 0)][1] if items else None

    def of_or_newest(self, stamp_ns: int) -> T | None:
        """Return the value of just this stamp, else the newest; None if there is none."""
        items = self._items
        at = bisect_right(items, stamp_ns, key=lambda item: item[0]) - 1
        if at >= 0 and items[at][0] == stamp_ns:
            return items[at][1]
        return items[-1][1] if items else None


def is_same_frame(frame_id: str, other: str) -> bool:
    """Tell whether two frame_ids name one frame: `/cam` is `cam`, for tf2 knows no leading slash."""
    return frame_id.removeprefix('/') == other.removeprefix('/')


def ns_of(stamp: Any) -> int:
    """Return a builtin_interfaces/Time, whether of rclpy or of a recording, in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def stamp_ns(message: Any) -> int:
    """Return the stamp of a message's header in nanoseconds."""
    return ns_of(message.header.stamp)
