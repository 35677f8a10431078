# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Judging models on data sets: who knows the truth is perfect, every picture counts once, what is written is whole."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.evaluation.metrics import depth_metrics
from dav2_ros.evaluation.protocols import PROTOCOLS
from dav2_ros.evaluation.report import read_data
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelInfo
from dav2_ros.network.dpt import DepthAnything
from dav2_training.cli import app, main
from dav2_training.data.registry import open_set
from dav2_training.data.sample import DataError, Sample
from dav2_training.evaluation import evaluate_disparity, evaluate_pairs
from dav2_training.evaluation.held_out import HeldOutScenes
from dav2_training.evaluation.predictors import EstimatorPredictor, open_predictor
from dav2_training.evaluation.report import WorstPictures
from dav2_training.evaluation.scoring import EvaluatedPicture, by_group, evaluate_pictures, read_ahead, score

pytestmark = pytest.mark.usefixtures('one_thread')
SCENES = HeldOutScenes(6, 56, 70, seed=9)


@dataclass
class Oracle:
    """Knows the truth of the pictures that it was given, and says it as it was told to."""

    samples: object
    kind: str = 'metric'
    factor: float = 1.0
    offset: float = 0.0
    name: str = 'oracle'
    facts: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = {s.rgb.tobytes(): s.z_m for s in (self.samples[i] for i in range(len(self.samples)))}

    def __call__(self, rgb, camera=None):
        z_m = self._known[rgb.tobytes()]
        return z_m * np.float32(self.factor) if self.kind == 'metric' else self.factor / z_m + self.offset


def judged(predict, alignments: tuple[str, ...], **options) -> list[EvaluatedPicture]:
    return list(
        evaluate_pictures(predict, SCENES, range(len(SCENES)), PROTOCOLS['plain'], alignments, threads=0, **options)
    )


@pytest.fixture(scope='module')
def relative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp('models') / 'relative.safetensors'
    info = ModelInfo('relative', 'vitt', 'relative', train_size=56)
    checkpoints.save(path, DepthAnything('vitt', None).state_dict(), info)
    return path


class TestJudging:
    def test_who_knows_the_truth_is_perfect_and_finds_the_sky(self):
        found = score(seen.records[0] for seen in judged(Oracle(SCENES), ('none',)))
        assert (found.frames, found.metrics.abs_rel, found.metrics.d1, found.coverage) == (6, 0.0, 1.0, 1.0)
        assert (found.sky_found, found.ssim) == pytest.approx((1.0, 1.0))
        assert found.boundary_f1 > 0

    def test_sky_that_is_a_distance_is_not_found_and_harms_nothing_else(self):
        @dataclass
        class SeesThrough(Oracle):
            def __call__(self, rgb, camera=None):
                return np.where(np.isinf(z_m := super().__call__(rgb)), 50.0, z_m)

        found = score(seen.records[0] for seen in judged(SeesThrough(SCENES), ('none',)))
        assert (found.metrics.abs_rel, found.sky_found) == (0.0, 0.0)

    @pytest.mark.parametrize(('factor', 'offset'), [(1.0, 0.0), (7.5, 3.0), (0.01, -2.0)])
    def test_factor_and_offset_of_a_relative_model_are_not_errors(self, factor, offset):
        found = score(
            s.records[0] for s in judged(Oracle(SCENES, 'relative', factor, offset), ('lsq_disparity',), details=False)
        )
        assert found.metrics.abs_rel == pytest.approx(0.0, abs=1e-4)
        assert np.isnan(found.sky_found)

    def test_a_wrong_scale_shows_as_it_is_and_vanishes_when_aligned(self):
        seen = judged(Oracle(SCENES, factor=1.2), ('none', 'median'), details=False)
        raw, aligned = (score(s.records[k] for s in seen) for k in (0, 1))
        assert raw.metrics.abs_rel == pytest.approx(0.2, abs=1e-6)
        assert raw.ranges.total().bias == pytest.approx(0.2, abs=1e-6)
        assert aligned.metrics.abs_rel == pytest.approx(0.0, abs=1e-6)
        assert all(s.records[1].scale == pytest.approx(1 / 1.2) for s in seen)

    def test_every_picture_counts_once_in_all_and_once_in_each_kind_of_group(self):
        records = [s.records[0] for s in judged(Oracle(SCENES), ('none',), details=False)]
        groups = by_group(records)
        kinds = [s.frames for name, s in groups.items() if name in ('room', 'corridor', 'street', 'open')]
        lenses = [s.frames for name, s in groups.items() if name.endswith('deg')]
        assert groups['all'].frames == sum(kinds) == sum(lenses) == 6
        assert groups['all'].metrics.pixels == sum(r.metrics.pixels for r in records)

    def test_a_picture_without_truth_has_no_record(self):
        blind = [Sample(np.zeros((56, 70, 3), np.uint8), 'a')]
        known = [Sample(np.zeros((56, 70, 3), np.uint8), 'a', z_m=np.full((56, 70), 2.0, np.float32))]
        seen = list(evaluate_pictures(Oracle(known), blind, [0], PROTOCOLS['plain'], ('none',), threads=0))
        assert [each.records for each in seen] == [()]

    def test_sparse_truth_has_no_boundaries_but_is_judged(self):
        z_m = np.full((56, 70), np.nan, np.float32)
        z_m[::5, ::5] = 3.0
        samples = [Sample(np.zeros((56, 70, 3), np.uint8), 'a', z_m=z_m)]
        (seen,) = evaluate_pictures(Oracle(samples), samples, [0], PROTOCOLS['plain'], ('none',), threads=0)
        assert seen.records[0].boundary is None and np.isnan(seen.records[0].ssim)
        assert seen.records[0].metrics.abs_rel == 0.0

    def test_the_worst_pictures_are_kept_the_worst_first(self):
        seen = judged(Oracle(SCENES, 'relative'), ('scale',), details=False)
        for k, each in enumerate(seen):
            object.__setattr__(each.records[0].metrics, 'abs_rel', [3, 1, 5, 2, 4, 0][k] / 10)
        worst = WorstPictures(3)
        for each in seen:
            worst.add(each, 'm')
        assert [frame.caption.partition('AbsRel ')[2][:5] for frame in worst.frames()] == ['0.500', '0.400', '0.300']

    def test_reading_ahead_keeps_the_order_and_brings_errors(self):
        class Set:
            def __getitem__(self, index: int) -> int:
                if index == 30:
                    raise DataError('bad file')
                return index

        assert list(read_ahead(Set(), range(25), 3)) == list(range(25)) == list(read_ahead(Set(), range(25), 0))
        with pytest.raises(DataError, match='bad file'):
            list(read_ahead(Set(), range(40), 3))


class TestPredictors:
    def test_the_network_alone_says_what_the_runtime_says(self, random_model: Path):
        rgb = np.random.default_rng(0).integers(0, 255, (60, 97, 3), np.uint8)
        oblong = Camera(97, 60, 80.0, 95.0, 48.0, 29.5)
        with (
            DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as estimator,
            open_predictor(str(random_model)) as predict,
        ):
            for camera in (None, oblong, Camera.from_hfov(97, 60, 1.5)):
                wanted = estimator.estimate(Frame(rgb, camera))[0].z_m
                np.testing.assert_allclose(predict(rgb, camera), wanted, rtol=1e-4)
                np.testing.assert_array_equal(EstimatorPredictor(estimator)(rgb, camera), wanted)
            assert EstimatorPredictor(estimator).facts['engine'] == 'torch'

    def test_a_relative_one_gives_disparity_of_the_published_network(self, relative_model: Path):
        from dav2_ros.image.resize import ResizePlan

        rgb = np.random.default_rng(0).integers(0, 255, (70, 91, 3), np.uint8)
        plan = ResizePlan.lower_bound(70, 91, 56)
        network = checkpoints.build(checkpoints.load(relative_model))
        with torch.inference_mode():
            wanted = plan.undo(network(torch.from_numpy(plan.apply(rgb))[None])[0].numpy())
        with open_predictor(str(relative_model)) as predict:
            assert predict.kind == 'relative'
            np.testing.assert_allclose(predict(rgb), wanted, rtol=1e-5)

    def test_the_number_is_the_metric_of_what_the_runtime_gives(self, random_model: Path):
        with (
            DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as estimator,
            open_predictor(str(random_model)) as predict,
        ):
            for seen in judged(predict, ('none',), details=False):
                sample = seen.sample
                z_m = estimator.estimate(Frame(sample.rgb, sample.camera))[0].z_m
                wanted = depth_metrics(z_m, sample.z_m)
                assert asdict(seen.records[0].metrics) == pytest.approx(asdict(wanted), rel=1e-4)


def run(*arguments: object):
    return CliRunner().invoke(app, ['evaluate', *map(str, arguments)], catch_exceptions=False)


class TestCommand:
    def test_a_set_by_name_several_models_and_three_files_that_agree(self, random_model, relative_model, tmp_path):
        pytest.importorskip('jinja2')
        root = tmp_path / 'scenes'
        root.mkdir()
        (root / 'scenes.yaml').write_text('{seed: 5, height: 56, width: 70, frames: {val: 5}}')
        names = {kind: tmp_path / f'out.{kind}' for kind in ('json', 'csv', 'html')}
        done = run(random_model, relative_model, '--data', 'procedural', '--root', root, '--split', 'val',
                   '--frames', 3, *(word for kind, path in names.items() for word in (f'--{kind}', path)))  # fmt: skip
        assert done.exit_code == 0, done.output
        assert PROTOCOLS['plain'].sentence('relative')[:40] in ' '.join(done.output.split())
        data = json.loads(names['json'].read_text())
        assert read_data(names['html'].read_text()) == data
        assert [(r['model'], r['aligned']) for r in data['results']] == [
            ('random', 'none'),
            ('relative', 'lsq_disparity'),
        ]
        rows = list(csv.DictReader(names['csv'].open()))
        assert len(rows) == 2 * 3
        for result in data['results']:
            own = [float(r['abs_rel']) for r in rows if r['model'] == result['model']]
            assert result['groups']['all']['abs_rel'] == pytest.approx(np.mean(own), rel=1e-6)
            assert sum(r['pixels'] for r in result['groups']['all']['ranges']) == result['groups']['all']['pixels']

    def test_the_default_set_needs_nothing_on_disk(self, random_model, tmp_path):
        found = tmp_path / 'out.json'
        done = run(random_model, '--frames', 2, '--height', 56, '--width', 70, '--no-details', '--align', 'none',
                   '--align', 'median', '--json', found)  # fmt: skip
        assert done.exit_code == 0, done.output
        results = json.loads(found.read_text())['results']
        assert [r['aligned'] for r in results] == ['none', 'median']
        assert results[0]['groups']['all']['frames'] == 2

    @pytest.mark.parametrize(
        ('arguments', 'words'),
        [
            (('nothing-of-this-name',), 'nothing-of-this-name'),
            (('--data', 'nyuv2'), '--root'),
            (('--data', 'nonsense', '--root', '.'), 'nonsense'),
            (('--protocol', 'nonsense'), 'kitti_garg'),
            (('--align', 'nonsense'), 'lsq_disparity'),
        ],
    )
    def test_what_a_user_can_mend_is_one_sentence(self, arguments, words, monkeypatch):
        monkeypatch.setattr('sys.argv', ['dav2-train', 'evaluate', '--frames', '1', *arguments])
        with pytest.raises(SystemExit, match=f'^dav2-train: .*{words}'):
            main()


class Bright:
    """Takes what is bright for near."""

    name, kind, facts = 'bright', 'relative', {}

    def __call__(self, rgb, camera=None):
        return rgb[..., 1].astype(np.float32)


class TestPairs:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Write DA-2K as it is published: ramps that get brighter to the right, one with its lower half flat."""
        entries = {}
        for name, flat in (('images/indoor/a.png', False), ('images/aerial/b.png', True)):
            ramp = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(48, 0)
            if flat:
                ramp[24:] = 90
            (tmp_path / name).parent.mkdir(parents=True)
            cv2.imwrite(str(tmp_path / name), ramp)
            pairs = [([5, 60], [5, 3]), ([5, 3], [5, 60]), ([40, 60], [40, 3])]
            entries[name] = [{'point1': a, 'point2': b, 'closer_point': 'point1'} for a, b in pairs]
        (tmp_path / 'annotations.json').write_text(json.dumps(entries))
        return tmp_path

    def test_right_wrong_and_ties_are_counted_by_scene(self, root: Path):
        found = evaluate_pairs.evaluate_model(Bright(), open_set('da2k', root), range(2), worst=1)
        assert [(s.scene, s.right, s.pairs, s.ties) for s in found.score.scenes] == [
            ('indoor', 2, 3, 0), ('aerial', 1, 3, 1)
        ]  # fmt: skip
        assert found.score.total.accuracy == pytest.approx(3 / 6)
        assert len(found.wrong) == 1
        (name, drawn), (_, painted) = found.wrong[0].panels
        assert name == 'picture' and drawn.shape == painted.shape == (360, 480, 3)

    def test_points_are_drawn_where_they_are_green_the_closer(self, root: Path):
        pair = open_set('da2k', root).picture(1).pairs[0]
        drawn = evaluate_pairs.draw_pairs(np.zeros((48, 64, 3), np.uint8), [pair])
        for k, colour in ((pair.closer, evaluate_pairs.NEAR_RGB), (1 - pair.closer, evaluate_pairs.FAR_RGB)):
            row, column = pair.points[k]
            assert tuple(drawn[int(7.5 * (row + 0.5)), int(7.5 * (column + 0.5))]) == colour

    def test_the_command_writes_what_it_prints(self, root: Path, random_model, relative_model, tmp_path):
        pytest.importorskip('jinja2')
        names = {kind: tmp_path / f'out.{kind}' for kind in ('json', 'csv', 'html')}
        done = run(random_model, relative_model, '--data', 'da2k', '--root', root,
                   *(word for kind, path in names.items() for word in (f'--{kind}', path)))  # fmt: skip
        assert done.exit_code == 0, done.output
        data = json.loads(names['json'].read_text())
        assert read_data(names['html'].read_text()) == data
        rows = list(csv.DictReader(names['csv'].open()))
        for result in data['results']:
            right = sum(int(r['right']) for r in rows if r['model'] == result['model'])
            assert result['accuracy'] == pytest.approx(right / 6)


class TestDisparity:
    @pytest.mark.parametrize(('factor', 'offset'), [(1.0, 0.0), (5.0, -2.0)])
    def test_an_affine_disparity_is_equal_to_the_truth_and_draws_no_difference(self, factor, offset):
        found = evaluate_disparity.evaluate_model(
            Oracle(SCENES, 'relative', factor, offset), SCENES, range(3), 0, worst=2
        )
        assert found.means['ssim'] == pytest.approx(1.0, abs=1e-5)
        assert found.means['mae'] == pytest.approx(0.0, abs=1e-5)
        assert len(found.worst) == 2
        for pictures in found.worst:
            _, (_, truth), (_, fitted), (_, difference) = pictures.panels
            assert np.abs(truth.astype(int) - fitted).mean() < 1
            assert difference.min() > 240  # white: right

    def test_metres_are_judged_as_their_inverse(self):
        metric, relative = (
            evaluate_disparity.evaluate_model(Oracle(SCENES, kind), SCENES, range(3), 0, worst=0)
            for kind in ('metric', 'relative')
        )
        assert metric.means == pytest.approx(relative.means, abs=1e-6)

    def test_the_command_writes_what_it_prints(self, relative_model, tmp_path):
        pytest.importorskip('jinja2')
        names = {kind: tmp_path / f'out.{kind}' for kind in ('json', 'csv', 'html')}
        done = run(relative_model, '--disparity', '--frames', 2, '--height', 56, '--width', 70,
                   *(word for kind, path in names.items() for word in (f'--{kind}', path)))  # fmt: skip
        assert done.exit_code == 0, done.output
        data = json.loads(names['json'].read_text())
        assert read_data(names['html'].read_text()) == data
        rows = list(csv.DictReader(names['csv'].open()))
        assert data['results'][0]['ssim'] == pytest.approx(np.mean([float(r['ssim']) for r in rows]), rel=1e-5)
