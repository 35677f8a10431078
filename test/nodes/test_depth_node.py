# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes through the depth node on a real graph: the node is one process, its camera and consumers another."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

import cv2
from graph.peer import (
    BEST_EFFORT,
    OUTPUTS,
    RELIABLE,
    Answer,
    Peer,
    a_header,
    a_picture,
    an_image,
    an_info,
    depth_of,
    qos,
    stamp_ns,
)
from sensor_msgs.msg import CompressedImage
from test_conversions import ENCODINGS, encode, message

from dav2_ros.nodes.conversions import cloud_from_msg, image_to_rgb

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope='module')
def peer(start) -> Peer:
    """One node for all tests here: whoever leaves it as found may use it. Each frame stands for itself."""
    return start(focal_correction='auto', diagnostics_period_s=0.2, cloud_remove_flying=False, steady='none')[1]


def test_every_output_has_the_stamp_and_frame_of_its_image(peer: Peer) -> None:
    peer.only(*OUTPUTS)
    header = a_header(1_699_999_999_000_000_001, 'left eye/optical')
    answer = peer.show(a_picture(), make=lambda unused: (an_image(a_picture(), header), an_info(header)))
    for topic, output in answer.outputs.items():
        assert output.header == header, topic


def test_the_outputs_are_what_they_say(peer: Peer) -> None:
    peer.only(*OUTPUTS)
    rgb = a_picture(seed=1)
    answer = peer.show(rgb)
    z_m = answer.z_m
    assert answer['depth/image'].encoding == '32FC1' and z_m.shape == (HEIGHT, WIDTH)
    assert np.isfinite(z_m).mean() > 0.5 and z_m[np.isfinite(z_m)].min() > 0
    info, wanted = answer['depth/camera_info'], an_info(a_header())
    assert (info.width, info.height, list(info.k), list(info.p)) == (WIDTH, HEIGHT, list(wanted.k), list(wanted.p))
    assert answer['depth/color'].encoding == 'bgr8' and image_to_rgb(answer['depth/color']).shape == rgb.shape
    points = cloud_from_msg(answer['points'])
    assert points.shape == z_m.shape
    np.testing.assert_array_equal(points['z'], np.where(np.isfinite(z_m), z_m, np.nan))
    u = np.arange(WIDTH)
    np.testing.assert_allclose(points['x'], (u - info.k[2]) / info.k[0] * points['z'], rtol=1e-5, atol=1e-6)
    packed = points['rgb'].copy().view(np.uint32)
    np.testing.assert_array_equal(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], -1), rgb)
    stats = answer['stats']
    assert stats.median_z_m == pytest.approx(np.median(z_m[::4, ::4][np.isfinite(z_m[::4, ::4])]), rel=1e-5)
    assert (stats.model, stats.engine, stats.precision) == ('random', 'torch', 'fp32')
    assert stats.focal_correction == pytest.approx(1.0)
    assert min(stats.pre_ms, stats.engine_ms, stats.post_ms, stats.publish_ms) > 0


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_depth_does_not_depend_on_the_encoding(peer: Peer, encoding: str) -> None:
    peer.only('depth/image', 'points')
    rgb = np.kron(a_picture(24, 32), np.ones((1, 1, 1), np.uint8))[:24, :32]
    rgb = np.resize(rgb, (24, 34, 3))  # the size that the encoders of test_conversions know
    msg = message(encode(rgb, encoding), encoding, padding=6, big_endian=encoding.endswith('16'))

    def make(header):
        msg.header = header
        return msg, an_info(header, 34, 24)

    answer = peer.show(rgb, make=make)
    seen = image_to_rgb(msg)
    again = peer.show(seen, make=lambda header: (an_image(seen, header), an_info(header, 34, 24)))
    np.testing.assert_array_equal(answer.z_m, again.z_m)
    assert answer['points'].data == again['points'].data


def test_depth_is_proportional_to_the_focal_length_of_the_paired_camera_info(peer: Peer) -> None:
    """Pairing decides the metres: an image takes the info of its own stamp, even when a newer one is there."""
    peer.only('depth/image', 'depth/camera_info')
    rgb = a_picture(seed=2)
    z_m = peer.show(rgb, f_px=60.0).z_m
    np.testing.assert_allclose(peer.show(rgb, f_px=90.0).z_m, 1.5 * z_m, rtol=1e-4)

    def info_first_then_a_newer_one(header):
        later = a_header()
        peer.info.publish(an_info(header, f_px=120.0))
        peer.info.publish(an_info(later, f_px=30.0))
        peer.spin(0.1)  # both infos are there before the image
        return an_image(rgb, header), None

    answer = peer.show(rgb, make=info_first_then_a_newer_one)
    assert answer['depth/camera_info'].k[0] == 120.0
    np.testing.assert_allclose(answer.z_m, 2.0 * z_m, rtol=1e-4)

    def without_its_own(header):
        return an_image(rgb, header), None

    answer = peer.show(rgb, make=without_its_own)
    assert answer['depth/camera_info'].k[0] == 30.0, 'without its own, an image takes the newest info'
    np.testing.assert_allclose(answer.z_m, 0.5 * z_m, rtol=1e-4)


def test_a_region_of_interest_and_binning_are_folded_in(peer: Peer) -> None:
    peer.only('depth/camera_info', 'points')

    def make(header):
        info = an_info(header, 256, 192, 240.0)
        info.binning_x = info.binning_y = 2
        info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 64, 48, 128, 96
        return an_image(a_picture(), header), info

    info = peer.show(a_picture(), make=make)['depth/camera_info']
    assert (info.width, info.height, info.binning_x, info.roi.width) == (WIDTH, HEIGHT, 0, 0)
    assert (info.k[0], info.k[2]) == pytest.approx((120.0, (127.5 - 64 + 0.5) / 2 - 0.5))


def test_depth_comes_without_a_camera_info_too(start) -> None:
    _, peer = start(diagnostics_period_s=0.2)
    peer.node.destroy_publisher(peer.info)
    peer.unsubscribe()
    peer.subscribe('depth/image', 'depth/camera_info', 'points')
    peer.until(lambda: peer.image.get_subscription_count(), 'image subscription')
    peer.show(a_picture(), 'depth/image', make=lambda header: (an_image(a_picture(), header), None))
    warning = peer.status(b'\x01', 'a warning')
    assert 'camera_info' in warning.message and '60.0 degrees' in warning.message
    assert not peer.received['points'] and not peer.received['depth/camera_info']


def test_nobody_listens_nothing_runs(peer: Peer) -> None:
    """Every output, alone, wakes the node; the last one gone, it lets the camera rest."""
    for topic in OUTPUTS:
        peer.only(topic)
        peer.show(a_picture())
        peer.only()
    peer.only('stats')
    before = peer.show(a_picture())['stats'].frames_received
    peer.only()
    for _ in range(20):
        header = a_header()
        peer.info.publish(an_info(header))
        peer.image.publish(an_image(a_picture(), header))
        peer.spin(0.02)
    assert peer.image.get_subscription_count() == 0 and peer.info.get_subscription_count() == 0
    peer.only('stats')
    after = peer.show(a_picture())['stats'].frames_received
    assert after - before < 20, 'images shown to nobody were received'


def test_only_outputs_with_subscribers_are_published(peer: Peer) -> None:
    peer.only('points')
    answer = peer.show(a_picture())
    assert set(answer.outputs) == {'points'}
    assert peer.image.get_subscription_count() == 1
    peer.subscribe('depth/image')
    answer = peer.show(a_picture(), 'depth/image', 'points')
    assert stamp_ns(answer['depth/image']) == stamp_ns(answer['points'])


@pytest.mark.parametrize('camera', [BEST_EFFORT, RELIABLE], ids=lambda r: r.name)
@pytest.mark.parametrize('consumer', [BEST_EFFORT, RELIABLE], ids=lambda r: r.name)
def test_every_camera_and_every_consumer_connect(peer: Peer, graph, camera, consumer) -> None:
    other = Peer(graph, peer.namespace, camera)
    try:
        peer.only()
        other.only('depth/image', 'depth/camera_info', 'points', reliability=consumer)
        answer = other.show(a_picture())
        assert answer.z_m.shape == (HEIGHT, WIDTH)
    finally:
        other.close()


def test_images_with_the_same_stamp_are_shown_once_and_a_bag_may_start_again(peer: Peer) -> None:
    peer.only('depth/image', 'stats')
    rgb, header = a_picture(), a_header()
    for _ in range(10):
        peer.info.publish(an_info(header))
        peer.image.publish(an_image(rgb, header))
        peer.spin(0.05)
    peer.show(rgb)
    assert len([m for m in peer.received['depth/image'] if stamp_ns(m) == stamp_ns(an_image(rgb, header))]) <= 1
    earlier = a_header(1_600_000_000_000_000_000)
    answer = peer.show(rgb, make=lambda unused: (an_image(rgb, earlier), an_info(earlier, f_px=80.0)))
    np.testing.assert_allclose(answer.z_m, peer.show(rgb, f_px=80.0).z_m, rtol=1e-5)
    counts = peer.show(rgb)['stats']
    assert counts.frames_dropped > 0


def test_a_driver_without_a_clock_is_served(peer: Peer) -> None:
    """Stamp zero means "not stamped": every such image is new."""
    peer.only('depth/image')
    zero = a_header(0)
    for _ in range(3):
        peer.received['depth/image'].clear()
        peer.show(a_picture(), make=lambda unused: (an_image(a_picture(), zero), an_info(zero)))


def test_a_dynamic_parameter_takes_effect_on_the_next_frame(peer: Peer) -> None:
    peer.only('depth/image', 'depth/color', 'points')
    rgb = a_picture(seed=4)
    first = peer.show(rgb)
    finite = first.z_m[np.isfinite(first.z_m)]
    middle_m = float(np.median(finite))
    try:
        assert peer.set('max_range_m', middle_m) == (True, '')
        limited = peer.show(rgb)
        np.testing.assert_array_equal(limited.z_m, np.where(first.z_m > np.float32(middle_m), np.inf, first.z_m))
        assert peer.set('max_range_m', 0.0)[0] and peer.set('min_range_m', middle_m)[0]
        z = cloud_from_msg(peer.show(rgb)['points'])['z']
        np.testing.assert_array_equal(np.isfinite(z), np.isfinite(first.z_m) & (first.z_m > np.float32(middle_m)))
        assert peer.set('min_range_m', 0.0)[0] and peer.set('cloud_stride', 3)[0]
        strided = peer.show(rgb)
        assert cloud_from_msg(strided['points']).shape == (16, 22)
        np.testing.assert_array_equal(
            cloud_from_msg(strided['points'])['z'], cloud_from_msg(first['points'])['z'][::3, ::3]
        )
        assert peer.set('colour_far_m', 2.0 * middle_m)[0]
        assert peer.show(rgb)['depth/color'].data != first['depth/color'].data
    finally:
        for name, value in (('max_range_m', 0.0), ('min_range_m', 0.0), ('cloud_stride', 1), ('colour_far_m', 40.0)):
            peer.set(name, value)
    assert peer.show(rgb)['points'].data == first['points'].data


def test_diagnostics_tell_how_it_goes(peer: Peer) -> None:
    peer.only('depth/image')
    peer.show(a_picture())

    def at_work():
        header = a_header()
        peer.info.publish(an_info(header))
        peer.image.publish(an_image(a_picture(), header))
        peer.spin(0.05)
        return next((s for s in peer.statuses if s.level == b'\x00' and 'Hz' in s.message), None)

    peer.statuses.clear()
    values = {v.key: v.value for v in peer.until(at_work, 'diagnostics at work').values}
    assert int(values['frames received']) >= int(values['frames processed']) > 0
    assert float(values['input rate (Hz)']) > 0 and float(values['engine p50 (ms)']) > 0
    assert values['latency p95 (ms)'] and (values['model'], values['engine']) == ('random', 'torch')
    stale = peer.status(b'\x03', 'STALE without images')
    assert 'no image' in stale.message
    peer.only()
    peer.until(lambda: any('idle' in s.message for s in peer.statuses), 'idle')


def test_compressed_images_pixels_fewer_and_rectified(start) -> None:
    """Everything that is fixed while configured, at other than its default."""
    _, peer = start(
        input_transport='compressed', rectified_input=True, depth_encoding='16UC1', depth_stride=2,
        cloud_remove_flying=False,
        remap=['image:=front/image_raw', 'camera_info:=front/info'],
    )  # fmt: skip
    picture = peer.node.create_publisher(CompressedImage, 'front/image_raw/compressed', qos(BEST_EFFORT))
    peer.image, peer.info = picture, peer.node.create_publisher(type(an_info(a_header())), 'front/info', qos(RELIABLE))
    peer.only('depth/image', 'depth/camera_info', 'points')
    rgb = a_picture(seed=5)

    def make(header):
        info = an_info(header, f_px=60.0)
        info.k[0], info.d = 55.0, [-0.3, 0.1, 0.0, 0.0, 0.0]
        msg = CompressedImage(header=header, format='rgb8; png compressed bgr8')
        msg.data.frombytes(cv2.imencode('.png', rgb[..., ::-1])[1].tobytes())
        return msg, info

    answer: Answer = peer.show(rgb, make=make)
    z_mm, z_m = depth_of(answer['depth/image']), cloud_from_msg(answer['points'])['z']
    assert z_mm.shape == (HEIGHT // 2, WIDTH // 2) and z_m.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(z_mm, np.nan_to_num(1000 * z_m[::2, ::2]), atol=0.51)
    info = answer['depth/camera_info']
    assert (info.k[0], info.p[0], list(info.d), info.width) == (30.0, 30.0, [0.0] * 5, WIDTH // 2)
