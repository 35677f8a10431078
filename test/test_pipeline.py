# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a pipeline remembers and when it forgets it, and what two threads may do; its depth: test_pipeline_doors.py."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from typing import Any

import cv2
import doors
import numpy as np
import pytest
from doors import parameters

from dav2_ros.camera import Camera
from dav2_ros.frames import Frame
from dav2_ros.parameter import build, replaced
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.pipeline import DepthPipeline, make_estimator

pytestmark = pytest.mark.usefixtures('one_thread')

PIXELS = {**doors.ENGINE, 'steady': 'pixels'}


@pytest.fixture(scope='module')
def frames() -> list[doors.Shown]:
    """The camera stands for the first three."""
    return doors.shown()


@pytest.fixture(scope='module')
def estimator():
    with make_estimator(build(DepthNodeParameters, doors.ENGINE).estimator) as estimator:
        yield estimator


def depths(pipeline: DepthPipeline, frames: list[doors.Shown], before: dict[int, Any] | None = None) -> list:
    """Process frames; `before` says what is called before the frames of these numbers."""
    found = []
    for i, each in enumerate(frames):
        if before and i in before:
            before[i]()
        found.append(pipeline.process(each.frame).depth.z_m)
    return found


class TestChange:
    def test_what_does_not_concern_depth_forgets_nothing(self, estimator, frames):
        params = build(DepthNodeParameters, PIXELS)
        wanted = depths(DepthPipeline(params, estimator), frames[:3])
        for changes in ({'colour_far_m': 20.0}, {'cloud_stride': 2}, {'depth_stride': 2}, {'confidence': 'full'}):
            pipeline = DepthPipeline(params, estimator)
            other = replaced(params, changes)
            found = depths(pipeline, frames[:3], {2: lambda p=pipeline, o=other: p.change(o)})
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a, b)
        pipeline = DepthPipeline(params, estimator)
        assert not np.array_equal(depths(pipeline, frames[:3], {2: pipeline.reset})[2], wanted[2]), (
            'or nothing is known'
        )

    @pytest.mark.parametrize(
        'changes',
        [
            {'steady': 'none'},
            {'steady': 'scale'},
            {'remove_flying': True},
            {'min_confidence': 0.86},
            {'min_confidence': 0.86, 'confidence': 'full'},
            {'rectify': True, 'max_hfov_deg': 60.0},
        ],
    )
    def test_what_concerns_it_takes_effect_at_once(self, estimator, frames, changes):
        """Still borders are otherwise held for some frames: the next depth is that of a pipeline that starts."""
        params = build(DepthNodeParameters, PIXELS)
        other, pipeline = replaced(params, changes), DepthPipeline(params, estimator)
        found = depths(pipeline, frames[:3], {2: lambda: pipeline.change(other)})[2]
        (wanted,) = depths(DepthPipeline(other, estimator), frames[2:3])
        np.testing.assert_array_equal(found, wanted)

    def test_a_new_scale_does_not_end_the_stabilisation(self, estimator, frames):
        params = build(DepthNodeParameters, PIXELS)
        wanted = depths(DepthPipeline(params, estimator), frames[:3])[2]
        pipeline, other = (
            DepthPipeline(params, estimator),
            replaced(params, {'scale_source': 'fixed', 'scale_fixed': 2.0}),
        )
        found = depths(pipeline, frames[:3], {2: lambda: pipeline.change(other)})[2]
        np.testing.assert_array_equal(found, 2 * wanted)

    def test_a_new_range_holds_for_the_next_frame(self, estimator, frames):
        params = build(DepthNodeParameters, PIXELS)
        wanted = depths(DepthPipeline(params, estimator), frames[:3])[2]
        limit_m = float(np.median(wanted))
        pipeline, other = DepthPipeline(params, estimator), replaced(params, {'max_range_m': limit_m})
        found = depths(pipeline, frames[:3], {2: lambda: pipeline.change(other)})[2]
        np.testing.assert_array_equal(found, np.where(wanted > np.float32(limit_m), np.inf, wanted))


@pytest.mark.parametrize('name', doors.SETS)
def test_reset_forgets_everything(name: str, frames: list[doors.Shown]) -> None:
    with DepthPipeline(parameters(name)) as pipeline:
        measured = [each.measurement if name in doors.WITH_SENSOR else None for each in frames]
        shown = [each.frame for each in frames]
        once = doors.wanted(pipeline, shown, measured, apart=False)
        again = doors.wanted(pipeline, shown, measured, apart=False)  # it resets first
    doors.same([depth.z_m for depth in again.depths], once.depths)
    assert again.scales == once.scales


class TestOwner:
    def test_it_closes_the_estimator_that_it_made(self, frames):
        with DepthPipeline(build(DepthNodeParameters, doors.ENGINE)) as pipeline:
            pipeline.process(frames[0].frame)
            assert pipeline.estimator.engine is not None
        assert pipeline.estimator.engine is None

    def test_it_leaves_that_of_others_open(self, estimator, frames):
        params = build(DepthNodeParameters, PIXELS)
        with DepthPipeline(params, estimator) as pipeline:
            wanted = pipeline.process(frames[0].frame).depth.z_m.copy()
        engine = estimator.engine
        assert engine is not None
        np.testing.assert_array_equal(DepthPipeline(params, estimator).process(frames[0].frame).depth.z_m, wanted)
        assert estimator.engine is engine


def test_two_threads_and_changing_shapes_mix_nothing(estimator, frames) -> None:
    """One thread requests and estimates ahead of another that finishes, as in the node of several cameras."""
    params = build(DepthNodeParameters, {**doors.ENGINE, 'rectify': True, 'remove_flying': True, 'max_hfov_deg': 60.0})
    sizes = [(128, 96), (96, 128), (112, 84), (128, 96), (128, 96)]
    shown = []
    for i in range(40):
        width, height = sizes[(i * i + i // 3) % len(sizes)]
        rgb = cv2.resize(frames[i % doors.COUNT].frame.rgb, (width, height), interpolation=cv2.INTER_AREA)
        camera = replace(
            Camera.from_hfov(width, height, 1.2), distortion_model='plumb_bob', distortion=doors.CAMERA.distortion
        )
        shown.append(Frame(rgb, camera, doors.START_NS + i * doors.STEP_NS, f'frame {i}'))
    pipeline = DepthPipeline(params, estimator)
    wanted = []
    for frame in shown:
        request = pipeline.request(frame)
        result = pipeline.finish(request, *estimator.estimate_many([request]))
        wanted.append((result.depth.z_m.copy(), result.depth.camera, result.frame.rgb.copy()))

    pipeline.reset()
    waiting: queue.Queue = queue.Queue(maxsize=3)

    def ahead() -> None:
        for frame in shown:
            request = pipeline.request(frame)
            waiting.put((request, *estimator.estimate_many([request])))

    thread = threading.Thread(target=ahead, daemon=True)
    thread.start()
    for frame, (z_m, camera, rgb) in zip(shown, wanted, strict=True):
        result = pipeline.finish(*waiting.get(timeout=120))
        np.testing.assert_array_equal(result.depth.z_m, z_m)
        np.testing.assert_array_equal(result.frame.rgb, rgb)
        assert (result.depth.camera, result.depth.stamp_ns, result.depth.frame_id) == (
            camera,
            frame.stamp_ns,
            frame.frame_id,
        )
    thread.join()
