# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define measurements of distances, and compare each kind with a depth map.

Every kind of measurement ends as `Pairs`: a known distance beside what the depth map says of the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.frames import DepthMap
from dav2_ros.scale.projection import in_picture, nearest_returns, sample_depth

REGIONS_X, REGIONS_Y = 8, 6  # of the picture; what a network gets wrong, it gets wrong in one of them alike
FEW_POINTS = 10  # fewer do not outvote an accident


@dataclass(frozen=True, eq=False)
class Pairs:
    """What is known and what the depth map says, pair by pair; both finite and positive."""

    known_m: np.ndarray  # (N,) float32
    model_m: np.ndarray  # (N,) float32
    regions: np.ndarray  # (N,) int32: the part of the picture; pairs of one part err together
    enough: int = FEW_POINTS  # with fewer pairs nothing can be believed
    why_none: str = 'no known distance falls on the picture'  # when there are too few

    @property
    def ratios(self) -> np.ndarray:
        """(N,) float32: what the depth map must be multiplied by, says each pair."""
        return self.known_m / self.model_m


class Measurement(Protocol):
    """Anything that knows distances at one moment."""

    @property
    def stamp_ns(self) -> int: ...

    def pairs(self, depth: DepthMap) -> Pairs:
        """Compare with an uncorrected depth map; raises ValueError if that needs a camera and has none."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points that a LiDAR, a scanner, a depth camera or visual odometry has measured, in the camera's optical frame.

    The sensor need not be at the camera: what it sees past an object that hides it from the camera is left out.
    """

    xyz_m: np.ndarray  # (N, 3) float32; rows with NaN or inf are not returns
    stamp_ns: int = 0

    def pairs(self, depth: DepthMap) -> Pairs:
        """Project, keep the nearest return of each neighbourhood, and look up the depth of its pixel."""
        xyz_m, pixels = in_picture(self.xyz_m, _camera(depth))
        seen = nearest_returns(pixels, xyz_m[:, 2], depth.z_m.shape)
        return make_pairs(xyz_m[seen, 2], pixels[seen], depth)


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances along the rays of pixels, from the lens: what a tape measure says."""

    pixels: np.ndarray  # (N, 2) float32 u, v
    range_m: np.ndarray  # (N,) float32, along the ray
    stamp_ns: int = 0

    def pairs(self, depth: DepthMap) -> Pairs:
        """Turn each distance into Z, and look up the depth of its pixel."""
        rays = _camera(depth).rays()
        u, v = np.rint(self.pixels).astype(np.intp).T
        known_m = self.range_m / np.hypot(1.0, np.hypot(*rays[v, u].T))
        return make_pairs(known_m.astype(np.float32), self.pixels.astype(np.float32), depth, edges=True, enough=1)


@dataclass(frozen=True, eq=False)
class Beam:
    """One distance, that of the nearest thing in a cone: an ultrasonic, infrared or laser range finder.

    In the camera's optical frame.
    """

    origin_m: np.ndarray  # (3,)
    axis: np.ndarray  # (3,) unit
    range_m: float
    half_angle_rad: float
    stamp_ns: int = 0

    def pairs(self, depth: DepthMap) -> Pairs:
        """Return one pair: the cone's cap lies in front of all things and touches the nearest.

        The ratio of cap to depth map is therefore nowhere greater than the scale, and equal to it where it touches.
        """
        xyz_m, pixels = in_picture(
            (self.origin_m + self.range_m * self._directions()).astype(np.float32), _camera(depth)
        )
        pairs = make_pairs(xyz_m[:, 2], pixels, depth, edges=True)
        if not len(pairs.known_m):
            return make_pairs(xyz_m[:0, 2], pixels[:0], depth, enough=1)
        touched = np.argsort(pairs.ratios)[[int(0.99 * (len(pairs.known_m) - 1))]]  # the greatest, but for an accident
        return Pairs(pairs.known_m[touched], pairs.model_m[touched], pairs.regions[touched], enough=1)

    def _directions(self, count: int = 400) -> np.ndarray:
        """Return (count, 3) unit directions that fill the cone evenly (a sunflower)."""
        i = np.arange(count)
        angle = self.half_angle_rad * np.sqrt(i / (count - 1))
        turn = i * (np.pi * (3.0 - np.sqrt(5.0)))
        helper = np.eye(3)[np.argmin(np.abs(self.axis))]
        side = np.cross(self.axis, helper)
        side = side / np.linalg.norm(side)
        other = np.cross(self.axis, side)
        round_ = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
        return np.cos(angle)[:, None] * self.axis + np.sin(angle)[:, None] * round_


def _camera(depth: DepthMap) -> Camera:
    if depth.camera is None:
        raise ValueError('the camera is not calibrated, so nothing can be projected into its picture')
    return depth.camera


def make_pairs(
    known_m: np.ndarray, pixels: np.ndarray, depth: DepthMap, *, edges: bool = False, enough: int = FEW_POINTS
) -> Pairs:
    """Look up the depth of pixels (N, 2); those without a finite depth, or beside a depth edge, are left out."""
    model_m = sample_depth(depth.z_m, pixels, edges=edges)
    known = np.isfinite(model_m) & (known_m > 0) & (model_m > 0)
    regions = regions_of(pixels[known], depth.z_m.shape)
    return Pairs(known_m[known].astype(np.float32), model_m[known], regions, enough)


def regions_of(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Number the parts of the picture that pixels (N, 2) lie in."""
    across = np.clip((pixels[:, 0] + 0.5) * (REGIONS_X / shape[1]), 0, REGIONS_X - 1).astype(np.int32)
    down = np.clip((pixels[:, 1] + 0.5) * (REGIONS_Y / shape[0]), 0, REGIONS_Y - 1).astype(np.int32)
    return down * REGIONS_X + across
