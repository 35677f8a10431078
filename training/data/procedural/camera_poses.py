# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw where cameras stand in scenes, and through what lens they look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

HFOV_DEG = (40.0, 100.0)
CAMERA_HEIGHT_M = (1.1, 1.2)  # a mast on a mobile robot, or a hand


@dataclass(frozen=True)
class View:
    """Where a camera stands in a scene (x forward, y left, z up, metres and radians), and its focal length."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    hfov_rad: float

    def rotation(self) -> np.ndarray:
        """Return (3, 3): columns are the camera's x (right), y (down), z (forward) in the world."""
        cy, sy, cp, sp = (f(a) for a in (self.yaw_rad, self.pitch_rad) for f in (math.cos, math.sin))
        forward = np.array([cy * cp, sy * cp, sp])
        right = np.array([sy, -cy, 0.0])
        down = np.cross(forward, right)
        c, s = math.cos(self.roll_rad), math.sin(self.roll_rad)
        return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def random_view(seed: int, index: int) -> View:
    """Draw the view of frame `index`: level give or take, looking roughly along +x, where most things stand."""
    rng = np.random.default_rng([seed, index, 1])
    hfov_rad = math.radians(rng.uniform(*HFOV_DEG))
    return View(
        x_m=0.0,
        y_m=0.0,
        z_m=rng.uniform(*CAMERA_HEIGHT_M),
        yaw_rad=rng.normal(0, 0.1 * hfov_rad),
        pitch_rad=rng.normal(math.radians(-6), math.radians(2)),
        roll_rad=rng.normal(0, math.radians(0.7)),
        hfov_rad=hfov_rad,
    )


def reach(view: View) -> float:
    """Return how much further away things stand than `compose` puts them: through a long lens one steps back."""
    return 1.25 * max(1.0, math.tan(math.radians(35)) / math.tan(0.5 * view.hfov_rad))
