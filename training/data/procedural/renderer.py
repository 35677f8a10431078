# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render scenes with exact depth: surfaces, textures, one lamp and its shadows, sky, haze."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dav2_training.data.procedural import raycast, textures
from dav2_training.data.procedural.camera_poses import View
from dav2_training.data.procedural.raycast import BALL, BOX, CYLINDER, Rays, Solids
from dav2_training.data.procedural.scene import Scene

SKY_M = 600.0  # beyond this Z outdoors there is only sky: the ground's edge at FAR_M is never a surface


@dataclass(frozen=True, eq=False)
class MetricBatch:
    """B rendered frames."""

    rgb: Tensor  # (B, H, W, 3) uint8
    z_m: Tensor  # (B, H, W) float32, +inf where there is only sky
    f_px: Tensor  # (B,) float32 focal length; the principal point is the centre


def pack(solids: list[list[tuple]], shape: int, device: str) -> Solids:
    """Stack the solids of B scenes; empty places hold a point far under the ground."""
    table = np.zeros((len(solids), max(map(len, solids)), 8), np.float32)
    table[..., 2] = -1e6
    table[..., 3:6] = 1e-3
    table[..., 6] = 1.0
    for b, scene in enumerate(solids):
        for i, (centre, half, yaw, _) in enumerate(scene):
            table[b, i] = (*centre, *half, math.cos(yaw), math.sin(yaw))
    t = torch.from_numpy(table).to(device)
    return Solids(shape, t[..., 0:3], t[..., 3:6], t[..., 6:8])


def pack_materials(scenes: list[Scene], counts: tuple[int, int, int], device: str) -> Tensor:
    """Return (B, N + 6, 8): pattern, tile size, two colours; solids in the order of `nearest`, then the six faces."""
    table = np.zeros((len(scenes), sum(counts) + 6, 8), np.float32)
    for b, s in enumerate(scenes):
        start = 0
        for solids, places in zip((s.boxes, s.cylinders, s.balls), counts):
            for i, (*_, m) in enumerate(solids):
                table[b, start + i] = (textures.PATTERN_ID[m.pattern], m.tile_m, *m.first, *m.second)
            start += places
        for i, m in enumerate(s.surroundings):
            table[b, start + i] = (textures.PATTERN_ID[m.pattern], m.tile_m, *m.first, *m.second)
    return torch.from_numpy(table).to(device)


def length(x: Tensor) -> Tensor:
    """Return the norm over dim 1 of (B, 3, P), written out: torch's own is slow on such a short dimension."""
    return (x[:, 0] ** 2 + x[:, 1] ** 2 + x[:, 2] ** 2).sqrt_()


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product over dim 1 of two (B, 3, P)."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Take, for every pixel (B, P), column `index` of (B, N, C): returns (B, C, P)."""
    b, n, c = values.shape
    flat = index + n * torch.arange(b, device=index.device)[:, None]
    return values.reshape(b * n, c).t()[:, flat].transpose(0, 1)  # (C, B, P) -> (B, C, P)


def surface(point: Tensor, groups: list[Solids], index: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the normal (B, 3, P) and the texture coordinates u, v (B, P), in metres, of points (B, 3, P) on solids."""
    boxes, cylinders, balls = (s.centre_m.shape[1] for s in groups)
    solids = boxes + cylinders + balls
    pose = torch.cat([torch.cat([s.centre_m, s.half_m, s.yaw], dim=-1) for s in groups], dim=1)  # (B, N, 8)
    pose = torch.cat(
        [pose, torch.tensor([0, 0, 0, 1, 1, 1, 1, 0.0], device=pose.device).expand(len(pose), 6, 8)], dim=1
    )
    p = pick(pose, index)
    cos, sin = p[:, 6], p[:, 7]
    d = point - p[:, 0:3]
    q = torch.stack([cos * d[:, 0] + sin * d[:, 1], cos * d[:, 1] - sin * d[:, 0], d[:, 2]], dim=1)
    unit = q / p[:, 3:6]
    ax, ay, az = unit.abs().unbind(1)
    axis = torch.where(az > torch.maximum(ax, ay), 2, (ay > ax).long())  # box: the face that the point lies on
    room = index >= solids
    axis = torch.where(room, face // 2, axis)
    sign = torch.where(room, 1.0 - 2.0 * (face % 2), unit.gather(1, axis[:, None])[:, 0].sign())
    normal = torch.zeros_like(q).scatter_(1, axis[:, None], sign[:, None])
    u = torch.where(axis == 0, q[:, 1], q[:, 0])
    v = torch.where(axis == 2, q[:, 1], q[:, 2])
    is_cylinder = (index >= boxes) & (index < boxes + cylinders)
    is_ball = (index >= boxes + cylinders) & ~room
    curved = is_ball | (is_cylinder & (unit[:, 2].abs() < 0.9999))
    flat = torch.stack([unit[:, 0], unit[:, 1], torch.where(is_ball, unit[:, 2], 0.0)], dim=1)
    normal = torch.where(curved[:, None], flat, normal)
    around = torch.atan2(q[:, 1], q[:, 0]) * p[:, 3]
    u, v = torch.where(curved, around, u), torch.where(curved, q[:, 2], v)
    world = torch.stack(
        [cos * normal[:, 0] - sin * normal[:, 1], sin * normal[:, 0] + cos * normal[:, 1], normal[:, 2]], 1
    )
    return world, u, v


def sky_colour(scenes: list[Scene], direction: Tensor) -> Tensor:
    """Return (B, 3, P): a gradient from the horizon to the zenith, with clouds."""
    colours = torch.tensor(np.array([s.sky for s in scenes]), dtype=torch.float32, device=direction.device)  # (B, 2, 3)
    up = (direction[:, 2] / length(direction)).clamp(0, 1)
    base = torch.lerp(colours[:, 0, :, None], colours[:, 1, :, None], up[:, None].sqrt())
    scale = 0.2 / (up + 0.08)
    u, v = direction[:, 0] * scale / length(direction), direction[:, 1] * scale / length(direction)
    pattern = torch.full_like(u, textures.PATTERN_ID['clouds'], dtype=torch.long)
    cloud = textures.sample(pattern, u, v, torch.full_like(u, 2.0)) * (up * 6).clamp(0, 1)
    return torch.lerp(base, torch.ones_like(base) * 0.92, 0.7 * cloud[:, None])


def column(values: list, device: str) -> Tensor:
    """Return one value, or one vector, per scene as float32."""
    return torch.tensor(np.array(values), dtype=torch.float32, device=device)


def camera_rays(views: Sequence[View], height: int, width: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return focal lengths (B,), ray origins (B, 3, 1) and directions (B, 3, P) in the world, 1 long along z."""
    f_px = column([0.5 * width / math.tan(0.5 * v.hfov_rad) for v in views], device)
    v, u = torch.meshgrid(
        torch.arange(height, device=device) - 0.5 * (height - 1),
        torch.arange(width, device=device) - 0.5 * (width - 1),
        indexing='ij',
    )
    x, y = (g.reshape(1, -1) / f_px[:, None] for g in (u, v))
    ray = torch.stack([x, y, torch.ones_like(x)], dim=1)  # (B, 3, P) in the camera, z = 1
    origin = column([(view.x_m, view.y_m, view.z_m) for view in views], device)[..., None]
    return f_px, origin, column([view.rotation() for view in views], device) @ ray


def light_on(scenes: list[Scene], point: Tensor, normal: Tensor, on_solid: Tensor, groups: list[Solids]) -> Tensor:
    """Return how bright each point (B, 3, P) is lit: ambient light, one lamp or sun with its shadows; (B, P)."""
    device = str(point.device)
    lamp = column([s.light for s in scenes], device)
    to_light = lamp[..., None] - point
    distance_m = length(to_light)
    from_lamp = Rays(tuple(lamp[..., None].unbind(1)), tuple((-to_light).unbind(1)))
    free = raycast.lit(from_lamp, groups, 1.0 - 4e-3 / distance_m)  # 4 mm: a surface does not shade itself
    facing = (dot(normal, to_light) / distance_m).clamp_min(0) * free
    under_sun = torch.tensor([s.outdoors for s in scenes], device=device)[:, None]
    falloff = torch.where(under_sun, 1.0, 3.0 / (1.0 + 0.25 * distance_m**2).clamp_min(1.0))
    ambient = column([s.ambient for s in scenes], device)[:, None]
    contact = 1.0 - 0.35 * torch.exp(-(point[:, 2].abs() / 0.12)) * on_solid  # things darken towards the ground
    return ambient * contact * (0.85 + 0.15 * normal[:, 2]) + (1.0 - ambient) * facing * falloff


def render(scenes: Sequence[Scene], views: Sequence[View], height: int, width: int, device: str = 'cpu') -> MetricBatch:
    """Cast one ray per pixel; returns sRGB-like pictures without the sensor's faults."""
    scenes = list(scenes)
    f_px, origin, direction = camera_rays(views, height, width, device)
    rays = Rays(tuple(origin.unbind(1)), tuple(direction.unbind(1)))
    lists = zip(*((s.boxes, s.cylinders, s.balls) for s in scenes))
    groups = [pack(list(g), shape, device) for g, shape in zip(lists, (BOX, CYLINDER, BALL))]
    counts = tuple(g.centre_m.shape[1] for g in groups)

    low_m, high_m = (column(corners, device) for corners in ([s.low_m for s in scenes], [s.high_m for s in scenes]))
    z_m, face = raycast.leave_room(rays, low_m, high_m)
    index = face + sum(counts)
    raycast.nearest(rays, groups, z_m, index)
    on_solid = index < sum(counts)
    outdoors = torch.tensor([s.outdoors for s in scenes], device=device)[:, None]
    sky = outdoors & ~on_solid & ((face != 4) | (z_m > SKY_M))

    point = origin + z_m[:, None] * direction
    normal, tu, tv = surface(point, groups, index, face)
    m = pick(pack_materials(scenes, counts, device), index)
    slant = dot(normal, direction).abs() / length(direction)
    footprint_m = z_m / f_px[:, None] / slant.clamp_min(0.05).sqrt()
    pattern = textures.sample(m[:, 0].long(), tu / m[:, 1], tv / m[:, 1], textures.SIZE * footprint_m / m[:, 1])
    albedo = torch.lerp(m[:, 2:5], m[:, 5:8], pattern[:, None])
    image = albedo * light_on(scenes, point, normal, on_solid, groups)[:, None]

    haze = column([s.haze_m for s in scenes], device)[:, None]
    horizon = column([s.sky[0] for s in scenes], device)[..., None]
    image = torch.lerp(horizon * 0.9, image, torch.exp(-z_m / haze)[:, None])
    image = torch.where(sky[:, None], sky_colour(scenes, direction), image)
    z_m = torch.where(sky, torch.inf, z_m)
    rgb = image.transpose(1, 2).reshape(len(scenes), height, width, 3).clamp(0, 1).pow_(1 / 2.2)
    return MetricBatch((rgb * 255).round_().to(torch.uint8), z_m.reshape(len(scenes), height, width), f_px)
