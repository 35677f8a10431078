# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What evidence does to the metres of the bundled recording, and what it costs.

    python bench/scale.py [PICTURE]

The bundled model's depth is made wrong by a factor; sensors are simulated from the exact depth with 5 cm of noise and
20 % of gross outliers. Prints errors and times; with a PICTURE also draws them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.benchmark.report import times_table
from dav2_ros.benchmark.timing import call_ms, median_and_p95
from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import DepthMap
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED
from dav2_ros.scale.camera_height import GroundHeight
from dav2_ros.scale.kalman import FilterSettings
from dav2_ros.scale.measurements import Beam, Points
from dav2_ros.scale.pose import Pose
from dav2_ros.scale.tracker import ScaleTracker, measure

WRONG = 0.6  # what the model's metres are multiplied by
NOISE_M, OUTLIERS = 0.05, 0.2
CAMERA_HEIGHT_M = 1.15  # of the recording (training/assets/demo_bag.py)
FAR_M = 60.0
SOURCES = ('lidar', 'scan', 'height', 'range')


def sensed(xyz_m: np.ndarray, stamp_ns: int, rng: np.random.Generator) -> Points:
    """Measure points (..., 3) along their rays, with noise and gross outliers."""
    xyz_m = xyz_m.reshape(-1, 3).astype(np.float64)
    xyz_m = xyz_m[np.isfinite(xyz_m).all(axis=1)]
    range_m = np.linalg.norm(xyz_m, axis=1)
    said_m = range_m + rng.normal(0.0, NOISE_M, len(range_m))
    wrong = rng.random(len(range_m)) < OUTLIERS
    said_m[wrong] = np.exp(rng.uniform(np.log(0.3), np.log(60.0), wrong.sum()))
    return Points((xyz_m * (said_m / range_m)[:, None]).astype(np.float32), stamp_ns)


def evidence(truth: DepthMap, rng: np.random.Generator) -> dict:
    """Return what each sensor says of a frame."""
    xyz_m, stamp_ns = truth.camera.unproject(truth.z_m), truth.stamp_ns
    height, width = truth.z_m.shape
    centre_m = float(truth.z_m[height // 2, width // 2])
    said_m = centre_m + rng.normal(0.0, NOISE_M) if rng.random() > OUTLIERS else rng.uniform(0.3, 30.0)
    beam = Beam(np.zeros(3), np.array([0.0, 0.0, 1.0]), said_m, 0.0, stamp_ns)
    return {
        'lidar': sensed(xyz_m[np.linspace(10, height - 10, 16).astype(int)][:, ::3], stamp_ns, rng),
        'scan': sensed(xyz_m[height // 2, ::2], stamp_ns, rng),
        'height': GroundHeight(CAMERA_HEIGHT_M, stamp_ns),
        'range': beam if centre_m < 30.0 else None,
    }


def abs_rel(z_m: np.ndarray, truth_m: np.ndarray) -> float:
    known = np.isfinite(z_m) & np.isfinite(truth_m) & (truth_m < FAR_M)
    return float(np.mean(np.abs(z_m[known] / truth_m[known] - 1.0)))


def run() -> dict[str, np.ndarray]:
    """Return by source, frame by frame: AbsRel and the scale applied; `best` is the best single factor of each."""
    rng = np.random.default_rng(0)
    with BagReader(DEMO_BAG) as bag:
        frames = list(zip(bag.frames(), bag.depths(), strict=True))
    trackers = {name: ScaleTracker(FilterSettings(), name) for name in SOURCES}
    rows: dict[str, list] = {name: [] for name in ('none', 'best', *SOURCES)}
    with DepthEstimator(checkpoints.load(BUNDLED), engine='torch') as estimator:
        for frame, truth in frames:
            z_m = estimator.estimate(frame)[0].z_m * np.float32(WRONG)
            rows['none'].append((abs_rel(z_m, truth.z_m), 1.0))
            ratios = truth.z_m / z_m
            best = float(np.median(ratios[np.isfinite(ratios)]))
            rows['best'].append((abs_rel(best * z_m, truth.z_m), best))
            for name, piece in evidence(truth, rng).items():
                depth = DepthMap(z_m.copy(), frame.camera, frame.stamp_ns)
                scale = trackers[name].correct(depth, piece, 'nothing in range')
                rows[name].append((abs_rel(depth.z_m, truth.z_m), scale.applied))
    return {name: np.array(each) for name, each in rows.items()}


def cost() -> None:
    """Print what one fit takes for a cloud of 100 000 points, all of them in the picture, at 640x480."""
    rng = np.random.default_rng(0)
    camera = Camera.from_hfov(640, 480, 1.2)
    v, u = np.mgrid[0:480, 0:640]
    depth = DepthMap((2.0 + 0.01 * u + 0.01 * v).astype(np.float32), camera)
    pose = Pose.from_rpy((0.0, -0.2, 0.1), (0.0, 0.0, 0.0)).of_bodies()
    xyz_m = camera.unproject(depth.z_m).reshape(-1, 3)[rng.choice(640 * 480, 100_000)]
    cloud = pose.inverse().apply(xyz_m)
    works = {
        'cloud of 100 000 points: pose, projection, occlusion': lambda: measure(depth, Points(pose.apply(cloud))),
        'height: ground plane': lambda: measure(depth, GroundHeight(1.2)),
    }
    Console().print(times_table('one fit', {name: call_ms(work, 200) for name, work in works.items()}))


def draw(rows: dict[str, np.ndarray], path: Path) -> None:
    from matplotlib.figure import Figure

    colours = {'none': '#8a8f99', 'best': '#1d2330', 'lidar': '#2f6fb0', 'scan': '#c4570c', 'height': '#3f8f4f',
               'range': '#9a5fb5'}  # fmt: skip
    figure = Figure(figsize=(11, 4.6), dpi=110, facecolor='white', layout='constrained')
    left, right = figure.subplots(1, 2)
    for name, each in rows.items():
        style = {'color': colours[name], 'linewidth': 1.8, 'linestyle': '--' if name == 'best' else '-'}
        label = {'none': 'no evidence (before)', 'best': 'best single factor of each frame'}.get(name, name)
        left.plot(100 * each[:, 0], label=f'{label}: {100 * each[:, 0].mean():.1f} %', **style)
        right.plot(each[:, 1], **style)
    left.set_title('mean relative error of depth, frame by frame', fontsize=11)
    right.set_title('factor applied', fontsize=11)
    left.set_ylabel('%')
    left.set_ylim(0, 100)
    left.legend(fontsize=9, frameon=False, loc='upper left')
    for axes in (left, right):
        axes.set_xlabel('frame of the bundled recording (a room, from 32 on a street)')
        axes.grid(alpha=0.25)
    figure.savefig(path)


def main() -> None:
    rows = run()
    for name, each in rows.items():
        print(f'{name:7} AbsRel {each[:, 0].mean():.3f} (p95 {median_and_p95(each[:, 0])[1]:.3f})')
    cost()
    if len(sys.argv) > 1:
        draw(rows, Path(sys.argv[1]))


if __name__ == '__main__':
    main()
