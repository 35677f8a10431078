# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One recording through every door with the same parameters gives the same depth: doors.py says which parameters.

To the bit where the engine and its batch are the same, within the gate's tolerance elsewhere. The doors on the ROS
graph are in nodes/test_node_doors.py. Photos and videos have no camera_info and no LiDAR: where a set rectifies they
are given the rectified pictures, and a set with a LiDAR is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import doors
import numpy as np
import pytest
from doors import SETS, WITH_SENSOR, Wanted, alike, parameters, same, settings
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')

from dav2_ros.bags.camera_stream import stream_with_sensor
from dav2_ros.bags.evaluation.evaluate import EvaluationOptions, evaluate
from dav2_ros.bags.evaluation.ground_truth import SensorTruth
from dav2_ros.bags.reference_sensor import RecordedSensor
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.commands.app import app
from dav2_ros.frames import Frame
from dav2_ros.image.rectify import Rectifier
from dav2_ros.media.depth_files import VERTEX
from dav2_ros.models.registry import BUNDLED
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.parameters.read import read_parameters
from dav2_ros.pipeline import DepthPipeline, make_estimator
from dav2_ros.view.timeline import estimated, filmed_clips, recorded_clip
from dav2_ros.web.result import painted
from dav2_ros.web.service import DepthService, JobRequest
from dav2_training.evaluation.predictors import EstimatorPredictor

pytestmark = pytest.mark.usefixtures('one_thread')

ALL = pytest.mark.parametrize('name', SETS)
WITHOUT_SENSOR = pytest.mark.parametrize('name', [name for name in SETS if name not in WITH_SENSOR])


@pytest.fixture(scope='module')
def frames() -> list[doors.Shown]:
    return doors.shown()


@pytest.fixture(scope='module')
def bag(frames: list[doors.Shown], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doors.recording(tmp_path_factory.mktemp('doors') / 'drive', frames)


class Reference:
    """What the pipeline gives, of each set once."""

    def __init__(self, frames: list[doors.Shown]) -> None:
        self._frames = frames
        self._kept: dict[tuple[str, str], Wanted] = {}

    def __call__(self, name: str, of: str = 'recording') -> Wanted:
        """Of the recording, of a `video` of its pictures, or of them as `photos`."""
        if (name, of) not in self._kept:
            params = parameters(name, **({'steady': 'none'} if of == 'photos' else {}))
            frames = [each.frame for each in self._frames] if of == 'recording' else []
            frames = frames or doors.for_photos(name, self._frames)[0]
            measured = [each.measurement if name in WITH_SENSOR else None for each in self._frames]
            if of != 'recording':
                params = parameters(name, rectify=False, **({'steady': 'none'} if of == 'photos' else {}))
            with DepthPipeline(params) as pipeline:
                self._kept[name, of] = doors.wanted(pipeline, frames, measured, apart=of == 'photos')
        return self._kept[name, of]


@pytest.fixture(scope='module')
def wanted(frames: list[doors.Shown]) -> Reference:
    return Reference(frames)


def invoke(*args: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in args])
    assert done.exit_code == 0, done.output
    return done.output


@ALL
def test_every_step_of_a_set_does_something(name: str, frames: list[doors.Shown], wanted: Reference) -> None:
    """Or the law would hold of steps that nobody takes."""
    without = {'remove_flying': False, 'scale_source': 'none', 'max_range_m': 0.0, 'turn_upright': 'none',
               'rectify': False, 'min_confidence': 0.0, 'steady': 'none', 'output_size': 'camera'}  # fmt: skip
    own = parameters(name)
    values = SETS[name] | {'steady': own.estimator.steady}
    if 'scale_source' in values:
        assert all(abs(scale - 1.0) > 0.05 for scale in wanted(name).scales)
    for step in without.keys() & values.keys():
        if values[step] == without[step]:
            continue
        with DepthPipeline(parameters(name, **{step: without[step]})) as pipeline:
            measured = [each.measurement if name in WITH_SENSOR else None for each in frames]
            other = doors.wanted(pipeline, [each.frame for each in frames], measured, apart=False)
        pairs = zip(other.depths, wanted(name).depths, strict=True)
        assert any(not np.array_equal(a.z_m, b.z_m, equal_nan=True) for a, b in pairs), step


@ALL
def test_python(name: str, frames: list[doors.Shown], wanted: Reference) -> None:
    with DepthPipeline(parameters(name)) as pipeline:
        measured = [each.measurement if name in WITH_SENSOR else None for each in frames]
        found = [pipeline.process(each.frame, at) for each, at in zip(frames, measured, strict=True)]
    same([each.depth.z_m for each in found], wanted(name).depths)
    assert [each.stats.scale for each in found] == wanted(name).scales


@ALL
def test_bag_run(name: str, bag: Path, wanted: Reference, tmp_path: Path) -> None:
    """It gives the engine four pictures at once."""
    invoke('bag', 'run', bag, '--out', tmp_path / 'out', '--outputs', 'depth', '--topic', doors.IMAGE, *settings(name))
    with BagReader(tmp_path / 'out') as written:
        found = list(written.depths('/dav2/depth/image'))
    alike([depth.z_m for depth in found], wanted(name).depths)
    assert [depth.camera.k.tolist() for depth in found] == [depth.camera.k.tolist() for depth in wanted(name).depths]


@pytest.mark.parametrize('name', [name for name, values in SETS.items() if 'output_size' not in values])
def test_bag_evaluate(name: str, frames: list[doors.Shown], wanted: Reference, tmp_path: Path) -> None:
    """Judged by itself depth has no error, raw and in right metres. (It compares depth of the camera's size.)"""
    truths = {'/raw': wanted(name).raw, '/scaled': wanted(name).depths}
    path, params = doors.recording(tmp_path / 'drive', frames, truths), parameters(name)
    for variant in ('raw', 'scaled') if params.scale.scale_source != 'none' else ('raw',):
        with BagReader(path) as bag, DepthPipeline(params) as pipeline:
            truth = SensorTruth(RecordedSensor(bag, 'depth', f'/{variant}/depth', params.scale))
            stream, options = stream_with_sensor(bag, params, topic=doors.IMAGE), EvaluationOptions()
            judged = evaluate(stream, truth, pipeline, options, is_scaled=variant == 'scaled')
        (found,) = [each for each in judged.judged if each.variant == variant]
        assert len(found.frames) == doors.COUNT and not judged.refused
        assert {(row.metrics.abs_rel, row.metrics.rmse, row.coverage) for row in found.frames} == {(0.0, 0.0, 1.0)}


@pytest.fixture(scope='module')
def extracted(frames: list[doors.Shown], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures that `dav2 bag extract` takes out of the recording; its depth is that of anything."""
    folder = tmp_path_factory.mktemp('extracted')
    depths = [doors.DepthMap(np.full((doors.HEIGHT, doors.WIDTH), 3.0, np.float32), doors.CAMERA) for _ in frames]
    bag = doors.recording(folder / 'drive', frames, {'/known': depths})
    invoke('bag', 'extract', bag, folder / 'set', '--depth-topic', '/known/depth', '--image-topic', doors.IMAGE,
           '--val-share', 0, '--gap-s', 0)  # fmt: skip
    return folder / 'set' / 'rgb'


def arrays(folder: Path) -> list[np.ndarray]:
    return [np.load(path) for path in sorted(folder.rglob('*_depth.npy'))]


@pytest.mark.parametrize('name', [name for name in SETS if name not in (*WITH_SENSOR, *doors.RECTIFYING)])
def test_infer_of_what_bag_extract_took(name: str, extracted: Path, wanted: Reference, tmp_path: Path) -> None:
    """The files are the recorded pictures, and know nothing of their lens."""
    invoke('infer', extracted, '--out', tmp_path / 'out', '--hfov', doors.HFOV_DEG, *settings(name))
    same(arrays(tmp_path / 'out'), wanted(name, 'photos').depths)


def photos(folder: Path, frames: list[Frame]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f'{i}.png' for i in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        cv2.imwrite(str(path), frame.rgb[..., ::-1])
    return paths


def film(path: Path, frames: list[Frame]) -> Path:
    """Write a video without loss: FFV1 of RGB."""
    av = pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('ffv1', rate=10)
        stream.width, stream.height, stream.pix_fmt = doors.WIDTH, doors.HEIGHT, 'bgr0'
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame.rgb, format='rgb24').reformat(format='bgr0')
            picture.pts, picture.time_base = i, Fraction(1, 10)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


@WITHOUT_SENSOR
def test_infer_of_pictures_and_of_a_video(name: str, frames: list[doors.Shown], wanted: Reference, tmp_path) -> None:
    """Pictures know nothing of each other; the frames of a video are stabilised, as the recording's are."""
    pictures, hfov_deg = doors.for_photos(name, frames)
    photos(tmp_path / 'photos', pictures)
    film(tmp_path / 'clip.mkv', pictures)
    invoke('infer', tmp_path / 'photos', tmp_path / 'clip.mkv', '--out', tmp_path / 'out', '--frames', '--hfov',
           hfov_deg, *settings(name), '-p', 'rectify:=false')  # fmt: skip
    found = arrays(tmp_path / 'out')
    same(found[: doors.COUNT], wanted(name, 'photos').depths)
    same(found[doors.COUNT :], wanted(name, 'video').depths)
    if name not in doors.RECTIFYING or 'height' in name:  # and then it is what the recording gives
        same(found[doors.COUNT :], wanted(name).depths)


@WITHOUT_SENSOR
def test_web(name: str, frames: list[doors.Shown], wanted: Reference, tmp_path: Path) -> None:
    pictures, hfov_deg = doors.for_photos(name, frames)
    paths = photos(tmp_path / 'photos', pictures)
    clip = film(tmp_path / 'clip.mkv', pictures)
    request = JobRequest(BUNDLED, 'torch', hfov_deg, painted(0.5, 40.0))
    (tmp_path / 'home').mkdir()
    with DepthService(tmp_path / 'home', params=parameters(name, OfflineParameters, rectify=False)) as service:
        one = service.picture(paths[0], request)
        same([np.load(one.file('depth.npy'))], wanted(name, 'photos').depths[:1])
        many = service.batch(paths, request)
        same(arrays(many.folder), wanted(name, 'photos').depths)
        video = service.video(clip, request)
    out = tmp_path / 'out'  # of a video there is what is painted alone: that of infer is the same
    invoke('infer', clip, '--out', out, '--hfov', hfov_deg, *settings(name), '-p', 'rectify:=false')
    theirs, ours = pictures_of(video.file), pictures_of(out / 'clip_depth.mp4')
    assert len(theirs) == doors.COUNT
    for a, b in zip(theirs, ours, strict=True):  # x264 is not the same to the bit at the edge of odd sizes
        assert np.abs(a.astype(int) - b).mean() < 0.2


def pictures_of(path: Path) -> list[np.ndarray]:
    av = pytest.importorskip('av', reason='PyAV is not installed (pip: the extra video)')
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format='rgb24') for frame in file.decode(video=0)]


@pytest.mark.parametrize('name', WITH_SENSOR)
def test_files_have_no_lidar_and_say_so(name: str, tmp_path: Path, frames: list[doors.Shown]) -> None:
    photos(tmp_path / 'photos', [frames[0].frame])
    for command in (('infer', tmp_path / 'photos', '--out', tmp_path / 'out'), ('view', tmp_path / 'photos'), ('web',)):
        done = CliRunner().invoke(app, [*map(str, command), *settings(name)])
        assert done.exit_code == 1 and done.output.count('\n') == 1
        assert 'scale_source is lidar, and no sensor was recorded' in done.output


def points_of(path: Path) -> np.ndarray:
    head, _, data = path.read_bytes().partition(b'end_header\n')
    assert head.startswith(b'ply')
    return np.frombuffer(data, VERTEX)


def test_clouds_of_files_have_the_points_of_their_depth(frames: list[doors.Shown], tmp_path: Path) -> None:
    """Without flying points, which are removed from depth here, and in right metres: pictures and frames of videos."""
    name = 'flying pixels, network grid'
    own = ['-p', 'cloud_remove_flying:=false', '-p', 'scale_source:=fixed', '-p', 'scale_fixed:=1.5']
    pictures, hfov_deg = doors.for_photos(name, frames)
    paths = photos(tmp_path / 'photos', pictures[:2])
    clip, out = film(tmp_path / 'clip.mkv', pictures[:3]), tmp_path / 'out'
    invoke('infer', *paths, clip, '--out', out, '--frames', '--ply', '--hfov', hfov_deg, *settings(name), *own)
    fixed = {'cloud_remove_flying': False, 'scale_source': 'fixed', 'scale_fixed': 1.5}
    (tmp_path / 'home').mkdir()
    with DepthService(tmp_path / 'home', params=parameters(name, OfflineParameters, **fixed)) as service:
        request = JobRequest(BUNDLED, 'torch', hfov_deg, painted(0.5, 40.0))
        web = service.batch(paths, request).folder
    clouds = sorted([*out.rglob('*_cloud.ply'), *web.rglob('*_cloud.ply')])
    assert len(clouds) == 2 + 3 + 2
    for path in clouds:
        z_m = np.load(path.with_name(path.name.replace('cloud.ply', 'depth.npy')))
        assert 0.4 < np.isfinite(z_m).mean() < 0.9
        np.testing.assert_array_equal(points_of(path)['z'], z_m[np.isfinite(z_m)])


def test_a_calibration_serves_files(frames: list[doors.Shown], tmp_path: Path) -> None:
    """The file of `dav2 calibrate` does in infer what its values do one by one."""
    file = tmp_path / 'calibration.yaml'
    file.write_text('/**:\n  ros__parameters:\n    scale_source: fixed\n    scale_fixed: 1.25\n    input_size: 84\n')
    paths = photos(tmp_path / 'photos', [frames[0].frame])
    engine = '--engine', 'torch', '--precision', 'fp32'
    invoke('infer', *paths, '--out', tmp_path / 'right', *engine, '--params-file', file)
    invoke('infer', *paths, '--out', tmp_path / 'plain', *engine, '--input-size', 84)
    (right,), (plain,) = arrays(tmp_path / 'right'), arrays(tmp_path / 'plain')
    np.testing.assert_array_equal(right, np.float32(1.25) * plain)
    params, _ = read_parameters(OfflineParameters, file, [], precision='fp32')
    (tmp_path / 'home').mkdir()
    with DepthService(tmp_path / 'home', params=params) as service:
        one = service.picture(paths[0], JobRequest(BUNDLED, 'torch', service.hfov_deg, painted(0.5, 40.0)))
        np.testing.assert_array_equal(np.load(one.file('depth.npy')), right)


def test_a_rectified_picture_keeps_its_colours(frames: list[doors.Shown], tmp_path: Path) -> None:
    """What is cut to a narrower view is shown and coloured as that: a photo through a pinhole of 70 degrees, at 60."""
    paths = photos(tmp_path / 'photos', [frames[0].frame])
    cut = '-p', 'rectify:=true', '-p', f'max_hfov_deg:={doors.VIEW_DEG}'
    engine = '--engine', 'torch', '--precision', 'fp32', '--input-size', 84
    invoke('infer', *paths, '--out', tmp_path / 'out', *engine, '--ply', '--hfov', doors.HFOV_DEG, *cut)
    wanted = Rectifier(doors.PINHOLE, doors.VIEW).apply(frames[0].frame.rgb)
    shown = cv2.imread(str(tmp_path / 'out' / '0_color.png'))[:, : doors.WIDTH, ::-1]
    np.testing.assert_array_equal(shown, wanted)
    points = points_of(tmp_path / 'out' / '0_cloud.ply')
    uv = np.rint(doors.VIEW.project(np.stack([points[axis] for axis in 'xyz'], axis=-1))).astype(int)
    np.testing.assert_array_equal(np.stack([points[name] for name in ('red', 'green', 'blue')], axis=-1),
                                  wanted[uv[:, 1], uv[:, 0]])  # fmt: skip


@ALL
def test_view_of_the_recording(name: str, bag: Path, wanted: Reference) -> None:
    params = parameters(name)
    with BagReader(bag) as reader, DepthPipeline(params) as pipeline:
        stream = stream_with_sensor(reader, params, topic=doors.IMAGE)
        found = list(estimated([recorded_clip(stream)], pipeline))
    same([moment.depth.z_m for moment in found], wanted(name).depths)
    assert [moment.numbers['scale'] for moment in found] == wanted(name).scales


@WITHOUT_SENSOR
def test_view_of_pictures_and_of_a_video(name: str, frames: list[doors.Shown], wanted: Reference, tmp_path) -> None:
    pictures, hfov_deg = doors.for_photos(name, frames)
    photos(tmp_path / 'photos', pictures)
    film(tmp_path / 'photos' / 'clip.mkv', pictures)
    with DepthPipeline(parameters(name, rectify=False)) as pipeline:
        found = [each.depth.z_m for each in estimated(filmed_clips(tmp_path / 'photos', hfov_deg), pipeline)]
    same(found[: doors.COUNT], wanted(name, 'photos').depths)
    same(found[doors.COUNT :], wanted(name, 'video').depths)


def test_evaluation_of_training(frames: list[doors.Shown]) -> None:
    """It judges pictures of data sets: upright pinholes, and metres as the network gives them."""
    params = doors.build(OfflineParameters, {**doors.ENGINE, 'steady': 'none'})
    with DepthPipeline(params) as pipeline, make_estimator(params.estimator) as estimator:
        predict = EstimatorPredictor(estimator)
        for each in frames[::2]:
            frame = Frame(each.frame.rgb, doors.PINHOLE)
            np.testing.assert_array_equal(predict(frame.rgb, frame.camera), pipeline.process(frame).depth.z_m)


@ALL
def test_several_cameras_in_one_batch(name: str, frames: list[doors.Shown], wanted: Reference) -> None:
    """Two cameras share an estimator, one of them a picture behind: each gets its own depth."""
    params = parameters(name)
    with make_estimator(params.estimator, batch=2) as estimator:
        first, second = DepthPipeline(params, estimator), DepthPipeline(params, estimator)
        found: tuple[list[np.ndarray], list[np.ndarray]] = [], []
        for i in range(doors.COUNT + 1):
            turns = [(first, 0, i), (second, 1, i - 1)]
            turns = [turn for turn in turns if 0 <= turn[2] < doors.COUNT]
            requests = [pipeline.request(frames[k].frame) for pipeline, _, k in turns]
            for (pipeline, of, k), request, estimate in zip(
                turns, requests, estimator.estimate_many(requests), strict=True
            ):
                measurement = frames[k].measurement if name in WITH_SENSOR else None
                found[of].append(pipeline.finish(request, estimate, measurement).depth.z_m)
    for each in found:
        alike(each, wanted(name).depths)


@pytest.fixture(scope='module', autouse=True)
def quiet_progress() -> Iterator[None]:
    """Keep bars out of the output of commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TERM', 'dumb')
        yield
