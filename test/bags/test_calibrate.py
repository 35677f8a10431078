# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 calibrate` on recordings made of the bundled one, whose depth is exact."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
pytest.importorskip('matplotlib', reason='matplotlib is not installed (pip: the extra plot)')

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.camera import Camera
from dav2_ros.commands.app import app
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.models import checkpoints
from dav2_ros.models.registry import BUNDLED
from dav2_ros.parameter import build
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.correction import Correction, fit_with_shift, residuals_by_range
from dav2_ros.scale.fit import fit_scale
from dav2_ros.scale.measurements import Pairs
from dav2_ros.scale.pose import Pose

STRETCH = 0.7  # of the focal length that the recorded camera_info states: a calibration of another lens
LIDAR = Pose.from_rpy((0.05, -0.2, 0.1), (0.0, 0.1, 0.02))  # seen from the camera, body to body
FRAMES = slice(2, 30, 9)  # four, all of the room
TORCH = ('--engine', 'torch', '-p', 'precision:=fp32')  # nothing to prove
DEPTH, CLOUD = '/camera/depth/image/compressedDepth', '/lidar/points'


@pytest.fixture(scope='module')
def demo() -> list[tuple[Frame, DepthMap]]:
    with BagReader(DEMO_BAG) as bag:
        return list(zip(bag.frames(), bag.depths()))[FRAMES]


def cloud_message(xyz_m: np.ndarray, stamp_ns: int):
    types = messages.kilted().types
    fields = [types['sensor_msgs/msg/PointField'](name, 8 * i, 8, 1) for i, name in enumerate('xyz')]
    data = xyz_m.astype('>f8').view(np.uint8).ravel()
    header = messages.header(stamp_ns, 'lidar')
    return types['sensor_msgs/msg/PointCloud2'](
        header, 1, len(xyz_m), fields, True, 24, 24 * len(xyz_m), data, True
    )  # fmt: skip


@pytest.fixture(scope='module')
def bag(demo, tmp_path_factory) -> Path:
    """Write the pictures with a camera_info of a shorter lens, their true depth, and a LiDAR that stands beside."""
    path = tmp_path_factory.mktemp('bags') / 'drive'
    rng = np.random.default_rng(0)
    to_lidar = LIDAR.of_bodies().inverse()
    with BagWriter(path) as out:
        for frame, depth in demo:
            camera = replace(frame.camera, fx_px=STRETCH * frame.camera.fx_px, fy_px=STRETCH * frame.camera.fy_px)
            out.camera_info('/camera/camera_info', camera, frame.stamp_ns, frame.frame_id)
            out.picture('/camera/image', frame, quality=95)
            out.depth('/camera/depth/image', depth)
            xyz_m = camera.unproject(depth.z_m)[::12, ::5].reshape(-1, 3)
            xyz_m = xyz_m[np.isfinite(xyz_m).all(axis=1)]
            xyz_m[rng.random(len(xyz_m)) < 0.2] *= 3.0
            out.write(CLOUD, cloud_message(to_lidar.apply(xyz_m), frame.stamp_ns + 7_000_000), frame.stamp_ns)
    return path


@pytest.fixture(scope='module')
def best(demo) -> float:
    """What the truth says directly: the scale of the same model on the same pictures through the right lens."""
    with DepthEstimator(checkpoints.load(BUNDLED), engine='torch', precision='fp32') as estimator:
        ratios = [(d.z_m / estimator.estimate(frame)[0].z_m)[::4, ::4].ravel() for frame, d in demo]
    ratios = np.concatenate(ratios)
    return float(np.median(ratios[np.isfinite(ratios) & (ratios > 0)]))


def calibrated(bag: Path, tmp_path: Path, *options: str) -> tuple[dict, str]:
    out = tmp_path / 'camera' / 'calibration.yaml'
    done = CliRunner().invoke(app, ['calibrate', '--bag', str(bag), *TORCH, '--out', str(out), *options])
    assert done.exit_code == 0, done.output
    drawn = cv2.imread(str(out.with_suffix('.png')))
    assert drawn is not None and drawn.std() > 5
    assert sorted(p.name for p in out.parent.iterdir()) == ['calibration.png', 'calibration.yaml']
    return yaml.safe_load(out.read_text())['/**']['ros__parameters'], done.output


def test_depth_images_give_the_scale(bag: Path, best: float, tmp_path: Path) -> None:
    """The model corrects for the lens that camera_info states, which is wrong: calibration undoes that."""
    parameters, output = calibrated(bag, tmp_path, '--depth-topic', DEPTH)
    assert parameters['scale_source'] == 'fixed' and parameters['model'] == BUNDLED
    assert parameters['scale_fixed'] == pytest.approx(best / STRETCH, rel=0.05)
    rows = re.findall(r'([-+][\d.]+) % +([\d.]+) % +([-+][\d.]+) % +([\d.]+) %', output)
    before, size_before, after, size_after = map(float, rows[-1])
    assert before < -20 and abs(after) < 5 and size_after < 0.6 * size_before


def test_a_lidar_beside_the_camera_gives_the_same_scale(bag: Path, tmp_path: Path) -> None:
    reference, _ = calibrated(bag, tmp_path, '--depth-topic', DEPTH)
    pose = ('--sensor-xyz', '0.05,-0.2,0.1', '--sensor-rpy-deg', f'0,{np.degrees(0.1)},{np.degrees(0.02)}')
    parameters, output = calibrated(bag, tmp_path, '--lidar-topic', CLOUD, *pose)
    assert parameters['scale_fixed'] == pytest.approx(reference['scale_fixed'], rel=0.02)
    inliers, total = map(int, re.search(r'(\d+) of (\d+) agree', output).groups())
    assert inliers < 0.95 * total, 'a fifth of the returns were three times too far'


def test_a_tape_measure_gives_the_scale(bag: Path, demo, tmp_path: Path) -> None:
    """Distances along the ray, read off the truth of one picture; a recording of a camera that stands has that one."""
    frame, depth = demo[0]
    standing = tmp_path / 'standing'
    with BagWriter(standing) as out:
        for i in range(2):
            later = replace(frame, stamp_ns=frame.stamp_ns + i * 100_000_000)
            out.camera_info('/camera/camera_info', frame.camera, later.stamp_ns, 'camera')
            out.picture('/camera/image', later, quality=95)
    range_m = np.linalg.norm(frame.camera.unproject(depth.z_m), axis=-1)
    spots = [(u, v) for v in (200, 300, 400) for u in (100, 250, 400, 550)]
    tape = [option for u, v in spots for option in ('--distance', f'{u},{v},{range_m[v, u]:.3f}')]
    parameters, output = calibrated(standing, tmp_path, *tape)
    with DepthEstimator(checkpoints.load(BUNDLED), engine='torch', precision='fp32') as estimator:
        estimated = estimator.estimate(frame)[0].z_m
    ratios = [depth.z_m[v, u] / estimated[v, u] for u, v in spots]
    assert parameters['scale_fixed'] == pytest.approx(np.median(ratios), rel=0.05)
    assert '100,200' in output


@pytest.mark.parametrize(
    'options, sentence',
    [
        ([], 'Give one of'),
        (['--distance', '1,2,3', '--depth-topic', DEPTH], 'Give one of'),
        (['--distance', '9999,2,3'], 'no distance in a picture of 640x480'),
        (['--distance', '10,20,-1'], 'no distance in a picture'),
        (['--distance', '10,20'], "'10,20' is not 3 numbers"),
        (['--depth-topic', '/nowhere'], '/nowhere is not depth in'),
        (['--lidar-topic', '/camera/camera_info'], 'is not lidar in'),
        (['--lidar-topic', CLOUD, '--tolerance-s', '0.001'], 'the nearest in time is 0.01 s from the picture'),
        (['--lidar-topic', CLOUD, '--sensor-rpy-deg', '0,0,180'], 'Nothing was written'),
        (['--distance', '10,20,3', '--image-topic', '/front/image'], 'nothing on /front/image'),
    ],
)
def test_what_cannot_be_done_is_one_sentence(bag: Path, tmp_path: Path, options: list[str], sentence: str) -> None:
    out = tmp_path / 'calibration.yaml'
    command = ['calibrate', '--bag', str(bag), *TORCH, '--frames', '1', '--out', str(out), *options]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1 and sentence in done.output and done.output.count('dav2:') == 1
    assert not out.exists()


class TestShift:
    def pairs(self, factor: float, shift: float, outliers: float, seed: int) -> Pairs:
        rng = np.random.default_rng(seed)
        model_m = np.exp(rng.uniform(0, 3, 3000))
        known_m = 1.0 / (1.0 / (factor * model_m) + shift) + rng.normal(0, 0.05, 3000)
        wrong = rng.random(3000) < outliers
        known_m[wrong] = np.exp(rng.uniform(-1, 4, wrong.sum()))
        good = known_m > 0.1
        regions = np.arange(good.sum()) % 48
        return Pairs(known_m[good].astype(np.float32), model_m[good].astype(np.float32), regions)

    @pytest.mark.parametrize('seed', range(8))
    @pytest.mark.parametrize('factor, shift', [(1.0, 0.0), (1.5, 0.05), (0.7, -0.02)])
    def test_factor_and_shift_come_back_from_among_outliers(self, factor: float, shift: float, seed: int) -> None:
        pairs = self.pairs(factor, shift, 0.2, seed)
        found = fit_with_shift(pairs, fit_scale(pairs))
        assert found.factor == pytest.approx(factor, rel=0.02) and found.shift_per_m == pytest.approx(shift, abs=0.003)

    def test_one_distance_has_no_shift(self) -> None:
        model_m = np.full(100, 2.0, np.float32)
        pairs = Pairs(1.3 * model_m, model_m, np.arange(100) % 48)
        assert fit_with_shift(pairs, fit_scale(pairs)) == Correction(fit_scale(pairs).value)

    def test_residuals_are_told_by_range_and_over_all(self) -> None:
        model_m = np.array([0.5, 3.0, 3.1, 50.0], np.float32)
        pairs = Pairs(2.0 * model_m, model_m, np.zeros(4, int))
        rows = residuals_by_range(pairs, Correction(2.0))
        assert [(row.near_m, row.pairs) for row in rows] == [(1.0, 1), (4.0, 2), (32.0, 1), (0.0, 4)]
        assert all(row.before == (-0.5, 0.5) and row.after == (0.0, 0.0) for row in rows)


SIZE = 140  # short side of the network's input: quick
FISHEYE = Camera(640, 480, 420.0, 418.0, 322.0, 236.0, 'equidistant', (0.02, -0.005, 0.001, -0.0002))
VIEW_DEG = 60.0
VIEW = Camera.from_hfov(640, 480, np.radians(VIEW_DEG))


def through_fisheye(frame: Frame) -> Frame:
    """Show what a pinhole saw as a fisheye would have: a colour for each of its rays."""
    pixels = frame.camera.project(np.dstack([FISHEYE.rays(), np.ones((480, 640))])).astype(np.float32)
    rgb = cv2.remap(frame.rgb, *np.moveaxis(pixels, -1, 0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return replace(frame, rgb=rgb, camera=FISHEYE)


def on_its_head(frame: Frame, depth: DepthMap) -> tuple[Frame, DepthMap]:
    camera = frame.camera.turned(2)
    frame = replace(frame, rgb=np.ascontiguousarray(frame.rgb[::-1, ::-1]), camera=camera)
    return frame, replace(depth, z_m=np.ascontiguousarray(depth.z_m[::-1, ::-1]), camera=camera)


def truth_in_view(depth: DepthMap, camera: Camera) -> np.ndarray:
    """Return the truth of another pinhole at the same place: Z along the same axis, ray by ray."""
    pixels = depth.camera.project(np.dstack([camera.rays(), np.ones((camera.height, camera.width))]))
    u, v = np.moveaxis(pixels.astype(np.float32), -1, 0)
    return cv2.remap(depth.z_m, u, v, cv2.INTER_NEAREST, borderValue=float('nan'))


def drive_of(path: Path, pairs: list[tuple[Frame, DepthMap]]) -> Path:
    """Write pictures of a camera, and depth images that are right, each with its own camera_info."""
    with BagWriter(path) as out:
        for frame, depth in pairs:
            out.camera_info('/camera/camera_info', frame.camera, frame.stamp_ns, 'camera')
            out.picture('/camera/image', replace(frame, frame_id='camera'), quality=98)
            out.camera_info('/truth/camera_info', depth.camera, frame.stamp_ns, 'camera')
            out.depth('/truth/depth/image', replace(depth, frame_id='camera'))
    return path


class TestThroughTheStepsOfTheNode:
    """What is calibrated with the parameters of a node gives right metres with them, and the file carries them."""

    @pytest.fixture(scope='class')
    @staticmethod
    def fisheye(demo, tmp_path_factory) -> Path:
        return drive_of(tmp_path_factory.mktemp('fisheye') / 'drive', [(through_fisheye(f), d) for f, d in demo])

    @pytest.fixture(scope='class')
    @staticmethod
    def upside_down(demo, tmp_path_factory) -> Path:
        return drive_of(tmp_path_factory.mktemp('head') / 'drive', [on_its_head(f, d) for f, d in demo])

    def error(self, drive: Path, truths: list[np.ndarray], folder: Path, *options: str) -> float:
        """Return the relative error, in the median, of what `dav2 bag run` makes of a recording."""
        options = *TORCH, '--outputs', 'depth', '-p', 'steady:=none', *options
        done = CliRunner().invoke(app, ['bag', 'run', str(drive), '--out', str(folder / 'out'), *options])
        assert done.exit_code == 0, done.output
        with BagReader(folder / 'out') as bag:
            ratios = [d.z_m / true for d, true in zip(bag.depths('/dav2/depth/image'), truths, strict=True)]
        ratios = np.concatenate([each[np.isfinite(each)] for each in ratios])
        return float(np.median(ratios)) - 1.0

    def test_a_fisheye(self, fisheye: Path, demo, tmp_path: Path) -> None:
        options = '--depth-topic', '/truth/depth/image/compressedDepth', '--size', str(SIZE)
        own = '-p', 'focal_correction:=never'  # or it would take away most of what rectification changes
        steps = *own, '-p', 'rectify:=true', '-p', f'max_hfov_deg:={VIEW_DEG}'
        parameters, _ = calibrated(fisheye, tmp_path / 'with', *options, *steps)
        assert (parameters['rectify'], parameters['max_hfov_deg'], parameters['input_size']) == (True, VIEW_DEG, SIZE)
        assert parameters['focal_correction'] == 'never'
        file = str(tmp_path / 'with' / 'camera' / 'calibration.yaml')
        truths = [truth_in_view(depth, VIEW) for _, depth in demo]
        assert abs(self.error(fisheye, truths, tmp_path, '--params-file', file)) < 0.05
        plain, _ = calibrated(fisheye, tmp_path / 'without', *options, *own)
        assert abs(plain['scale_fixed'] / parameters['scale_fixed'] - 1.0) > 0.1, 'or the steps would not matter'

    def test_a_camera_on_its_head(self, upside_down: Path, demo, tmp_path: Path) -> None:
        options = '--depth-topic', '/truth/depth/image/compressedDepth', '--size', str(SIZE)
        parameters, _ = calibrated(upside_down, tmp_path / 'with', *options, '-p', 'turn_upright:=half')
        assert (parameters['turn_upright'], parameters['rectify']) == ('half', False)
        upright = drive_of(tmp_path / 'upright', demo)
        reference, _ = calibrated(upright, tmp_path / 'upright_too', *options)
        assert parameters['scale_fixed'] == pytest.approx(reference['scale_fixed'], rel=0.01)
        file = str(tmp_path / 'with' / 'camera' / 'calibration.yaml')
        truths = [on_its_head(*pair)[1].z_m for pair in demo]
        assert abs(self.error(upside_down, truths, tmp_path, '--params-file', file)) < 0.05

    def test_a_tape_measure_knows_the_pixels_of_the_recorded_picture(self, fisheye: Path, demo, tmp_path: Path) -> None:
        frame, depth = demo[0]
        seen = replace(through_fisheye(frame), frame_id='camera')
        drive = drive_of(tmp_path / 'standing', [(seen, depth)])
        spots = [(u, v) for v in (300, 360) for u in (160, 240, 420, 480)]
        rays = np.array([[*FISHEYE.rays()[v, u], 1.0] for u, v in spots])
        places = np.rint(VIEW.project(rays)).astype(int)
        z_m = truth_in_view(depth, VIEW)
        known_m = np.array([z_m[v, u] for u, v in places])
        tape = [f'{u},{v},{z * np.linalg.norm(ray):.4f}' for (u, v), z, ray in zip(spots, known_m, rays, strict=True)]
        steps = '-p', 'rectify:=true', '-p', f'max_hfov_deg:={VIEW_DEG}', '--size', str(SIZE)
        options = [part for each in tape for part in ('--distance', each)]
        parameters, _ = calibrated(drive, tmp_path, *options, *steps)
        fixed = {'engine': 'torch', 'precision': 'fp32', 'input_size': SIZE, 'rectify': True, 'max_hfov_deg': VIEW_DEG}
        with DepthPipeline(build(OfflineParameters, fixed)) as pipeline:
            found_m = pipeline.process(seen).depth.z_m
        ratios = known_m / [found_m[v, u] for u, v in places]
        assert parameters['scale_fixed'] == pytest.approx(np.median(ratios), rel=0.05)
