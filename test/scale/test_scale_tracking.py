# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scale over time: what is applied is believed, and what is believed is followed, held and forgotten."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dav2_ros.bags import DEMO_BAG
from dav2_ros.camera import Camera
from dav2_ros.depth.scene_change import SceneChangeDetector
from dav2_ros.frames import DepthMap
from dav2_ros.scale.correction import Correction
from dav2_ros.scale.fit import ScaleFit, no_fit
from dav2_ros.scale.kalman import FilterSettings, Scale, ScaleFilter
from dav2_ros.scale.measurements import Beam, Points
from dav2_ros.scale.pose import OPTICAL_FROM_BODY, Pose
from dav2_ros.scale.time_sync import MeasurementBuffer
from dav2_ros.scale.tracker import ScaleTracker

STEP_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000
CAMERA = Camera.from_hfov(64, 48, 1.2)


def a_fit(value: float, relative: float = 0.03) -> ScaleFit:
    return ScaleFit(value, value * relative, 90, 100)


def follow(scales: ScaleFilter, fits: list[ScaleFit | None], start: int = 0) -> list[Scale]:
    return [scales.update(START_NS + (start + i) * STEP_NS, fit) for i, fit in enumerate(fits)]


class TestFilter:
    def test_it_comes_to_the_scale_and_smooths_it(self) -> None:
        rng = np.random.default_rng(0)
        fits = [a_fit(1.4 * math.exp(rng.normal(0, 0.05)), 0.05) for _ in range(100)]
        tail = follow(ScaleFilter(FilterSettings()), fits)[30:]
        assert all(each.trusted and each.applied == each.value for each in tail)
        assert np.std([math.log(each.value) for each in tail]) < 0.4 * np.std([math.log(f.value) for f in fits[30:]])
        assert np.mean([each.value for each in tail]) == pytest.approx(1.4, rel=0.02)

    def test_a_fifth_of_gross_outliers_costs_less_than_2_percent(self) -> None:
        for seed in range(20):
            rng = np.random.default_rng(seed)
            fits = [a_fit(0.7 * math.exp(rng.normal(0, 0.02)), 0.03) for _ in range(60)]
            fits = [
                a_fit(math.exp(rng.uniform(-2, 2))) if rng.random() < 0.2 and i > 2 else f for i, f in enumerate(fits)
            ]
            for each in follow(ScaleFilter(FilterSettings()), fits)[10:]:
                assert each.applied == pytest.approx(0.7, rel=0.02)

    @given(st.lists(st.one_of(st.none(), st.floats(0.2, 5.0), st.just('refused')), min_size=1, max_size=40))
    def test_what_is_applied_lies_between_rest_and_what_was_believed(self, values: list) -> None:
        """Whatever comes: never beyond the fits that were trusted, nor on the far side of rest."""
        fits = [None if v is None else no_fit('refused', 50) if v == 'refused' else a_fit(v, 0.05) for v in values]
        seen = [1.0] + [fit.value for fit in fits if fit and fit.trusted]
        for each in follow(ScaleFilter(FilterSettings()), fits):
            assert min(seen) * (1 - 1e-9) <= each.applied <= max(seen) * (1 + 1e-9)
            assert each.trusted or each.reason

    def test_refused_fits_are_never_applied(self) -> None:
        for each in follow(ScaleFilter(FilterSettings(rest=0.9)), [no_fit('only 3 of 90 agree', 90)] * 20):
            assert (each.applied, each.reason, each.total) == (0.9, 'only 3 of 90 agree', 90)

    def test_a_scale_known_to_a_tenth_is_not_applied_until_others_confirm_it(self) -> None:
        """One beam says little, and three that agree say enough."""
        applied = [each.applied for each in follow(ScaleFilter(FilterSettings()), [a_fit(1.5, 0.1)] * 4)]
        assert applied[0] == applied[1] == 1.0 and applied[3] == pytest.approx(1.5)
        disagreeing = follow(ScaleFilter(FilterSettings()), [a_fit(v, 0.1) for v in (0.5, 3.0, 1.0, 5.0, 0.4, 2.0)])
        assert {each.applied for each in disagreeing} == {1.0} and 'takes' in disagreeing[-1].reason

    def test_without_evidence_it_holds_then_decays_to_rest(self) -> None:
        scales = ScaleFilter(FilterSettings(rest=1.1, hold_s=1.0, decay_s=3.0))
        believed = follow(scales, [a_fit(2.0)] * 10)[-1]
        after = follow(scales, [None] * 200, start=10)
        held, gone = after[:10], after[10:]
        assert all(each.trusted and each.applied == believed.applied for each in held)
        assert not any(each.trusted for each in gone) and 'no evidence for' in gone[0].reason
        logs = np.log([each.applied / 1.1 for each in gone])
        np.testing.assert_allclose(np.diff(np.log(logs)), -0.1 / 3.0, rtol=1e-6)
        assert gone[-1].applied == pytest.approx(1.1, rel=0.01)
        assert [each.age_s for each in after] == pytest.approx([0.1 * (i + 1) for i in range(200)])
        assert np.all(np.diff([each.std_dev / each.value for each in after]) > 0)

    def test_the_decay_does_not_depend_on_the_rate_of_pictures(self) -> None:
        values = []
        for every in (1, 7):
            scales = ScaleFilter(FilterSettings(hold_s=1.0, decay_s=3.0))
            follow(scales, [a_fit(2.0)] * 10)
            last = [scales.update(START_NS + i * STEP_NS, None) for i in range(9 + every, 73, every)][-1]
            values.append(last.applied)
        assert values[0] == pytest.approx(values[1], rel=1e-6)

    def test_one_contradiction_is_left_out_and_many_change_its_mind(self) -> None:
        scales = ScaleFilter(FilterSettings())
        follow(scales, [a_fit(1.0)] * 20)
        (once,) = follow(scales, [a_fit(2.0)], start=20)
        assert once.applied == pytest.approx(1.0, abs=0.01)
        follow(scales, [a_fit(1.0)], start=21)
        after = follow(scales, [a_fit(2.0)] * 6, start=22)
        assert after[0].applied == pytest.approx(1.0, abs=0.01) and after[-1].applied == pytest.approx(2.0, rel=0.01)

    def test_a_drift_of_one_percent_per_second_is_followed(self) -> None:
        fits = [a_fit(math.exp(0.001 * i)) for i in range(300)]
        for fit, each in list(zip(fits, follow(ScaleFilter(FilterSettings()), fits)))[50:]:
            assert each.applied == pytest.approx(fit.value, rel=0.02)


class TestBuffer:
    def piece(self, ns: int) -> Points:
        return Points(np.zeros((0, 3), np.float32), ns)

    def test_it_gives_the_nearest_in_time_once(self) -> None:
        buffer = MeasurementBuffer(0.05)
        for ms in (0, 100, 200, 300):
            buffer.add(self.piece(START_NS + ms * 1_000_000))
        piece, why = buffer.take(START_NS + 130_000_000)
        assert (piece.stamp_ns - START_NS, why) == (100_000_000, '')
        assert buffer.take(START_NS + 140_000_000) == (None, 'nothing new since the last picture')
        assert buffer.take(START_NS + 160_000_000)[0].stamp_ns - START_NS == 200_000_000

    def test_what_is_too_far_in_time_is_not_given_and_told(self) -> None:
        buffer = MeasurementBuffer(0.05)
        assert buffer.take(START_NS) == (None, 'nothing has arrived')
        buffer.add(self.piece(START_NS))
        assert buffer.take(START_NS + 3_250_000_000) == (None, 'the nearest in time is 3.25 s from the picture')
        assert buffer.take(START_NS - 50_000_001)[0] is None and buffer.take(START_NS - 50_000_000)[0] is not None

    def test_a_recording_that_starts_again_is_used_again(self) -> None:
        buffer = MeasurementBuffer(0.05)
        for _ in range(2):
            for ms in (0, 100):
                buffer.add(self.piece(START_NS + ms * 1_000_000))
                assert buffer.take(START_NS + ms * 1_000_000)[0] is not None

    def test_it_does_not_grow(self) -> None:
        buffer = MeasurementBuffer(1000.0, depth=4)
        for i in range(100):
            buffer.add(self.piece(START_NS + i))
        assert buffer.take(START_NS)[0].stamp_ns == START_NS + 96 and buffer.received == 100


class TestCut:
    def test_the_bundled_recording_has_one(self) -> None:
        pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
        from dav2_ros.bags.storage.reader import BagReader

        cut = SceneChangeDetector()
        with BagReader(DEMO_BAG) as bag:
            found = [i for i, depth in enumerate(bag.depths()) if cut.seen(depth)]
        assert found == [32], 'the room ends and the street begins'

    def depth(self, ms: int, factor: float = 1.0) -> DepthMap:
        z_m = np.random.default_rng(0).lognormal(1.5, 0.6, (48, 64)).astype(np.float32)
        return DepthMap(z_m * np.float32(factor), CAMERA, START_NS + ms * 1_000_000)

    def test_a_jump_of_depth_or_of_time_is_one_and_a_walk_is_none(self) -> None:
        cut = SceneChangeDetector()
        assert not cut.seen(self.depth(0))
        assert not any([cut.seen(self.depth(100 * i, math.exp(0.05 * i))) for i in range(1, 20)])
        assert cut.seen(self.depth(2000, math.exp(0.95 + 1.2)))
        assert not cut.seen(self.depth(2100, math.exp(0.95 + 1.2)))
        assert cut.seen(self.depth(4200, math.exp(0.95 + 1.2))), 'nothing was seen for two seconds'
        assert cut.seen(self.depth(4000, math.exp(0.95 + 1.2))), 'time went back'

    def test_sky_and_unknown_are_counted(self) -> None:
        cut = SceneChangeDetector()
        for value in (np.nan, np.inf, 0.0):
            assert not cut.seen(DepthMap(np.full((48, 64), value, np.float32)))
        assert cut.seen(self.depth(0))


class TestTracker:
    def test_depth_comes_out_in_right_metres(self) -> None:
        tracker = ScaleTracker(FilterSettings(), 'lidar')
        rng = np.random.default_rng(0)
        truth_m = (4.0 + 2.0 * np.sin(np.linspace(0, 3, 64))[None] + 0.02 * np.arange(48)[:, None]).astype(np.float32)
        points = CAMERA.unproject(truth_m)[::3, ::3].reshape(-1, 3)
        for i in range(5):
            stamp_ns = START_NS + i * STEP_NS
            cloud = points + rng.normal(0, 0.02, points.shape).astype(np.float32)
            depth = DepthMap(truth_m / 1.7, CAMERA, stamp_ns, 'cam')
            scale = tracker.correct(depth, Points(cloud, stamp_ns))
        assert (scale.source, scale.trusted, scale.age_s) == ('lidar', True, 0.0)
        np.testing.assert_allclose(depth.z_m, truth_m, rtol=0.01)
        assert (depth.camera, depth.stamp_ns, depth.frame_id) == (CAMERA, stamp_ns, 'cam')

    def test_a_range_finder_with_a_fifth_of_gross_outliers_comes_to_2_percent(self) -> None:
        for seed in range(10):
            rng = np.random.default_rng(seed)
            tracker = ScaleTracker(FilterSettings(), 'range')
            for i in range(150):
                truth_m = np.float32(3.0 + math.sin(0.05 * i))
                range_m = truth_m + rng.normal(0, 0.05) if rng.random() > 0.2 else rng.uniform(0.3, 12.0)
                beam = Beam(np.zeros(3), np.array([0, 0, 1.0]), float(range_m), 0.0)
                depth = DepthMap(np.full((48, 64), truth_m / 1.3, np.float32), CAMERA, START_NS + i * STEP_NS)
                scale = tracker.correct(depth, beam)
            assert scale.trusted and depth.z_m[0, 0] == pytest.approx(truth_m, rel=0.02), seed

    def test_after_a_cut_the_old_scale_is_not_applied(self) -> None:
        tracker = ScaleTracker(FilterSettings(rest=1.2), 'lidar')
        near = np.full((48, 64), 2.0, np.float32)
        cloud = CAMERA.unproject(2.0 * near)[::3, ::3].reshape(-1, 3)
        for i in range(5):
            scale = tracker.correct(DepthMap(near.copy(), CAMERA, START_NS + i * STEP_NS), Points(cloud))
        assert scale.applied == pytest.approx(2.0, rel=0.01)
        scale = tracker.correct(DepthMap(10.0 * near, CAMERA, START_NS + 5 * STEP_NS), None, 'nothing has arrived')
        assert (scale.applied, scale.reason, math.isnan(scale.value)) == (1.2, 'nothing has arrived', True)

    def test_factor_and_shift_of_the_inverse(self) -> None:
        z_m = np.array([[1.0, 4.0, 10.0, np.nan, np.inf]], np.float32)
        corrected_m = Correction(2.0, 0.1).apply(z_m)
        wanted_m = [[1 / (0.5 + 0.1), 1 / (0.125 + 0.1), 1 / (0.05 + 0.1), np.nan, np.inf]]
        np.testing.assert_allclose(corrected_m, wanted_m)
        beyond = Correction(1.0, -0.2).apply(z_m)
        np.testing.assert_allclose(beyond, [[1 / 0.8, 1 / 0.05, np.inf, np.nan, np.inf]], rtol=1e-5)


class TestPose:
    @given(*(st.floats(-3.0, 3.0) for _ in range(6)))
    def test_there_and_back(self, x: float, y: float, z: float, roll: float, pitch: float, yaw: float) -> None:
        pose = Pose.from_rpy((x, y, z), (roll, pitch, yaw))
        points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
        np.testing.assert_allclose(pose.inverse().apply(pose.apply(points)), points, atol=1e-5)
        np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-12)

    def test_known_turns(self) -> None:
        """A quarter turn to the left takes forward to left; quaternion and angles agree."""
        half = math.sqrt(0.5)
        left = Pose.from_rpy((0, 0, 0), (0, 0, math.pi / 2))
        np.testing.assert_allclose(left.apply(np.array([[1.0, 0, 0]])), [[0, 1, 0]], atol=1e-12)
        np.testing.assert_allclose(Pose.from_quaternion((0, 0, 0), (0, 0, 2 * half, 2 * half)).rotation, left.rotation,
                                   atol=1e-12)  # fmt: skip
        both = (
            Pose.from_rpy((0, 0, 0), (0.3, 0.0, 0.0)),
            Pose.from_quaternion((0, 0, 0), (math.sin(0.15), 0, 0, math.cos(0.15))),
        )
        np.testing.assert_allclose(both[0].rotation, both[1].rotation, atol=1e-12)

    def test_bodies_look_along_x_and_cameras_along_z(self) -> None:
        """A LiDAR 0.1 m in front, 0.2 m to the left and 0.3 m above sees a thing 5 m ahead of it."""
        pose = Pose.from_rpy((0.1, 0.2, 0.3), (0, 0, 0))
        np.testing.assert_allclose(pose.of_bodies().apply(np.array([[5.0, 0, 0]])), [[-0.2, -0.3, 5.1]])
        optical = pose.of_bodies(sensor_is_optical=True)
        np.testing.assert_allclose(optical.apply(np.array([[0.0, 0, 5.0]])), [[-0.2, -0.3, 5.1]])
        assert np.linalg.det(OPTICAL_FROM_BODY) == pytest.approx(1.0)

    def test_a_quaternion_of_zeros_is_refused(self) -> None:
        with pytest.raises(ValueError, match='no rotation'):
            Pose.from_quaternion((0, 0, 0), (0, 0, 0, 0))
