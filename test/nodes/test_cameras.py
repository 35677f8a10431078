# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Many cameras of one depth node: each has what is its own, and none feels what another does."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from diagnostic_msgs.msg import DiagnosticArray
from graph.peer import BEST_EFFORT, OUTPUTS, RELIABLE, Peer, a_header, a_picture, an_image, an_info, qos, stamp_ns
from sensor_msgs.msg import CameraInfo, Image

from dav2_ros.camera import Camera
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.models import checkpoints
from dav2_ros.nodes.conversions import cloud_from_msg

NAMES = ('front', 'left', 'right', 'rear')
OPENED = 'exact, and open at once'  # what the log says of each engine that is opened
WHITE, BLACK = np.full((48, 64, 3), 255, np.uint8), np.zeros((48, 64, 3), np.uint8)  # see faulty_depth_node.py


class OneOf(Peer):
    """The camera, and the consumer, of one of many cameras."""

    def __init__(self, context, namespace: str, camera: str) -> None:
        self._status_name = f'{namespace}/depth: {camera}/depth'
        super().__init__(context, f'{namespace}/{camera}', RELIABLE)

    def _diagnosed(self, array: DiagnosticArray) -> None:
        self.statuses += [each for each in array.status if each.name == self._status_name]

    def values(self) -> dict[str, str]:
        """Return what the next diagnostics say."""
        self.statuses.clear()
        self.until(lambda: self.statuses, 'diagnostics')
        return {each.key: each.value for each in self.statuses[-1].values}


@pytest.fixture(scope='module')
def rig(start, graph):
    """Yield a function that starts a node for some cameras and gives its process, its operator and the cameras."""
    opened = []

    def rig(*names: str, **options):
        options = {'diagnostics_period_s': 0.2, 'cloud_remove_flying': False} | options
        process, operator = start(cameras=f'[{",".join(names)}]', **options)
        cameras = [OneOf(graph, operator.namespace, name) for name in names]
        opened.extend(cameras)
        return process, operator, cameras

    yield rig
    for each in opened:
        each.close()


@pytest.fixture(scope='module')
def four(rig):
    """One node with four cameras of one shape: whoever leaves it as found may use it."""
    return rig(*NAMES)


@pytest.fixture(scope='module')
def alone(random_model):
    """Yield what the estimator says of a picture, without any node."""
    with DepthEstimator(checkpoints.load(random_model), engine='torch', precision='fp32') as estimator:

        def z_m(rgb: np.ndarray, f_px: float) -> np.ndarray:
            height, width = rgb.shape[:2]
            camera = Camera(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)
            return estimator.estimate(Frame(rgb, camera))[0].z_m

        yield z_m


def show_all(cameras: list[Peer], pictures: list[np.ndarray], patience_s: float = 60.0) -> list[int]:
    """Show a picture on every camera at once, until one such round has come back whole; return its stamps."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        stamps = []
        for camera, rgb in zip(cameras, pictures, strict=True):
            header = a_header()
            camera.info.publish(an_info(header, rgb.shape[1], rgb.shape[0]))
            camera.image.publish(an_image(rgb, header))
            stamps.append(stamp_ns(an_image(rgb, header)))
        round_s = time.monotonic() + 5.0
        while time.monotonic() < round_s:
            for camera in cameras:
                camera.spin(0.01)
            if all(camera.heard('depth/image', ns) for camera, ns in zip(cameras, stamps, strict=True)):
                return stamps
    raise AssertionError('not every camera was answered')


def test_each_camera_has_its_topics_stamps_and_calibration(four, alone) -> None:
    _, _, cameras = four
    for k, camera in enumerate(cameras):
        camera.only(*OUTPUTS)
        rgb, f_px, frame_id = a_picture(seed=k), 60.0 + 20.0 * k, f'{NAMES[k]}_optical'

        def make(header, rgb=rgb, f_px=f_px, frame_id=frame_id):
            header.frame_id = frame_id
            return an_image(rgb, header), an_info(header, f_px=f_px)

        answer = camera.show(rgb, make=make)
        assert {output.header.frame_id for output in answer.outputs.values()} == {frame_id}
        assert len({stamp_ns(output) for output in answer.outputs.values()}) == 1
        np.testing.assert_allclose(answer.z_m, alone(rgb, f_px), rtol=1e-5)
        assert answer['depth/camera_info'].k[0] == f_px
        points = cloud_from_msg(answer['points'])
        np.testing.assert_allclose(points['x'][:, 0], -31.5 / f_px * points['z'][:, 0], rtol=1e-5, atol=1e-6)
        assert answer['stats'].frames_processed <= answer['stats'].frames_received
        camera.only()


def test_images_of_one_moment_become_the_depth_of_each(four, alone) -> None:
    _, _, cameras = four
    pictures = [a_picture(seed=k) for k in range(4)]
    for camera in cameras:
        camera.only('depth/image')
    for camera, rgb, ns in zip(cameras, pictures, show_all(cameras, pictures), strict=True):
        z_m = np.frombuffer(camera.heard('depth/image', ns).data, np.float32).reshape(48, 64)
        np.testing.assert_allclose(z_m, alone(rgb, 60.0), rtol=1e-5)
        camera.only()


def test_four_cameras_of_one_shape_open_the_engines_that_one_camera_opens(four, start) -> None:
    """One copy of the weights: at configure, and for the shape of the pictures."""
    process, _, cameras = four
    for camera in cameras:
        camera.only('depth/image')
        camera.show(a_picture())
        camera.only()
    one, peer = start()
    peer.only('depth/image')
    peer.show(a_picture())
    assert process.log.count(OPENED) == one.log.count(OPENED) == 2


def test_a_camera_nobody_looks_at_rests_while_the_others_work(four) -> None:
    _, _, (front, left, *_) = four
    front.only('depth/image')
    left.only('points')
    front.only()
    assert left.image.get_subscription_count() == 1
    left.show(a_picture())
    front.until(lambda: any('idle' in status.message for status in front.statuses), 'front is idle')
    left.only()


def test_cameras_that_say_nothing_keep_nobody_waiting(four, alone) -> None:
    """The node listens to all; how long is waited for the silent is a law of test_worker.py."""
    _, _, cameras = four
    for camera in cameras:
        camera.only('depth/image')
    for seed in range(5):
        rgb = a_picture(seed=seed)
        np.testing.assert_allclose(cameras[0].show(rgb).z_m, alone(rgb, 60.0), rtol=1e-5)
    for camera in cameras:
        camera.only()


def test_a_camera_that_stops_and_comes_again_leaves_the_others_alone(rig) -> None:
    _, _, (front, rear) = rig('front', 'rear')
    for camera in (front, rear):
        camera.only('depth/image')
        camera.show(a_picture())
    front.node.destroy_publisher(front.image)
    front.node.destroy_publisher(front.info)
    assert 'no image' in front.status(b'\x03', 'STALE').message
    rear.show(a_picture())
    assert rear.status(b'\x00', 'rear is well')
    front.image = front.node.create_publisher(Image, 'image', qos(BEST_EFFORT))
    front.info = front.node.create_publisher(CameraInfo, 'camera_info', qos(BEST_EFFORT))
    front.until(lambda: front.image.get_subscription_count(), 'the node hears the camera again')
    earlier = a_header(1_600_000_000_000_000_000)  # a driver whose clock starts again
    front.show(a_picture(), make=lambda unused: (an_image(a_picture(), earlier), an_info(earlier)))
    rear.show(a_picture())


def test_cameras_of_other_shapes_and_a_change_of_shape(rig, alone) -> None:
    """Two aspect ratios keep their engines; an engine is opened once for each shape that somebody has."""
    process, _, (front, rear) = rig('front', 'rear')
    shapes = {front: (48, 64), rear: (64, 48)}
    for camera in shapes:
        camera.only('depth/image')
    for _ in range(3):
        for camera, (height, width) in shapes.items():
            rgb = a_picture(height, width)
            np.testing.assert_allclose(camera.show(rgb).z_m, alone(rgb, 60.0), rtol=1e-5)
    assert process.log.count(OPENED) == 3  # and the one of configure
    for height, width in ((96, 128), (48, 64)):
        rgb = a_picture(height, width, seed=3)
        np.testing.assert_allclose(front.show(rgb).z_m, alone(rgb, 60.0), rtol=1e-5)
        np.testing.assert_allclose(rear.show(a_picture(64, 48)).z_m, alone(a_picture(64, 48), 60.0), rtol=1e-5)
    assert process.log.count(OPENED) == 5


def test_bad_frames_fail_their_own_camera_alone(rig) -> None:
    """What cannot be decoded, and what the engine throws on in the midst of a batch."""
    process, _, cameras = rig('front', 'rear', script='faulty_depth_node.py', batch_wait_ms=200.0)
    front, rear = cameras
    for camera in cameras:
        camera.only('depth/image')
        camera.show(a_picture())
    bad = front.show_bad(lambda header: (an_image(a_picture(), header), an_info(header, 32, 24)), 'another size')
    assert '64x48' in bad.message
    rear.show(a_picture())
    assert rear.status(b'\x00', 'rear is well')

    def thrown() -> bool:
        header = a_header()
        front.info.publish(an_info(header))
        front.image.publish(an_image(BLACK, header))
        rear.show(a_picture())
        front.spin(0.05)
        return 'out of memory' in front.statuses[-1].message

    front.until(thrown, 'the engine throws on a picture of front')
    assert rear.values()['frames failed'] == '0'
    front.show(a_picture())
    assert front.status(b'\x00', 'front is well again')
    assert process.is_alive and 'Traceback' not in process.log


def test_under_overload_every_camera_gets_its_turn(rig) -> None:
    """The engine takes 0.4 s; one camera sends five times as often as another. Losses are counted by camera."""
    _, _, cameras = rig('front', 'left', 'rear', script='faulty_depth_node.py', max_batch=1)
    for camera in cameras:
        camera.only('depth/image')
        camera.show(a_picture())
        camera.received['depth/image'].clear()
    before = [camera.values() for camera in cameras]
    every = (2, 5, 10)  # hundredths of a second
    started_s, sent = time.monotonic(), 0
    while time.monotonic() - started_s < 8.0:
        for camera, step in zip(cameras, every, strict=True):
            if sent % step == 0:
                header = a_header()
                camera.info.publish(an_info(header))
                camera.image.publish(an_image(WHITE, header))
            camera.spin(0.003)
        sent += 1
    for camera in cameras:
        camera.spin(1.0)
    served = [len(camera.received['depth/image']) for camera in cameras]
    assert min(served) >= 2 and max(served) - min(served) <= 2, served
    for camera, last in zip(cameras, before, strict=True):
        now = camera.values()
        count = {kind: int(now[f'frames {kind}']) - int(last[f'frames {kind}']) for kind in
                 ('received', 'processed', 'dropped', 'failed')}  # fmt: skip
        assert count['received'] == count['processed'] + count['dropped'] and count['dropped'] > 0, count


def test_a_parameter_of_its_own_is_for_one_camera(rig, alone) -> None:
    own = {'front.scale_source': 'fixed', 'front.scale_fixed': 2.0, 'rear.turn_upright': 'half'}
    _, operator, (front, rear) = rig('front', 'rear', **own)
    rgb = a_picture(seed=2)
    for camera in (front, rear):
        camera.only('depth/image')
    np.testing.assert_allclose(front.show(rgb).z_m, 2.0 * alone(rgb, 60.0), rtol=1e-5)
    turned = np.rot90(alone(np.ascontiguousarray(np.rot90(rgb, 2)), 60.0), 2)
    np.testing.assert_allclose(rear.show(rgb).z_m, turned, rtol=1e-5)
    assert (front.values()['scale applied'], rear.values()['scale applied']) == ('2.0000', '1.0000')
    taken, reason = operator.set('rear.turn_upright', 'left')
    assert not taken and 'rear.turn_upright' in reason and 'unconfigured' in reason
    for camera in (front, rear):  # what is of all, on the next frame
        free = camera.show(rgb).z_m
        limit_m = float(np.median(free))
        assert operator.set('max_range_m', limit_m) == (True, '')
        np.testing.assert_array_equal(camera.show(rgb).z_m, np.where(free > np.float32(limit_m), np.inf, free))
        assert operator.set('max_range_m', 0.0)[0]


def test_a_bad_parameter_of_one_camera_is_named(rig, start) -> None:
    process, _ = start(cameras='[front,rear]', active=False, **{'front.turn_upright': 'sideways'})
    process.wait_for_log('Not configured: front.turn_upright')
    assert process.is_alive and 'Traceback' not in process.log
