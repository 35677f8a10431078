# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One recording, five sets of parameters that take every step of the pipeline, and the depth that each must give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from recordings import by_rosbags, cloud

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.camera import Camera
from dav2_ros.engines.selection.accuracy_gate import TOLERANCES
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.image.rectify import Rectifier
from dav2_ros.models.registry import BUNDLED
from dav2_ros.parameter import build
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.measurements import Points

WIDTH, HEIGHT, HFOV_DEG, VIEW_DEG = 128, 96, 70.0, 60.0
PINHOLE = Camera.from_hfov(WIDTH, HEIGHT, math.radians(HFOV_DEG))  # what a photo is assumed to be taken with
CAMERA = replace(PINHOLE, distortion_model='plumb_bob', distortion=(-0.1, 0.02, 0.0005, -0.0004, 0.0))
VIEW = Camera.from_hfov(WIDTH, HEIGHT, math.radians(VIEW_DEG))  # what `rectify` makes of it
FRAME_ID, LIDAR_FRAME = 'camera_optical_frame', 'lidar'
LIDAR_AT_M = (0.1, -0.05, 0.2)  # forward, left, up of the camera
IMAGE, INFO, LIDAR = '/camera/image', '/camera/camera_info', '/lidar/points'
START_NS, STEP_NS = 1_700_000_000_200_000_000, 100_000_000
SHOWN = (0, 0, 0, 3, 6)  # pictures of the bundled recording: the camera stands, then moves
COUNT = len(SHOWN)

# The bundled model at its smallest: random weights see no ground, and nothing flies in their depth.
ENGINE = {'model': BUNDLED, 'engine': 'torch', 'precision': 'fp32', 'threads': 1, 'input_size': 84}
SETS: dict[str, dict[str, Any]] = {
    'flying pixels, network grid': {'remove_flying': True, 'output_size': 'network', 'focal_correction': 'never'},
    'lens, LiDAR': {
        'rectify': True,
        'max_hfov_deg': VIEW_DEG,
        'scale_source': 'lidar',
        'scale_extrinsics': 'parameters',
        'scale_sensor_x_m': LIDAR_AT_M[0],
        'scale_sensor_y_m': LIDAR_AT_M[1],
        'scale_sensor_z_m': LIDAR_AT_M[2],
        'scale_tolerance_s': 0.03,
        'max_range_m': 9.0,
    },
    'upside down, calibrated with a shift': {
        'turn_upright': 'half',
        'steady': 'pixels',
        'scale_source': 'fixed',
        'scale_fixed': 1.4,
        'scale_shift_per_m': 0.02,
        'max_range_m': 3.0,
    },
    'lens, height above ground': {
        'rectify': True,
        'max_hfov_deg': VIEW_DEG,
        'steady': 'none',
        'remove_flying': True,
        'scale_source': 'height',
        'scale_camera_height_m': 1.4,
    },
    'on its side, sure of both looks': {
        'turn_upright': 'left',
        'confidence': 'full',
        'min_confidence': 0.85,
        'focal_correction': 'always',
        'steady': 'scale',
    },
}
RECTIFYING = tuple(name for name, values in SETS.items() if values.get('rectify'))
WITH_SENSOR = tuple(name for name, values in SETS.items() if values.get('scale_source') == 'lidar')


def parameters(name: str, kind: type = BagParameters, **others: Any) -> Any:
    """Return the parameters of a set, for the engine of all of them."""
    return build(kind, {**ENGINE, **SETS[name], **others})


def settings(name: str) -> list[str]:
    """Return the same as options of a command."""
    values = {**ENGINE, **SETS[name]}
    text = {key: str(value).lower() if isinstance(value, bool) else value for key, value in values.items()}
    return [part for key, value in text.items() for part in ('-p', f'{key}:={value}')]


@dataclass(frozen=True, eq=False)
class Shown:
    """One picture, what the LiDAR measured then, and the messages of both."""

    frame: Frame
    xyz_m: np.ndarray  # (N, 3) in the camera's optical frame
    body_m: np.ndarray  # (N, 3) in the LiDAR's

    @property
    def measurement(self) -> Points:
        return Points(self.xyz_m, self.frame.stamp_ns)


def shown() -> list[Shown]:
    """Take pictures and exact depth of the bundled recording for those of our camera."""
    with BagReader(DEMO_BAG) as bag:
        known = [pair for pair, _ in zip(zip(bag.frames(), bag.depths()), range(max(SHOWN) + 1))]
    rng, found = np.random.default_rng(0), []
    for i, number in enumerate(SHOWN):
        frame, depth = known[number]
        rgb = cv2.resize(frame.rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(int)
        rgb = np.clip(rgb + rng.integers(-1, 2, rgb.shape), 0, 255).astype(np.uint8)
        z_m = depth.z_m[2::5, 2::5]
        xyz_m = PINHOLE.unproject(z_m)[10::4, ::3].reshape(-1, 3)
        body_m = np.stack([xyz_m[:, 2], -xyz_m[:, 0], -xyz_m[:, 1]], axis=1)[np.isfinite(xyz_m).all(axis=1)]
        body_m = (body_m - LIDAR_AT_M).astype(np.float32)
        back_m = body_m.astype(np.float64) + LIDAR_AT_M
        optical_m = np.stack([-back_m[:, 1], -back_m[:, 2], back_m[:, 0]], axis=1)
        found.append(Shown(Frame(rgb, CAMERA, START_NS + i * STEP_NS, FRAME_ID), optical_m, body_m))
    return found


def recording(path: Path, frames: list[Shown], truths: dict[str, list[DepthMap]] | None = None) -> Path:
    """Write what was shown; `truths` are depth images by the namespace of their topic."""
    written = []
    for i, each in enumerate(frames):
        frame, at = each.frame, each.frame.stamp_ns
        written.append((INFO, messages.info_message(CAMERA, at, FRAME_ID), at))
        written.append((LIDAR, cloud(each.body_m, at, LIDAR_FRAME), at + 1_000_000))
        written.append((IMAGE, messages.image(frame.rgb, 'rgb8', at, FRAME_ID), at + 2_000_000))
        for name, depths in (truths or {}).items():
            depth = depths[i]
            written.append((f'{name}/camera_info', messages.info_message(depth.camera.rectified(), at, FRAME_ID), at))
            image = messages.image(depth.z_m, '32FC1', at, FRAME_ID)
            written.append((f'{name}/depth', image, at + 3_000_000))
    return by_rosbags(path, written)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the pipeline's three calls give of each frame."""

    raw: list[DepthMap]  # before right metres
    depths: list[DepthMap]
    scales: list[float]


def wanted(pipeline: DepthPipeline, frames: list[Frame], measurements: list[Points | None], *, apart: bool) -> Wanted:
    """Estimate frame after frame; `apart` forgets after each, as pictures do."""
    found = Wanted([], [], [])
    pipeline.reset()
    for frame, measurement in zip(frames, measurements, strict=True):
        if apart:
            pipeline.reset()
        request = pipeline.request(frame)
        (estimate,) = pipeline.estimator.estimate_many([request])
        depth = pipeline.postprocess(request, estimate)
        found.raw.append(replace(depth, z_m=depth.z_m.copy()))
        found.scales.append(pipeline.correct_scale(depth, measurement).applied)
        found.depths.append(depth)
    return found


def for_photos(name: str, frames: list[Shown]) -> tuple[list[Frame], float]:
    """Return what is shown where nobody can rectify, and its view: rectified pictures, or those of a pinhole."""
    if name not in RECTIFYING:
        return [replace(each.frame, camera=PINHOLE) for each in frames], HFOV_DEG
    rectifier = Rectifier(CAMERA, VIEW)
    assert rectifier.seen.all()
    return [replace(each.frame, rgb=rectifier.apply(each.frame.rgb), camera=VIEW) for each in frames], VIEW_DEG


def same(found: list[np.ndarray], depths: list[DepthMap]) -> None:
    """Compare to the bit."""
    for z_m, depth in zip(found, depths, strict=True):
        np.testing.assert_array_equal(z_m, depth.z_m)


def alike(found: list[np.ndarray], depths: list[DepthMap]) -> None:
    """Compare within the tolerance of the gate for fp32: of another batch sums have another order."""
    for z_m, depth in zip(found, depths, strict=True):
        assert z_m.shape == depth.z_m.shape
        both = np.isfinite(z_m) & np.isfinite(depth.z_m)
        assert both.mean() > 0.3 and (np.isfinite(z_m) != np.isfinite(depth.z_m)).mean() < 0.01
        error = np.abs(z_m[both] / depth.z_m[both] - 1.0)
        p50, p99 = np.percentile(error, (50, 99))
        assert p50 <= TOLERANCES['fp32'].p50 and p99 <= TOLERANCES['fp32'].p99
