# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""dav2 bag evaluate: its numbers are those of their definitions, of whatever knows the truth."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from recordings import CAMERA, a_depth, a_drive, by_rosbags, stamp

from dav2_ros.bags import DEMO_BAG, BagError
from dav2_ros.bags.camera_stream import CameraStream
from dav2_ros.bags.evaluation.evaluate import METRICS, NUMBERS, VARIANTS, EvaluationOptions, evaluate
from dav2_ros.bags.evaluation.fail_if import read_threshold
from dav2_ros.bags.evaluation.ground_truth import SensorTruth, TapeTruth, compare
from dav2_ros.bags.known_distances import TapeMeasure
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.app import app
from dav2_ros.estimator import Estimate, Timings
from dav2_ros.evaluation.report import read_data
from dav2_ros.frames import DepthMap
from dav2_ros.image.request import EstimateRequest, resize_plan
from dav2_ros.models import checkpoints
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.parameters.read import read_parameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.reference_sensor import SOURCES

FRAMES = 6
PLAIN = ['steady:=none']

pytestmark = pytest.mark.usefixtures('one_thread')


class Oracle:
    """An estimator that knows the depth of `a_depth`, but for a factor that changes with time."""

    info = SimpleNamespace(name='oracle')

    def __init__(self, factor) -> None:
        self._factor = factor

    def keep(self, plans) -> None:
        pass

    def request(self, frame, *, info=None, **asked):
        return EstimateRequest(frame, resize_plan(*frame.rgb.shape[:2], frame.camera, 0, 84), info=info)

    def estimate_many(self, requests):
        frame = requests[0].frame
        i = (frame.stamp_ns - stamp(0)) // 100_000_000
        z_m = a_depth(i).z_m * np.float32(self._factor(i))
        depth = DepthMap(z_m, frame.camera, frame.stamp_ns, frame.frame_id)
        return [Estimate(depth, Timings(1.0, 2.0, 3.0), 'none', 'fp32')]

    def describe(self) -> dict:
        return {'model': 'oracle', 'engine': 'none', 'precision': 'fp32'}


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return by_rosbags(tmp_path_factory.mktemp('drive') / 'drive', a_drive(FRAMES, lidar=True))


def judged(drive, factor, *settings, source='depth', distances=(), **wanted):
    params = read_parameters(BagParameters, None, [*PLAIN, *settings])[0]
    scale = params.scale
    with BagReader(drive) as bag:
        truth = SensorTruth(RecordedSensor(bag, source, '', scale))
        truth = TapeTruth(TapeMeasure(list(distances))) if distances else truth
        sensor = RecordedSensor(bag, scale.scale_source, '', scale) if scale.scale_source in SOURCES else None
        pipeline, options = DepthPipeline(params, Oracle(factor)), EvaluationOptions(**wanted)
        stream, is_scaled = CameraStream(bag, params, sensor=sensor), scale.scale_source != 'none'
        found = evaluate(stream, truth, pipeline, options, is_scaled=is_scaled)
    return {each.variant: each for each in found.judged}, found


class TestNumbers:
    @pytest.mark.parametrize('source', ['depth', 'lidar'])
    def test_right_depth_has_no_error_wherever_the_truth_comes_from(self, drive, source):
        """The LiDAR stands elsewhere: /tf_static brings its points to the camera."""
        found, _ = judged(drive, lambda i: 1.0, source=source)
        assert len(found['raw'].frames) == FRAMES
        assert found['raw'].metrics.abs_rel < (1e-7 if source == 'depth' else 2e-3)
        assert found['raw'].metrics.d1 == 1.0
        assert found['raw'].numbers['drift_spread'] < 1e-3

    def test_a_wrong_factor_is_all_error_and_its_median_takes_it_away(self, drive):
        found, _ = judged(drive, lambda i: 1.5)
        raw, median = found['raw'].numbers, found['median'].numbers
        assert raw['abs_rel'] == pytest.approx(0.5, abs=1e-6) and raw['bias'] == pytest.approx(0.5, abs=1e-6)
        assert raw['d1'] == 0.0 and raw['d2'] == 1.0 and raw['silog'] == pytest.approx(np.log(1.5) * np.sqrt(0.5), 1e-4)
        assert median['abs_rel'] == pytest.approx(0.0, abs=1e-6)
        assert [row.scale for row in found['raw'].frames] == pytest.approx(FRAMES * [1 / 1.5], 1e-5)

    def test_a_scale_that_wanders_is_drift_and_flicker(self, drive):
        found, _ = judged(drive, lambda i: 1.0 + 0.1 * (i % 2))
        numbers = found['raw'].numbers
        assert numbers['flicker_p95'] == pytest.approx(np.log(1.1), abs=1e-4)
        assert numbers['drift_spread'] > 0.02 and found['median'].numbers['flicker_p95'] < 1e-4

    def test_the_scale_of_a_sensor_mends_what_the_network_gets_wrong(self, drive):
        found, _ = judged(drive, lambda i: 1.5, 'scale_source:=lidar')
        assert set(found) == set(VARIANTS)
        assert found['scaled'].frames[-1].metrics.abs_rel < 0.03 < found['raw'].frames[-1].metrics.abs_rel

    def test_a_fixed_scale_is_a_factor(self, drive):
        found, _ = judged(drive, lambda i: 2.0, 'scale_source:=fixed', 'scale_fixed:=0.5')
        assert found['scaled'].metrics.abs_rel < 1e-6

    def test_a_tape_measure_knows_rays(self, drive):
        z_m, ray = a_depth(0).z_m[65, 80], CAMERA.rays()[65, 80]
        found, _ = judged(drive, lambda i: 1.0, distances=[(80.0, 65.0, float(z_m * np.hypot(1, np.hypot(*ray))))])
        assert found['raw'].metrics.abs_rel < 1e-5 and found['raw'].metrics.pixels == FRAMES
        with pytest.raises(BagError, match='no distance in a picture of 96x72'):
            judged(drive, lambda i: 1.0, distances=[(200.0, 65.0, 2.0)])

    def test_unknown_depth_is_coverage_and_no_error(self, drive):
        known = compare(a_depth(0), replace(a_depth(0), z_m=np.where(np.arange(96) < 24, np.nan, a_depth(0).z_m)))
        assert known.coverage == pytest.approx(0.75)

    def test_fewer_frames_are_spread_evenly(self, drive):
        found, _ = judged(drive, lambda i: 1.0, frames=3)
        assert [row.stamp_ns for row in found['raw'].frames] == [stamp(i) for i in (0, 2, 4)]

    def test_the_worst_frames_are_kept(self, drive):
        _, found = judged(drive, lambda i: 1.0 + 0.1 * i, worst=2)
        assert [shown.caption[:5] for shown in found.worst] == ['0.5 s', '0.4 s']


class TestThresholds:
    @pytest.mark.parametrize(
        ('text', 'value', 'broken'),
        [('abs_rel>0.12', 0.13, True), ('abs_rel>0.12', 0.12, False), ('abs_rel >= .12', 0.12, True),
         ('raw.d1 < 9e-1', 0.8, True), ('d1<=0.8', 0.9, False), ('coverage<0.5', float('nan'), True)],
    )  # fmt: skip
    def test_they_compare(self, text, value, broken):
        limit = read_threshold(text, VARIANTS, NUMBERS)
        assert bool(limit.breach({'raw': {limit.name: value}})) == broken

    @pytest.mark.parametrize('text', ['', 'abs_rel', 'abs_rel=0.1', 'abs_rel>x', 'abs_rel>1.2.3', 'nothing>1',
                                      'best.d1<1', 'abs_rel>0.1 or d1<1', '>1'])  # fmt: skip
    def test_what_is_none_is_one_sentence(self, text):
        with pytest.raises(BagError, match='--fail-if'):
            read_threshold(text, VARIANTS, NUMBERS)

    def test_a_variant_that_there_is_not_is_not_passed(self):
        assert (
            read_threshold('scaled.d1<0.1', VARIANTS, NUMBERS).breach({'raw': {'d1': 1.0}}) == 'scaled.d1 is not known'
        )


def call(*args):
    return CliRunner().invoke(app, ['bag', 'evaluate', *map(str, args)])


class TestCommand:
    def test_the_bundled_model_on_the_bundled_recording_is_as_good_as_it_was(self, tmp_path):
        """Stored when this test was written; fp32 PyTorch, 6 frames."""
        asked = [part for setting in PLAIN for part in ('-p', setting)]
        done = call(DEMO_BAG, '--engine', 'torch', '-p', 'precision:=fp32', '--frames', 6, '-o', tmp_path, *asked)
        assert done.exit_code == 0, done.output
        found = json.loads((tmp_path / 'evaluation.json').read_text())
        raw = next(each for each in found['results'] if each['variant'] == 'raw')
        assert raw['numbers']['abs_rel'] == pytest.approx(ABS_REL, abs=1e-4)
        assert raw['numbers']['d1'] == pytest.approx(D1, abs=1e-3)
        page = (tmp_path / 'report.html').read_text()
        assert read_data(page)['results'] == found['results'] and 'src="http' not in page

    def test_models_stand_side_by_side_and_thresholds_fail(self, drive, random_model, tmp_path):
        other = tmp_path / 'other.safetensors'
        loaded = checkpoints.load(random_model)
        checkpoints.save(other, loaded.state_dict, replace(loaded.info, name='other', max_depth_m=10.0))
        models = ('--model', random_model, '--model', other, '--engine', 'torch')
        limit = ('--fail-if', 'abs_rel>0.0001', '--fail-if', 'median.coverage<0.1')
        done = call(drive, *models, *limit, '--depth-topic', '/camera/depth/image', '-o', tmp_path / 'out')
        assert done.exit_code == 1
        assert done.output.count('--fail-if: ') == 2 and 'raw.abs_rel is' in done.output
        with (tmp_path / 'out' / 'frames.csv').open() as file:
            rows = list(csv.DictReader(file))
        assert {(row['model'], row['variant']) for row in rows} == {
            (model, variant) for model in ('random', 'other') for variant in ('raw', 'median')
        }
        assert len(rows) == 4 * FRAMES and set(METRICS) < set(rows[0])

    @pytest.mark.parametrize(
        ('options', 'words'),
        [((), 'give one of --depth-topic'), (('--depth-topic', '/nothing'), 'name one of'),
         (('--distance', '1,2'), 'not 3 numbers'), (('--fail-if', 'x'), 'no comparison'),
         (('--lidar-topic', '/camera/image/compressed'), 'is not lidar'), (('--topic', '/nothing'), 'nothing on')],
    )  # fmt: skip
    def test_what_can_be_put_right_is_one_sentence(self, drive, tmp_path, options, words):
        if options and options[0] == '--topic':
            options += ('--depth-topic', '/camera/depth/image')
        done = call(drive, *options, '--engine', 'torch', '-o', tmp_path / 'out')
        assert done.exit_code == 1 and words in ' '.join(done.output.split())
        assert 'Traceback' not in done.output and not (tmp_path / 'out').exists()


ABS_REL, D1 = 0.11248, 0.86790
