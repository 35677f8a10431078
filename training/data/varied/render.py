# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Render composed scenes to clean pictures with exact Z depth, many frames at once.

The rays are cast by ray_kernel.py; here is the rest: surfaces, patterns, two lamps and shadows, what shines, sky, haze.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dav2_training.data.procedural.raycast import Rays, leave_room
from dav2_training.data.procedural.renderer import SKY_M, MetricBatch
from dav2_training.data.varied import atlas, primitives
from dav2_training.data.varied.compose import Composed
from dav2_training.data.varied.primitives import BOX, CYLINDER, ROW
from dav2_training.data.varied.ray_kernel import caster_for

SURROUNDINGS = 6
NOISE, CLOUDS = atlas.PATTERN_ID['noise'], atlas.PATTERN_ID['clouds']


@dataclass(frozen=True, eq=False)
class Packed:
    """B frames as NumPy arrays, cheap to send from a process that composes them."""

    rows: np.ndarray  # (B, N, ROW)
    counts: np.ndarray  # (B,) int32
    materials: np.ndarray  # (B, N + 6, MATERIAL): the last six are the surroundings'
    low_m: np.ndarray  # (B, 3)
    high_m: np.ndarray
    lamps: np.ndarray  # (B, 2, 7)
    air: np.ndarray  # (B, 14)
    origin: np.ndarray  # (B, 3)
    turn: np.ndarray  # (B, 3, 3) columns are the camera's axes
    hfov_rad: np.ndarray  # (B,)

    def __len__(self) -> int:
        return len(self.counts)


def pack(composed: Sequence[Composed]) -> Packed:
    """Put all views of some scenes into one table."""
    pairs = [(c.scene, v) for c in composed for v in c.views]
    n = max(1, max(len(s.rows) for s, _ in pairs))
    rows = np.zeros((len(pairs), n, ROW), np.float32)
    materials = np.zeros((len(pairs), n + SURROUNDINGS, pairs[0][0].materials.shape[1]), np.float32)
    for i, (s, _) in enumerate(pairs):
        rows[i, : len(s.rows)] = s.rows
        materials[i, : len(s.rows)] = s.materials[:-SURROUNDINGS]
        materials[i, n:] = s.materials[-SURROUNDINGS:]
    scenes, views = zip(*pairs)
    return Packed(
        rows, np.array([len(s.rows) for s in scenes], np.int32), materials,
        *(np.stack([getattr(s, name) for s in scenes]) for name in ('low_m', 'high_m', 'lamps', 'air')),
        np.array([(v.x_m, v.y_m, v.z_m) for v in views], np.float32),
        np.stack([v.rotation() for v in views]).astype(np.float32),
        np.array([v.hfov_rad for v in views], np.float32),
    )  # fmt: skip


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product over dim 1 of (B, 3, P)."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def unit(x: Tensor) -> Tensor:
    """Scale vectors (B, 3, P) to length 1."""
    return x * dot(x, x).clamp_min(1e-20).rsqrt()[:, None]


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Take, for every pixel (B, P), row `index` of (B, N, C): returns (C, B, P)."""
    b, n, c = values.shape
    flat = index.long() + n * torch.arange(b, device=index.device)[:, None]
    return values.reshape(b * n, c).t()[:, flat]


def surface(point: Tensor, rows: Tensor, index: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return normals (B, 3, P) and texture coordinates u, v (B, P) in metres of points (B, 3, P)."""
    n = rows.shape[1]
    outer = index >= n
    p = pick(rows, index.clamp_max(n - 1))  # (ROW, B, P)
    shape = p[primitives.SHAPE]
    d = [point[:, k] - p[9 + k] for k in range(3)]
    q = torch.stack([p[3 * k] * d[0] + p[3 * k + 1] * d[1] + p[3 * k + 2] * d[2] for k in range(3)], dim=1)
    half = torch.stack([(p[3 * k] ** 2 + p[3 * k + 1] ** 2 + p[3 * k + 2] ** 2).clamp_min(1e-20).rsqrt()
                        for k in range(3)], dim=1)  # fmt: skip
    size = q.abs()
    axis = torch.where(size[:, 2] > torch.maximum(size[:, 0], size[:, 1]), 2, (size[:, 1] > size[:, 0]).long())
    flat = F.one_hot(axis, 3).movedim(-1, 1) * q.sign()
    lid = (shape == CYLINDER) & (size[:, 2] > 0.9995)
    side = (shape == CYLINDER) & ~lid
    local = torch.where((shape == BOX)[:, None], flat, q)
    local = torch.stack([torch.where(lid, 0, local[:, 0]), torch.where(lid, 0, local[:, 1]),
                         torch.where(side, 0, local[:, 2])], dim=1)  # fmt: skip
    normal = torch.stack([p[k] * local[:, 0] + p[3 + k] * local[:, 1] + p[6 + k] * local[:, 2] for k in range(3)], 1)
    m = q * half
    boxed = shape == BOX
    around = torch.atan2(q[:, 1], q[:, 0]) * half[:, 0]
    u = torch.where(boxed | lid, torch.where((axis == 0) & boxed, m[:, 1], m[:, 0]), around)
    v = torch.where((boxed & (axis == 2)) | lid, m[:, 1], m[:, 2])
    wall = F.one_hot(face // 2, 3).movedim(-1, 1) * (1.0 - 2.0 * (face % 2))[:, None]
    normal = torch.where(outer[:, None], wall, unit(normal))
    along = face // 2
    u = torch.where(outer, torch.where(along == 0, point[:, 1], point[:, 0]), u)
    v = torch.where(outer, torch.where(along == 2, point[:, 1], point[:, 2]), v)
    return normal, u, v


def sky_of(air: Tensor, direction: Tensor) -> Tensor:
    """Return (B, 3, P): a gradient from the horizon to the zenith, with clouds."""
    up = direction[:, 2].clamp(0, 1)
    base = torch.lerp(air[:, 8:11, None], air[:, 11:14, None], up[:, None].sqrt())
    scale = 0.2 / (up + 0.08)
    pattern = torch.full_like(up, CLOUDS, dtype=torch.long)
    u, v = direction[:, 0] * scale + air[:, 1, None] * 7, direction[:, 1] * scale
    cloud = atlas.sample(pattern, u, v, torch.full_like(up, 2.0)).movedim(-1, 1) * (up * 6).clamp(0, 1)[:, None]
    blue = (air[:, 13] - air[:, 11]).clamp(0, 1)[:, None, None]
    return torch.lerp(base, torch.full_like(base, 0.95), cloud * (0.15 + 0.9 * blue))


@dataclass(frozen=True, eq=False)
class _Frames:
    """Tensors of Packed on a device, and the rays."""

    rows: Tensor
    counts: Tensor
    materials: Tensor
    low_m: Tensor
    high_m: Tensor
    lamps: Tensor
    air: Tensor
    origin: Tensor
    f_px: Tensor
    direction: Tensor  # (B, 3, P)
    shining: tuple[bool, ...]  # of the lamps, whether any frame has it


def _to(packed: Packed, height: int, width: int, device: str) -> _Frames:
    move = {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in vars(packed).items()}
    f_px = 0.5 * width / torch.tan(0.5 * move['hfov_rad'])
    v, u = torch.meshgrid(torch.arange(height, device=device) - 0.5 * (height - 1),
                          torch.arange(width, device=device) - 0.5 * (width - 1), indexing='ij')  # fmt: skip
    x, y = (g.reshape(1, -1) / f_px[:, None] for g in (u, v))
    t = move['turn']  # written out: a matrix product may be in TF32, and a ray that far from right
    direction = torch.stack([t[:, k, 0, None] * x + t[:, k, 1, None] * y + t[:, k, 2, None] for k in range(3)], dim=1)
    names = ('rows', 'counts', 'materials', 'low_m', 'high_m', 'lamps', 'air', 'origin')
    shining = tuple(bool(on) for on in (packed.lamps[:, :, 3:6] > 0).any(axis=(0, 2)))  # asking a GPU would wait for it
    return _Frames(*(move[name] for name in names), f_px, direction.contiguous(), shining)


def _lit(f: _Frames, point: Tensor, normal: Tensor, eye: Tensor, gloss: Tensor, solid: Tensor) -> tuple[Tensor, Tensor]:
    """Return light on each point (B, 3, P), and highlights (B, 3, P)."""
    up = 0.5 + 0.5 * normal[:, 2]
    contact = 1.0 - 0.4 * torch.exp(-(point[:, 2].abs() / 0.15)) * solid * (1 - up)
    light = torch.lerp(f.air[:, 4:7, None], f.air[:, 1:4, None], up[:, None]) * contact[:, None]
    shine = torch.zeros_like(light)
    for k in range(f.lamps.shape[1]):
        if not f.shining[k]:
            continue
        lamp = f.lamps[:, k]
        towards = lamp[:, :3, None] - point
        distance = dot(towards, towards).sqrt()
        until = 1.0 - 6e-3 / distance  # a surface does not shade itself
        caster = caster_for(str(point.device))
        free = ~caster.blocked(f.rows, f.counts, lamp[:, :3].contiguous(), (-towards).contiguous(), until)
        towards = towards / distance[:, None]
        reach = lamp[:, 6, None]
        falloff = torch.where(reach > 0, reach**2 / (0.3 * reach**2 + distance**2), 1.0)
        strength = lamp[:, 3:6, None] * (free * falloff)[:, None]
        light = light + strength * dot(normal, towards).clamp_min(0)[:, None]
        halfway = unit(towards - eye)
        shine = shine + strength * (gloss * dot(normal, halfway).clamp_min(0) ** 40)[:, None]
    return light, shine


def shade(f: _Frames, t_m: Tensor, index: Tensor, face: Tensor, sky: Tensor) -> Tensor:
    """Return linear colours (B, 3, P)."""
    point = f.origin[..., None] + t_m[:, None] * f.direction
    solid = index < f.rows.shape[1]
    normal, tu, tv = surface(point, f.rows, index, face)
    eye = unit(f.direction)
    normal = torch.where((dot(normal, eye) > 0)[:, None], -normal, normal)
    m = pick(f.materials, index)  # (MATERIAL, B, P)
    slant = dot(normal, eye).abs().clamp_min(0.05)
    footprint_m = t_m / f.f_px[:, None] / slant.sqrt()
    texels = atlas.SIZE * footprint_m / m[1].clamp_min(1e-3)
    colour = atlas.sample(m[0].long(), tu / m[1] + m[10], tv / m[1] + m[11], texels).movedim(-1, 1)
    albedo = torch.lerp(m[2:5].movedim(0, 1), m[5:8].movedim(0, 1), colour)
    stains = atlas.sample(torch.full_like(face, NOISE), 0.23 * tu + m[11], 0.23 * tv + m[10], 0.23 * texels)[..., 0]
    albedo = albedo * (1 + m[12] * (stains - 0.5))[:, None]
    light, shine = _lit(f, point, normal, eye, m[8], solid)
    mirrored = eye - 2 * dot(eye, normal)[:, None] * normal
    fresnel = m[8] * (0.06 + 0.94 * (1 - slant) ** 5)
    around = torch.lerp(f.air[:, 4:7, None], f.air[:, 11:14, None], (0.5 + 0.5 * mirrored[:, 2:3]).clamp(0, 1))
    outdoors = f.air[:, 0, None] > 0.5
    around = torch.where(outdoors[:, None], sky_of(f.air, mirrored), around)
    image = albedo * light + shine + fresnel[:, None] * around + albedo * m[9][:, None]
    image = torch.lerp(f.air[:, 8:11, None], image, torch.exp(-t_m / f.air[:, 7, None])[:, None])
    return torch.where(sky[:, None], sky_of(f.air, eye), image)


@torch.no_grad()
def render(packed: Packed, height: int, width: int, device: str = 'cpu') -> MetricBatch:
    """Cast one ray per pixel; returns sRGB-like pictures without the camera's faults."""
    f = _to(packed, height, width, device)
    rays = Rays(tuple(f.origin[..., None].unbind(1)), tuple(f.direction.unbind(1)))
    t_m, face = leave_room(rays, f.low_m, f.high_m)
    t_m, n = t_m.clamp_max(2e3).contiguous(), f.rows.shape[1]
    index = (face + n).int().contiguous()
    caster_for(device).nearest(f.rows, f.counts, f.origin, f.direction, t_m, index)
    outdoors = f.air[:, 0, None] > 0.5
    sky = outdoors & (index >= n) & ((face != 4) | (t_m > SKY_M))
    image = shade(f, t_m, index, face, sky)
    image = image / (1.0 + 0.15 * image) * 1.15  # what is very bright is compressed, not cut
    rgb = image.clamp(0, 1).pow(1 / 2.2).mul_(255).round_().to(torch.uint8)
    rgb = rgb.movedim(1, 2).reshape(len(packed), height, width, 3)
    z_m = torch.where(sky, torch.inf, t_m).reshape(len(packed), height, width)
    return MetricBatch(rgb, z_m, f.f_px)
