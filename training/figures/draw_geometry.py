# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draw what geometry is worth, before and after: lenses, focal length, calibration, confidence, clouds.

python -m dav2_training.figures.draw_geometry docs/pictures
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.cloud.cloud import make_cloud
from dav2_ros.depth.colour import colourise
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.image.rectify import Rectifier
from dav2_ros.media.contact_sheet import FAINT, INK, _matplotlib, relative_error
from dav2_ros.media.images import write_png
from dav2_ros.media.point_render import Viewpoint, splat
from dav2_ros.media.residual_sheet import residual_sheet
from dav2_ros.models import checkpoints
from dav2_ros.scale.fit import fit_scale
from dav2_ros.scale.from_messages import from_depth
from dav2_ros.scale.measurements import Pairs
from dav2_ros.scale.pose import Pose
from dav2_training.data.procedural.camera_poses import View, random_view
from dav2_training.data.procedural.compose import compose
from dav2_training.data.procedural.renderer import render

SEED = 6_000_011  # of no training run, no validation, no score
HEIGHT, WIDTH = 480, 640
NEAR_M, FAR_M = 0.8, 40.0
HFOVS_DEG = (40, 50, 60, 70, 80, 90, 100)
REACH = 1.25 * math.tan(math.radians(35)) / math.tan(math.radians(0.5 * HFOVS_DEG[0]))  # for the longest lens
TOO_SHORT = 0.7  # focal length of a camera_info that is wrong


def shot(index: int, view: View, height: int = HEIGHT, width: int = WIDTH, kind: str | None = None, reach=1.25):
    """Render one scene: (H, W, 3) uint8 and true depth (H, W)."""
    batch = render([compose(SEED, index, kind, reach)], [view], height, width)
    return batch.rgb[0].numpy(), batch.z_m[0].numpy()


def save(panels: list[tuple[str, np.ndarray]], path: Path, columns: int) -> None:
    """Lay pictures (H, W, 3) uint8 or relative errors (H, W) in rows, each with its title, and write a PNG."""
    _, Figure = _matplotlib()
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.75 * rows), dpi=75, facecolor='white', layout='constrained')
    for axes, (title, panel) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels):
        axes.imshow(panel, cmap='magma', vmin=0, vmax=0.5, interpolation='nearest')
        axes.set_title(title, fontsize=9.5, color=INK)
        axes.set_axis_off()
    figure.savefig(path)
    write_png(path, cv2.imread(str(path))[..., ::-1] & 0xF8 | 0x04)  # 32 steps per colour: two thirds of the bytes


def draw_lens(estimator: DepthEstimator, path: Path) -> None:
    """A fisheye taken for a pinhole, and rectified."""
    wide = math.radians(125)
    lens = Camera(WIDTH, HEIGHT, 300.0, 300.0, 319.5, 239.5, 'equidistant', (-0.02, 0.004, 0.0, 0.0))
    source = Camera.from_hfov(960, 720, wide)
    rgb, true_m = shot(7, replace(random_view(SEED, 7), hfov_rad=wide, yaw_rad=0.1), 720, 960, 'room')
    rays = np.dstack([lens.rays().astype(np.float64), np.ones((HEIGHT, WIDTH))])
    maps = np.moveaxis(source.project(rays), -1, 0).astype(np.float32)
    raw, raw_true_m = (cv2.remap(each, *maps, cv2.INTER_LINEAR) for each in (rgb, true_m))
    raw_true_m[raw_true_m == 0] = np.nan  # wider than what was rendered
    pinhole = Camera.from_hfov(WIDTH, HEIGHT, math.radians(90))
    rectifier = Rectifier(lens, pinhole)
    to_pinhole = Rectifier(source, pinhole)
    flat, flat_true_m = rectifier.apply(raw), cv2.remap(true_m, *to_pinhole._maps, cv2.INTER_NEAREST)
    before = estimator.estimate(Frame(raw, lens.rectified()))[0].z_m
    after = estimator.estimate(Frame(flat, pinhole, seen=rectifier.seen))[0].z_m
    panels = []
    for name, seen, z_m, truth in (('raw fisheye', raw, before, raw_true_m), ('rectified', flat, after, flat_true_m)):
        error = relative_error(z_m, truth)
        panels += [(f'{name}', seen), ('depth', colourise(z_m, NEAR_M, FAR_M))]
        panels += [(f'error: mean {100 * np.nanmean(error):.0f} %', error)]
    save(panels, path, 3)


def draw_focal(estimator: DepthEstimator, path: Path, scenes: int = 12) -> None:
    """The median of depth over truth for lenses of every length, with the correction for them and without."""
    ratios = {'off': [], 'on': []}
    for hfov_deg in HFOVS_DEG:
        found = {'off': [], 'on': []}
        for index in range(scenes):
            view = replace(random_view(SEED, index), hfov_rad=math.radians(hfov_deg))
            rgb, true_m = shot(index, view, 168, 224, reach=REACH)
            camera = Camera.from_hfov(224, 168, view.hfov_rad)
            z_m = estimator.estimate(Frame(rgb, camera))[0].z_m
            factor = estimator.request(Frame(rgb, camera)).focal_factor
            both = np.isfinite(z_m) & np.isfinite(true_m)
            ratio = float(np.median(z_m[both] / true_m[both]))
            found['on'].append(ratio)
            found['off'].append(ratio / factor)
        for name, each in found.items():
            ratios[name].append(np.percentile(each, (16, 50, 84)))
    _, Figure = _matplotlib()
    figure = Figure(figsize=(6.4, 3.6), dpi=90, facecolor='white', layout='constrained')
    axes = figure.subplots()
    for name, colour in (('off', '#5b6475'), ('on', '#c2410c')):
        low, middle, high = np.array(ratios[name]).T
        axes.fill_between(HFOVS_DEG, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(HFOVS_DEG, middle, color=colour, marker='o', markersize=4, label=f'focal correction {name}')
    axes.axhline(1.0, color=INK, linewidth=0.8)
    axes.set_yscale('log')
    axes.set_yticks([0.5, 0.7, 1.0, 1.4, 2.0], ['0.5', '0.7', '1', '1.4', '2'])
    axes.minorticks_off()
    axes.set_xlabel('horizontal field of view (degrees)', color=FAINT)
    axes.set_ylabel('depth / truth, median', color=FAINT)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path)


def draw_calibration(estimator: DepthEstimator, path: Path, every: int = 4) -> None:
    """The bundled recording with a focal length that is 30 % too short, as `dav2 calibrate` sees and mends it."""
    found = []
    with BagReader(DEMO_BAG) as bag:
        truths = {truth.stamp_ns: truth for truth in bag.depths()}
        for frame in list(bag.frames())[::every]:
            k = frame.camera
            wrong = replace(k, fx_px=TOO_SHORT * k.fx_px, fy_px=TOO_SHORT * k.fy_px)
            depth = estimator.estimate(replace(frame, camera=wrong))[0]
            found.append(from_depth(replace(truths[frame.stamp_ns], camera=wrong), Pose.identity()).pairs(depth))
    joined = [np.concatenate([getattr(pairs, name) for pairs in found]) for name in ('known_m', 'model_m', 'regions')]
    pairs = Pairs(*joined, enough=found[0].enough, why_none=found[0].why_none)
    fit = fit_scale(pairs)
    title = f'focal length 30 % too short: factor {fit.value:.3f}'
    residual_sheet(pairs.known_m, pairs.model_m, fit.value * pairs.model_m, path, title=title)


def draw_confidence(estimator: DepthEstimator, path: Path) -> None:
    """A picture, its error, its confidence, and what a threshold leaves."""
    rgb, true_m = shot(3, random_view(SEED, 3), kind='street')
    frame = Frame(rgb, Camera.from_hfov(WIDTH, HEIGHT, random_view(SEED, 3).hfov_rad))
    depth = estimator.estimate(frame, confidence='full')[0]
    left = np.where(depth.confidence >= 0.85, depth.z_m, np.nan)
    kept = np.isfinite(left).sum() / np.isfinite(depth.z_m).sum()
    errors = [relative_error(z_m, true_m) for z_m in (depth.z_m, left)]
    panels = [('picture', rgb), ('depth', colourise(depth.z_m, NEAR_M, FAR_M))]
    panels += [(f'error: mean {100 * np.nanmean(errors[0]):.1f} %', errors[0])]
    panels += [('1 - confidence (full)', np.where(np.isfinite(depth.z_m), 1.0 - depth.confidence, np.nan))]
    panels += [(f'min_confidence 0.85: {100 * kept:.0f} % left', colourise(left, NEAR_M, FAR_M))]
    panels += [(f'its error: mean {100 * np.nanmean(errors[1]):.1f} %', errors[1])]
    save(panels, path, 3)


def draw_cloud(estimator: DepthEstimator, path: Path) -> None:
    """A cloud as depth gives it, and one for navigation."""
    view = replace(random_view(SEED, 12), hfov_rad=math.radians(80))
    rgb, _ = shot(12, view, kind='room')
    frame = Frame(rgb, Camera.from_hfov(WIDTH, HEIGHT, view.hfov_rad))
    depth = estimator.estimate(frame)[0]
    eye = Viewpoint((2.4, -1.9, -0.8), (0.0, 0.4, 3.0), width=480, height=400, hfov_rad=1.05)
    wanted = {
        'all points': {'remove_flying': False},
        'for navigation': {'remove_ground': True, 'voxel_m': 0.05, 'organised': False},
    }
    drawn = []
    for name, options in wanted.items():
        points = make_cloud(DepthMap(depth.z_m, frame.camera), rgb, max_range_m=8.0, **options)
        points = points[np.isfinite(points['z'])]
        packed = points['rgb'].copy().view(np.uint32)
        xyz = np.stack([points[axis] for axis in 'xyz'], axis=-1).astype(np.float64)
        colours = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)
        spread_m = np.full(len(xyz), 0.05) if 'voxel_m' in options else 1.6 * xyz[:, 2] / frame.camera.f_px
        picture = splat(xyz, colours, eye, spread_m=spread_m, background=(246, 246, 246))
        text = f'{name}: {len(xyz)} points'
        cv2.putText(picture, text, (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (29, 35, 48), 1, cv2.LINE_AA)
        drawn.append(picture)
    write_png(path, np.hstack(drawn) & 0xF0 | 0x08)  # 16 steps per colour: half of the bytes


DRAWN = {'lens': draw_lens, 'focal': draw_focal, 'calibration': draw_calibration,
         'confidence_map': draw_confidence, 'cloud': draw_cloud}  # fmt: skip


def main(
    out: Annotated[Path, typer.Argument(help='Folder for the pictures.')],
    only: Annotated[str, typer.Option(help=f'One of {", ".join(DRAWN)}.')] = '',
    model: Annotated[str, typer.Option(help='Name or file of a metric model.')] = 'vitt-procedural',
) -> None:
    """Draw the pictures of docs/geometry.md."""
    torch.set_num_threads(1)
    with DepthEstimator(checkpoints.load(model), engine='torch', precision='fp32') as estimator:
        for name in [only] if only else DRAWN:
            DRAWN[name](estimator, out / f'{name}.png')


if __name__ == '__main__':
    typer.run(main)
