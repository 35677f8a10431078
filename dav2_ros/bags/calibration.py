# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fit the scale of depth on a recording, through the steps that the node takes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.camera_stream import CameraFrame, CameraStream, RefusedPicture
from dav2_ros.bags.known_distances import TapeMeasure
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage.records import RecordedMessage
from dav2_ros.frames import Frame
from dav2_ros.models.registry import REGISTRY
from dav2_ros.parameter import values_of
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.correction import Correction, fit_with_shift
from dav2_ros.scale.fit import ScaleFit, fit_scale
from dav2_ros.scale.measurements import Measurement, Pairs

# what a factor belongs to, besides the model: a camera that is calibrated with these is used with these
WRITTEN = ('input_size', 'rectified_input', 'rectify', 'max_hfov_deg', 'turn_upright', 'focal_correction')


class DistanceSource(Protocol):
    """Anything that knows distances of some pictures of a recording."""

    @property
    def handlers(self) -> Mapping[str, Callable[[RecordedMessage], None]]:
        """What it reads of the recording, by topic."""

    def at(self, picture: CameraFrame, frame: Frame) -> tuple[Measurement | None, str]:
        """Return what is known of a recorded picture, as `frame` shows it (rectified), or why nothing is.

        Raises BagError.
        """


class SensorDistances:
    """What a LiDAR or a depth camera of the recording measured."""

    def __init__(self, sensor: RecordedSensor) -> None:
        self._sensor = sensor
        self.handlers = sensor.handlers

    def at(self, picture: CameraFrame, frame: Frame) -> tuple[Measurement | None, str]:
        """Return the measurement nearest in time."""
        return self._sensor.at(frame.stamp_ns, frame.frame_id)


class TapeDistances:
    """What a tape measure said while the camera stood."""

    def __init__(self, tape: TapeMeasure) -> None:
        self._tape = tape
        self.handlers = tape.handlers

    def at(self, picture: CameraFrame, frame: Frame) -> tuple[Measurement | None, str]:
        """Return the same for every picture."""
        return self._tape.at(picture, frame), ''


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was fitted, and to what."""

    correction: Correction
    fit: ScaleFit
    pairs: Pairs
    frames: int
    of: str  # bag and measurement, in words
    params: BagParameters


def pair_up(
    stream: CameraStream,
    source: DistanceSource,
    pipeline: DepthPipeline,
    count: int,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Pairs, int]:
    """Pair known distances with depth, on at most `count` pictures, evenly spread; return how many were used, too.

    Depth is as the node has it before its scale is corrected: rectified, turned upright, focal length corrected.
    Raises BagError where a picture has no calibrated camera, or nothing is known about any.
    """
    chosen = set(np.unique(np.linspace(0, stream.count - 1, min(count, stream.count)).astype(int)).tolist())
    number = itertools.count()
    found: list[Pairs] = []
    missing = ''
    for done, picture in enumerate(stream.read(source.handlers, skip=lambda _: next(number) not in chosen), 1):
        watch(done, len(chosen))
        if isinstance(picture, RefusedPicture):
            raise BagError(picture.why)
        if picture.frame.camera is None:
            unknown = f'There is no calibrated camera_info for {stream.topic}: name its topic with --info-topic.'
            raise BagError(stream.notes[-1] if stream.notes else unknown)
        try:
            request = pipeline.request(picture.frame, picture.info)
        except ValueError as error:  # a shape that no network can bear
            raise BagError(str(error)) from error
        measurement, missing = source.at(picture, request.frame)
        if measurement is None:
            continue
        pipeline.estimator.keep([request.plan])
        (estimate,) = pipeline.estimator.estimate_many([request])
        found.append(measurement.pairs(pipeline.postprocess(request, estimate)))
    if not found:
        raise BagError(f'Nothing is known about any picture of {stream.topic}, as {missing}.')
    joined = Pairs(
        np.concatenate([pairs.known_m for pairs in found]),
        np.concatenate([pairs.model_m for pairs in found]),
        np.concatenate([pairs.regions for pairs in found]),
        found[0].enough,
        found[0].why_none,
    )
    return joined, len(found)


def fit(pairs: Pairs, frames: int, of: str, params: BagParameters, *, shift: bool) -> Calibration:
    """Fit the factor, and with `shift` a shift of inverse depth; raises BagError where the fit is not trusted."""
    scale = fit_scale(pairs)
    if not scale.trusted:
        raise BagError(f'Nothing was written: {scale.reason}.')
    correction = fit_with_shift(pairs, scale) if shift else Correction(scale.value)
    return Calibration(correction, scale, pairs, frames, of, params)


def to_yaml(result: Calibration) -> str:
    """Return the parameters that the node loads, with where they come from."""
    scale, correction, params = result.fit, result.correction, result.params.estimator
    values = values_of(result.params)
    lines = [
        f'# Made by dav2 calibrate from {result.of}.',
        f'# Scale {scale.value:.4f}, standard deviation {scale.std_dev:.4f}; {scale.inliers} of {scale.total} known '
        'distances agree. It is the scale of this',
        '# model on this camera, with the parameters below: calibrate again when one of them changes.',
        '/**:',
        '  ros__parameters:',
        '    scale_source: fixed',
        f'    scale_fixed: {correction.factor:.5f}',
        f'    scale_shift_per_m: {correction.shift_per_m:.6f}',
    ]
    is_file = params.model not in REGISTRY
    lines += [f'    # model: {params.model} (a file: give it to the node)' if is_file else f'    model: {params.model}']
    lines += [f'    {name}: {json.dumps(values[name])}' for name in WRITTEN]
    return '\n'.join(lines) + '\n'
