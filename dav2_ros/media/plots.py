# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw what clouds and confidence are worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.evaluation.sparsification import SHARES, Sparsification
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.media.contact_sheet import FAINT, INK, _matplotlib
from dav2_ros.media.images import write_png
from dav2_ros.media.point_render import Viewpoint, splat

COLOURS = ('#c2410c', '#1d4ed8', '#5b6475')


def draw_sparsification(curves: Mapping[str, Sparsification], path: Path, *, title: str) -> None:
    """Plot the error that is left against the share of pixels taken away; write a PNG. Needs matplotlib."""
    _, Figure = _matplotlib()
    figure = Figure(figsize=(5.6, 3.8), dpi=100, facecolor='white', layout='constrained')
    axes = figure.subplots()
    for (name, curve), colour in zip(curves.items(), COLOURS):
        axes.plot(100 * SHARES, curve.by_confidence, color=colour, label=f'{name}: AUSE {curve.ause:.3f}')
    axes.plot(100 * SHARES, curve.by_error, color=INK, linestyle=':', label='oracle')
    axes.set_xlabel('least sure pixels taken away (%)', color=INK)
    axes.set_ylabel('AbsRel of the rest', color=INK)
    axes.set_ylim(bottom=0)
    axes.set_title(title, fontsize=10, color=FAINT)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path)


def draw_clouds(frame: Frame, z_m: np.ndarray, path: Path, *, far_m: float = 9.0) -> None:
    """Draw a cloud from above and beside the camera, with its flying points and without; write a PNG."""
    eye = Viewpoint((2.2, -1.6, -0.6), (0.0, 0.3, 3.4), width=480, height=390, hfov_rad=1.05)
    drawn = []
    for name, remove in (('all points', False), ('without flying points', True)):
        points = make_cloud(DepthMap(z_m, frame.camera), frame.rgb, remove_flying=remove, max_range_m=far_m)
        assert frame.camera is not None, 'or there would be no cloud'
        flat = points[np.isfinite(points['z'])]
        xyz = np.stack([flat[axis] for axis in 'xyz'], axis=-1).astype(np.float64)
        rgb = frame.rgb[np.isfinite(points['z'])]
        picture = splat(xyz, rgb, eye, spread_m=1.6 * xyz[:, 2] / frame.camera.f_px, background=(246, 246, 246))
        cv2.putText(picture, name, (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (29, 35, 48), 1, cv2.LINE_AA)
        drawn.append(picture)
    write_png(path, np.hstack(drawn) & 0xF0 | 0x08)  # 16 steps per colour: half of the bytes
