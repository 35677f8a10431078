# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cast rays at turned boxes, cylinders, ellipsoids and foliage in torch: the reference of the CUDA kernel.

Every primitive is a unit shape (-1..1) under an affine map. A ray is brought into the unit frame, where its parameter t
stays what it was; a pixel's ray has z = 1 in the camera, so t *is* the Z depth. World: metres, z up.

A table (N, ROW) holds one primitive a row: 9 numbers of the map from world to unit frame, its centre, shape, how fine
foliage is cut, whether it casts a shadow.
"""

from __future__ import annotations

import torch
from torch import Tensor

BOX, CYLINDER, ELLIPSOID, FOLIAGE = 0, 1, 2, 3
ROW = 16
CENTRE, SHAPE, CUT, SHADOW = slice(9, 12), 12, 13, 14
EPS_M = 1e-3
INNER = 0.6  # radius of foliage's second shell, of the first
HOLES = 0.15  # above this value of `leaves` there is a leaf

Vector = tuple[Tensor, Tensor, Tensor]


def leaves(x: Tensor, y: Tensor, z: Tensor, cut: Tensor | float) -> Tensor:
    """Return a smooth pattern in space, about -2 to 2, whose high parts are leaves."""
    a, b, c = x * cut, y * cut, z * cut
    large = a.sin() * b.cos() + b.sin() * c.cos() + c.sin() * a.cos()
    a, b, c = 2.7 * b + 1.0, 2.7 * c + 2.0, 2.7 * a + 3.0
    return large + 0.8 * (a.sin() * b.cos() + b.sin() * c.cos() + c.sin() * a.cos())


def _box(o: Vector, d: Vector) -> Tensor:
    enter = exit_ = None
    for k in range(3):
        inverse = torch.where(d[k].abs() < 1e-12, 1e-12, d[k]).reciprocal()
        middle, reach = -o[k] * inverse, inverse.abs()
        near, far = middle - reach, middle + reach
        enter = near if enter is None else torch.maximum(enter, near)
        exit_ = far if exit_ is None else torch.minimum(exit_, far)
    return torch.where((enter <= exit_) & (enter > EPS_M), enter, torch.inf)


def _cylinder(o: Vector, d: Vector) -> Tensor:
    a = d[0] * d[0] + d[1] * d[1]
    b = o[0] * d[0] + o[1] * d[1]
    cross = o[0] * d[1] - o[1] * d[0]  # not b^2 - a c: of a thin pole far away nothing would be left of it
    root = a - cross * cross
    side = (-b - root.clamp_min(0).sqrt()) / a.clamp_min(1e-20)
    on_side = (root > 0) & (side > EPS_M) & ((o[2] + side * d[2]).abs() <= 1)
    down = torch.where(d[2].abs() < 1e-12, 1e-12, d[2])
    lid = (torch.where(down < 0, 1.0, -1.0) - o[2]) / down
    x, y = o[0] + lid * d[0], o[1] + lid * d[1]
    on_lid = (lid > EPS_M) & (x * x + y * y <= 1)
    return torch.minimum(torch.where(on_side, side, torch.inf), torch.where(on_lid, lid, torch.inf))


def _shell(o: Vector, d: Vector, radius: float, sign: float) -> Tensor:
    """Return t of the near (sign -1) or far (+1) side of a ball around the unit frame's centre."""
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
    x, y, z = o[1] * d[2] - o[2] * d[1], o[2] * d[0] - o[0] * d[2], o[0] * d[1] - o[1] * d[0]
    root = a * radius * radius - (x * x + y * y + z * z)
    t = (-b + sign * root.clamp_min(0).sqrt()) / a
    return torch.where((root > 0) & (t > EPS_M), t, torch.inf)


def _foliage(o: Vector, d: Vector, cut: Tensor | float) -> Tensor:
    found = None
    for radius, sign in ((1.0, 1.0), (INNER, -1.0), (1.0, -1.0)):  # from the back to the front
        t = _shell(o, d, radius, sign)
        at = torch.where(t.isinf(), 0.0, t)
        leaf = leaves(o[0] + at * d[0], o[1] + at * d[1], o[2] + at * d[2], cut) > HOLES
        t = torch.where(leaf, t, torch.inf)
        found = t if found is None else torch.minimum(found, t)
    return found


def hit_any(rows: Tensor, origin: Vector, direction: Vector) -> Tensor:
    """Return t (B, N, P) of every primitive of (B, N, ROW) for rays (B, 1, P): what a compiler makes one kernel of."""
    r = rows.unsqueeze(-1)
    x = [origin[k] - r[:, :, 9 + k] for k in range(3)]
    o = tuple(r[:, :, 3 * k] * x[0] + r[:, :, 3 * k + 1] * x[1] + r[:, :, 3 * k + 2] * x[2] for k in range(3))
    d = tuple(
        r[:, :, 3 * k] * direction[0] + r[:, :, 3 * k + 1] * direction[1] + r[:, :, 3 * k + 2] * direction[2]
        for k in range(3)
    )
    shape = r[:, :, SHAPE]
    t = torch.where(shape == BOX, _box(o, d), _cylinder(o, d))
    t = torch.where(shape == ELLIPSOID, _shell(o, d, 1.0, -1.0), t)
    return torch.where(shape == FOLIAGE, _foliage(o, d, r[:, :, CUT]), t)
