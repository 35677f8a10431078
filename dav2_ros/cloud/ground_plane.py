# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find the plane that a camera stands above in its cloud, and remember it from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SAMPLE = 1500  # points that are looked at
PLANES = 96  # that are tried
MAX_TILT_DEG = 30.0  # between the ground and the camera's x-z plane, by pitch and roll
LOWEST_M, HIGHEST_M = 0.1, 10.0  # the camera's height
NEAR, NOISE = 0.02, 0.015  # a point is of a plane if nearer than NEAR metres plus NOISE of its distance
ENOUGH = 0.10  # of the points must be of a plane that is to be ground
BELOW = 0.5  # of as many may lie below it: a table has a floor
LOYALTY = 0.85  # of the best plane's points suffice for the plane of the last frame


@dataclass(frozen=True)
class GroundPlane:
    """Points p (metres, optical frame: y down) with `up @ p + height_m == 0`: `up @ p + height_m` is their height."""

    up: tuple[float, float, float]  # unit, away from the ground: y negative
    height_m: float  # of the camera

    def height_of(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the height above the plane of points of any shape, in metres."""
        a, b, c = (np.float32(v) for v in self.up)
        height_m = a * x
        height_m += b * y
        height_m += c * z
        height_m += np.float32(self.height_m)
        return height_m


class GroundPlaneTracker:
    """Finds the ground by RANSAC (Fischler and Bolles 1981), the same plane for the same frames: its dice are seeded.

    The plane of the last frame is tried too, and kept while it explains nearly as many points as the best: a wall or a
    table that fills the picture for a moment does not become the floor.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self.plane: GroundPlane | None = None

    def find(self, points_m: np.ndarray) -> GroundPlane | None:
        """Look for the ground in points (N, 3); None if no plane under the camera holds enough of them."""
        sample = points_m[np.isfinite(points_m[:, 2])]
        sample = sample[:: max(1, len(sample) // SAMPLE)].astype(np.float64)
        before, self.plane = self.plane, None
        if len(sample) < 50:
            return None
        planes = self._try(sample)
        if before is not None:
            planes = np.vstack([planes, (*before.up, before.height_m)])
        if not len(planes):
            return None
        votes = _votes(sample, planes)
        best = int(votes.argmax())
        if before is not None and votes[-1] >= LOYALTY * votes[best]:
            best = len(planes) - 1
        if votes[best] < ENOUGH * len(sample):
            return None
        self.plane = _refined(sample, planes[best])
        return self.plane

    def _try(self, sample: np.ndarray) -> np.ndarray:
        """Return (K, 4) planes through three points each that could be ground under a camera."""
        low = sample[sample[:, 1] > 0.0]  # half of what one sees there is ground, often
        planes = level_planes(low, PLANES, MAX_TILT_DEG, self._rng)
        return planes[(planes[:, 3] > LOWEST_M) & (planes[:, 3] < HIGHEST_M)]


def level_planes(points_m: np.ndarray, count: int, max_tilt_deg: float, rng: np.random.Generator) -> np.ndarray:
    """Return (K, 4) hypotheses of RANSAC: planes through three of the points (N, 3) each, K at most `count`.

    A row is the unit normal (up, y negative) and the height of the camera above the plane, as in GroundPlane; the
    normal is within `max_tilt_deg` of the camera's y axis.
    """
    if len(points_m) < 3:
        return np.empty((0, 4))
    a, b, c = (points_m[rng.integers(len(points_m), size=count)] for _ in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    flat = length > 1e-9
    normal = normal[flat] / length[flat, None]
    normal *= -np.sign(normal[:, 1:2])  # up is -y
    planes = np.column_stack([normal, -(normal * a[flat]).sum(axis=1)])
    return planes[normal[:, 1] < -math.cos(math.radians(max_tilt_deg))]


def _could_be_ground(normal: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    level = normal[:, 1] < -math.cos(math.radians(MAX_TILT_DEG))
    return level & (height_m > LOWEST_M) & (height_m < HIGHEST_M)


def _belongs(sample: np.ndarray, plane: np.ndarray, share: float) -> np.ndarray:
    """Tell (N,) which points are of a plane (4,), to a share of the usual tolerance."""
    off_m = np.abs(sample @ plane[:3] + plane[3])
    return off_m < share * (NEAR + NOISE * sample[:, 2])


def _votes(sample: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Count (K,) the points of each plane; none if too many lie below it."""
    height_m = sample @ planes[:, :3].T + planes[:, 3]  # (N, K)
    reach_m = (NEAR + NOISE * sample[:, 2])[:, None]
    votes, below = (np.abs(height_m) < reach_m).sum(axis=0), (height_m < -2 * reach_m).sum(axis=0)
    return np.where(below <= BELOW * votes, votes, 0)


def _refined(sample: np.ndarray, plane: np.ndarray) -> GroundPlane:
    """Fit the plane to its points, each weighed by how well its distance is known (least squares, up's y = -1)."""
    for share in (1.0, 0.5, 0.5):  # a wall's foot is near to the ground too
        own = sample[_belongs(sample, plane, share)]
        weight = 1.0 / (NEAR + NOISE * own[:, 2])
        rows = np.column_stack([own[:, 0], own[:, 2], np.ones(len(own))])
        a, c, d = np.linalg.lstsq(rows * weight[:, None], own[:, 1] * weight, rcond=None)[0]  # y = a x + c z + d
        fitted = np.array([a, -1.0, c, d]) / np.sqrt(1.0 + a * a + c * c)
        if not _could_be_ground(fitted[None, :3], fitted[None, 3])[0]:
            break
        plane = fitted
    return GroundPlane(tuple(plane[:3].tolist()), float(plane[3]))
