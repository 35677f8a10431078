# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cast rays at simple solids in batches, in PyTorch, on CPU or GPU, with exact Z depth.

World: metres, z up. Camera: x right, y down, z forward (REP 103 optical). A pixel's ray has z = 1 in the camera, so the
parameter t at which it meets a surface *is* the Z depth, without any conversion.

Loops run over solids, never over pixels: each step is one tensor operation over (B scenes, P pixels).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BOX, CYLINDER, BALL = 0, 1, 2
EPS_M = 1e-3


@dataclass(frozen=True, eq=False)
class Solids:
    """N solids of one shape in each of B scenes; unused places hold a solid far under the ground."""

    shape: int  # BOX, CYLINDER (upright) or BALL
    centre_m: Tensor  # (B, N, 3)
    half_m: Tensor  # (B, N, 3) half sizes; radius, radius, half height; radius three times
    yaw: Tensor  # (B, N, 2) cosine and sine


@dataclass(frozen=True, eq=False)
class Rays:
    """Rays of B scenes, one per pixel, or all from one point."""

    origin: tuple[Tensor, Tensor, Tensor]  # x, y, z, each (B, P) or (B, 1)
    direction: tuple[Tensor, Tensor, Tensor]  # x, y, z, each (B, P)


def local(rays: Rays, s: Solids, i: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Bring rays into the frame of solid i: origin and direction, three tensors each."""
    c = s.centre_m[:, i, :, None]  # (B, 3, 1)
    ox, oy, oz = (rays.origin[k] - c[:, k] for k in range(3))
    if s.shape != BOX:  # round ones look the same from all sides
        return (ox, oy, oz), rays.direction
    cos, sin = s.yaw[:, i, 0, None], s.yaw[:, i, 1, None]
    dx, dy, dz = rays.direction
    return (cos * ox + sin * oy, cos * oy - sin * ox, oz), (cos * dx + sin * dy, cos * dy - sin * dx, dz)


def hit_box(o: tuple[Tensor, ...], d: tuple[Tensor, ...], half: Tensor) -> Tensor:
    """Return t (B, P) at which rays in its own frame enter a box from outside; inf for a miss."""
    enter = exit_ = None
    for k in range(3):
        inverse = d[k].reciprocal()
        middle = -o[k] * inverse
        reach = half[:, k, None] * inverse.abs()
        near, far = middle - reach, middle + reach
        enter = near if enter is None else torch.maximum(enter, near)
        exit_ = far if exit_ is None else torch.minimum(exit_, far)
    return torch.where((enter <= exit_) & (enter > EPS_M), enter, torch.inf)


def hit_cylinder(o: tuple[Tensor, ...], d: tuple[Tensor, ...], half: Tensor) -> Tensor:
    """Return t (B, P) at which rays in its own frame meet an upright cylinder from outside; inf for a miss."""
    radius, reach = half[:, 0, None], half[:, 2, None]
    a = d[0] * d[0] + d[1] * d[1]
    b = o[0] * d[0] + o[1] * d[1]
    c = o[0] * o[0] + o[1] * o[1] - radius * radius
    root = b * b - a * c
    side = (-b - root.clamp_min(0).sqrt()) / a
    on_side = (root > 0) & (side > EPS_M) & ((o[2] + side * d[2]).abs() <= reach)
    lid = (torch.where(d[2] < 0, reach, -reach) - o[2]) / d[2]
    x, y = o[0] + lid * d[0], o[1] + lid * d[1]
    on_lid = (lid > EPS_M) & (x * x + y * y <= radius * radius)
    return torch.minimum(torch.where(on_side, side, torch.inf), torch.where(on_lid, lid, torch.inf))


def hit_ball(o: tuple[Tensor, ...], d: tuple[Tensor, ...], half: Tensor) -> Tensor:
    """Return t (B, P) at which rays in its own frame enter a ball from outside; inf for a miss."""
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
    c = o[0] * o[0] + o[1] * o[1] + o[2] * o[2] - half[:, 0, None] ** 2
    root = b * b - a * c
    t = (-b - root.clamp_min(0).sqrt()) / a
    return torch.where((root > 0) & (t > EPS_M), t, torch.inf)


HIT = {BOX: hit_box, CYLINDER: hit_cylinder, BALL: hit_ball}


def nearest(rays: Rays, groups: list[Solids], t_m: Tensor, index: Tensor) -> None:
    """Lower `t_m` (B, P) to the first solid on each ray and write its number into `index` (B, P), in place.

    Solids are numbered through the groups in order.
    """
    number = 0
    for s in groups:
        for i in range(s.centre_m.shape[1]):
            t = HIT[s.shape](*local(rays, s, i), s.half_m[:, i])
            index.masked_fill_(t < t_m, number)
            torch.minimum(t_m, t, out=t_m)
            number += 1


def lit(rays: Rays, groups: list[Solids], until: Tensor) -> Tensor:
    """Tell (B, P) whether rays from a lamp get to t = `until` without meeting a solid."""
    free = torch.ones_like(rays.direction[0], dtype=torch.bool)
    for s in groups:
        for i in range(s.centre_m.shape[1]):
            free &= HIT[s.shape](*local(rays, s, i), s.half_m[:, i]) > until
    return free


def leave_room(rays: Rays, low_m: Tensor, high_m: Tensor) -> tuple[Tensor, Tensor]:
    """Return Z depth (B, P) at which rays meet the inside of a box, and the face: -x, +x, -y, +y, floor, ceiling.

    Args:
        low_m, high_m: (B, 3) corners; the camera is inside.
    """
    t_m = torch.full_like(rays.direction[0], torch.inf)
    face = torch.zeros_like(t_m, dtype=torch.long)
    for k in range(3):
        d = rays.direction[k]
        forward = d > 0
        t = (torch.where(forward, high_m[:, k, None], low_m[:, k, None]) - rays.origin[k]) / d
        nearer = (t > 0) & (t < t_m)  # a ray along a wall divides by 0 and gives -inf
        face = torch.where(nearer, 2 * k + forward.long(), face)
        t_m = torch.where(nearer, t, t_m)
    return t_m, face
