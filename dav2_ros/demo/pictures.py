# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of a demo run: a contact sheet of some frames, and two clouds from above."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from dav2_ros.bags.storage import messages
from dav2_ros.demo.results import IMAGE, POINTS, DemoResult, DemoRun
from dav2_ros.media import contact_sheet
from dav2_ros.media.point_render import raised, splat

NEAR_M, FAR_M = 1.0, 40.0
BACKGROUND = (236, 239, 244)
SPREAD_MAX = 0.03  # neighbours farther apart than this share of their distance are not one surface


def evenly(things: list, count: int) -> list:
    """Choose `count` of the things, spread over all of them, not the very first and last."""
    at = (np.arange(count) + 0.5) * len(things) / count
    return [things[i] for i in sorted({int(a) for a in at})]


def draw_frames(run: DemoRun, result: DemoResult, path: Path, rows: int = 6) -> None:
    """Draw the contact sheet."""
    chosen = [
        replace(
            run.row(f.stamp_ns),
            caption=f'frame {f.number}:  AbsRel {f.metrics.abs_rel:.3f},  δ1 {f.metrics.d1:.3f},  '
            f'latency {f.latency_ms:.0f} ms',
        )
        for f in evenly(list(result.frames), rows)
    ]
    title = f'{result.model} on {result.engine} ({result.precision}):  AbsRel {result.abs_rel:.3f}, δ1 {result.d1:.3f}'
    contact_sheet.contact_sheet(chosen, path, title=title, near_m=NEAR_M, far_m=FAR_M)


def draw_clouds(run: DemoRun, path: Path, views: int = 2) -> None:
    """Draw clouds as the node published them, each beside its picture."""
    clouds = {at: messages.points(run.message(POINTS, at)) for at in sorted(run.of(POINTS)) if at in run.of(IMAGE)}
    stamps = [at for at, cloud in clouds.items() if np.isfinite(cloud['z']).any()]
    if not stamps:
        return
    drawn = []
    for stamp in evenly(stamps, views):
        cloud = clouds[stamp]
        height, width = cloud.shape
        caption = (
            f'frame {run.numbers[stamp]}: the picture,\nand its {width} x {height} points\n'
            'from above and to the right of the camera'
        )
        picture = messages.picture(run.message(IMAGE, stamp))
        drawn.append(contact_sheet.CloudView(caption, picture, draw_cloud(cloud)))
    contact_sheet.cloud_sheet(drawn, path, title='Point clouds on /points')


def draw_cloud(cloud: np.ndarray) -> np.ndarray:
    """Draw an organised cloud (h, w) with fields x, y, z, rgb from a raised viewpoint; returns (H, W, 3) uint8."""
    xyz = np.stack([cloud[k] for k in 'xyz'], axis=-1).astype(np.float64)
    packed = np.ascontiguousarray(cloud['rgb']).view(np.uint32)
    rgb = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)
    # how far a point is from the next ones in its row and column: what it has to cover
    right_m = np.linalg.norm(np.diff(xyz, axis=1, append=xyz[:, -2:-1]), axis=-1)
    down_m = np.linalg.norm(np.diff(xyz, axis=0, append=xyz[-2:-1]), axis=-1)
    spread_m = np.maximum(right_m, down_m)
    known = np.isfinite(xyz).all(axis=-1) & np.isfinite(spread_m)
    xyz, rgb, spread_m = xyz[known], rgb[known], spread_m[known]
    return splat(
        xyz,
        rgb,
        raised(xyz),
        spread_m=np.minimum(spread_m, SPREAD_MAX * xyz[:, 2]),
        background=BACKGROUND,
    )
