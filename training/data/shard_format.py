# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One sample as the members of a tar file, in WebDataset's manner: 000000012.jpg, .depth.png and .json.

Depth, or the inverse of disparity, is 16 bits in even steps of its logarithm: 0 unknown, 65535 infinitely far, between
them 1 mm to 100 km, so that every value is right to 0.0141 % (half a step), near and far alike.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.encoded_image import ImageError, decode_image
from dav2_training.data import decode
from dav2_training.data.sample import DataError, Sample

LOW_M, HIGH_M = 1e-3, 1e5
STEPS, SKY = 65533, 65535  # from the first value to the last; the code after it
PARTS = ('picture', 'depth', 'about')


def to_steps(z_m: np.ndarray) -> np.ndarray:
    """Code depth (H, W) as uint16; what is nearer or farther than the range becomes its end."""
    known = np.isfinite(z_m) & (z_m > 0)
    place = np.log(np.where(known, z_m, 1.0).astype(np.float64) / LOW_M) / np.log(HIGH_M / LOW_M)
    steps = np.clip(np.rint(1 + STEPS * place), 1, STEPS + 1)
    return np.where(known, steps, np.where(np.isposinf(z_m), SKY, 0)).astype(np.uint16)


def from_steps(steps: np.ndarray) -> np.ndarray:
    """Return depth (H, W) float32 of its code."""
    table = LOW_M * (HIGH_M / LOW_M) ** ((np.arange(SKY + 1) - 1) / STEPS)
    table[0], table[SKY] = np.nan, np.inf
    return table.astype(np.float32)[steps]


def encode(sample: Sample, picture: bytes) -> dict[str, bytes]:
    """Return the parts of a sample whose picture is stored as `picture`; raises DataError."""
    truth = 'metres' if sample.z_m is not None else 'disparity' if sample.disparity is not None else 'none'
    about: dict[str, Any] = {'name': sample.name, 'truth': truth}
    if sample.camera is not None:
        about['camera'] = dataclasses.asdict(sample.camera)
    parts = {'picture': picture, 'about': json.dumps(about).encode()}
    if truth != 'none':
        z_m = sample.z_m if truth == 'metres' else _inverse(sample)
        parts['depth'] = cv2.imencode('.png', to_steps(z_m))[1].tobytes()
    return parts


def _inverse(sample: Sample) -> np.ndarray:
    if np.nanmin(sample.disparity, initial=0) < 0:
        raise DataError(f'{sample.name} has disparity below 0, which shards cannot hold.')
    with np.errstate(divide='ignore'):
        return 1.0 / sample.disparity  # 0 is sky


def decode_parts(parts: dict[str, bytes], path: Path, name: str, truth: str) -> Sample:
    """Make the sample of its parts, with this truth or none; `path` and `name` say where it is from. Raises DataError.

    Pictures come from photographs as they were: they are read upright, as the sets that they are from read them.
    """
    rgb = decode.picture(parts['picture'], path / name, upright=True)
    about = _about(parts.get('about', b'{}'), path, name)
    name = about.get('name', name)
    camera = _camera(about)
    if truth == 'none':
        return Sample(rgb, name, camera=camera)
    if about.get('truth') != truth:
        raise DataError(f'{path} has no {truth} for {name}, but {about.get("truth", "none")}.')
    try:
        steps = decode_image(parts.get('depth', b''), cv2.IMREAD_UNCHANGED)
    except ImageError as error:
        raise decode.unreadable(path, f'the depth of {name}: {error}') from error
    if steps.dtype != np.uint16 or steps.shape != rgb.shape[:2]:
        raise decode.unreadable(path, f'the depth of {name} is not whole')
    z_m = from_steps(steps)
    if truth == 'metres':
        return Sample(rgb, name, z_m, camera=camera)
    return Sample(rgb, name, disparity=1.0 / z_m, camera=camera)


def _about(text: bytes, path: Path, name: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise decode.unreadable(path, f'what is said of {name}: {error}') from error


def _camera(about: dict[str, Any]) -> Camera | None:
    fields = about.get('camera')
    return Camera(**{**fields, 'distortion': tuple(fields['distortion'])}) if fields else None
