# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define what every data set gives: a picture, its depth as far as it is known, and its camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dav2_ros.camera import Camera


class DataError(ValueError):
    """A data set is not where, or not what, it should be; the message shows the tree that was expected."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and its truth: Z depth in metres, or disparity of unknown scale and shift, or neither.

    Unknown is NaN in both. Sky, and all that is infinitely far, is +inf metres and 0 disparity.
    """

    rgb: np.ndarray  # (H, W, 3) uint8
    name: str  # of the picture, unique in its set: what messages and stored labels call it
    z_m: np.ndarray | None = None  # (H, W) float32
    disparity: np.ndarray | None = None  # (H, W) float32, larger is nearer
    camera: Camera | None = None

    @property
    def valid(self) -> np.ndarray:
        """(H, W) bool: where the truth is known; sky is."""
        if self.z_m is not None:
            return self.z_m > 0  # NaN is not
        return np.zeros(self.rgb.shape[:2], bool) if self.disparity is None else np.isfinite(self.disparity)

    def inverse_depth(self) -> np.ndarray:
        """(H, W) float32: the disparity, or 1/z_m; 0 for sky, NaN for unknown."""
        if self.disparity is not None:
            return self.disparity
        if self.z_m is None:
            return np.full(self.rgb.shape[:2], np.nan, np.float32)
        return np.divide(1.0, self.z_m, out=np.full_like(self.z_m, np.nan), where=self.z_m > 0)


class DepthSet(Protocol):
    """A data set on disk: opening it lists its files and reads none of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Read one sample. Raises DataError, one sentence with the file, for one that cannot be read."""
        ...
