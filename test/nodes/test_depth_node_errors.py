# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""After every error: one clear line, a diagnostics level, a node that is up, and depth from the next good frame."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import BEST_EFFORT, RELIABLE, Peer, a_header, a_picture, an_image, an_info, qos, stamp_ns
from sensor_msgs.msg import CameraInfo, Image

BLACK, WHITE = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)


@pytest.fixture(scope='module')
def pair(start) -> tuple:
    """A node whose engine throws on black pictures and is slow on white ones, and its peer."""
    return start(script='faulty_depth_node.py', diagnostics_period_s=0.2)


def bad_encoding(header):
    image = an_image(a_picture(), header)
    image.encoding = 'rgb565'
    return image, an_info(header)


def short_data(header):
    image = an_image(a_picture(), header)
    image.data = image.data[:-1]
    return image, an_info(header)


def depth_as_input(header):
    image = Image(header=header, height=48, width=64, encoding='32FC1', step=256)
    image.data.frombytes(bytes(48 * 256))
    return image, an_info(header)


def other_size(header):
    return an_image(a_picture(), header), an_info(header, 128, 96)


def negative_focal_length(header):
    info = an_info(header)
    info.k[0] = -60.0
    return an_image(a_picture(), header), info


def thin_picture(header):
    return an_image(np.zeros((4, 4000, 3), np.uint8), header), an_info(header, 4000, 4, 2000.0)


def pixels_of_no_camera(header):
    info = an_info(header)
    info.k[4] = info.p[5] = 100 * info.k[0]
    return an_image(a_picture(), header), info


def throwing_engine(header):
    return an_image(BLACK, header), an_info(header)


ERRORS = [
    (bad_encoding, 'rgb565'),
    (short_data, 'wrongly formed'),
    (depth_as_input, '32FC1'),
    (other_size, '64x48'),
    (negative_focal_length, '-60.0'),
    (thin_picture, 'A picture of 4000x4 is 1000.0 times as long as it is thin'),
    (pixels_of_no_camera, 'fy / fx is 100'),
    (throwing_engine, 'out of memory'),
]


@pytest.mark.parametrize(('make', 'word'), ERRORS, ids=[make.__name__ for make, _ in ERRORS])
def test_an_error_is_told_and_the_next_good_frame_is_depth(pair: tuple, make: Callable, word: str) -> None:
    process, peer = pair
    peer.only('depth/image', 'stats')
    good = peer.show(a_picture())
    failed = good['stats'].frames_failed
    status = peer.show_bad(make, f'ERROR after {make.__name__}')
    assert word in status.message
    assert {v.key: v.value for v in status.values}['last error'] == status.message
    process.wait_for_log(word)
    assert 'Traceback' not in process.log
    again = peer.show(a_picture())
    np.testing.assert_array_equal(again.z_m, good.z_m)
    assert again['stats'].frames_failed > failed
    peer.statuses.clear()
    recovered = peer.until(lambda: _after_recovery(peer), 'a level other than ERROR')
    assert {v.key: v.value for v in recovered.values}['last error'] == status.message, 'what was wrong stays readable'


def _after_recovery(peer: Peer):
    peer.show(a_picture())
    return next((s for s in reversed(peer.statuses) if s.level != b'\x02'), None)


def test_bad_frames_fill_no_log(pair: tuple) -> None:
    process, peer = pair
    peer.only('depth/image')
    lines = process.log.count('\n')
    for _ in range(60):
        image, info = bad_encoding(a_header())
        peer.info.publish(info)
        peer.image.publish(image)
        peer.spin(0.01)
    peer.show(a_picture())
    assert process.log.count('\n') - lines <= 3


def test_an_uncalibrated_camera_gets_depth_and_a_sentence_but_no_points(pair: tuple) -> None:
    process, peer = pair
    peer.only('depth/image', 'depth/camera_info', 'points')

    def zero_intrinsics(header):
        return an_image(a_picture(), header), CameraInfo(header=header, width=64, height=48)

    peer.spin(5.0)  # the log has said eight errors just now, and says no more of them in five seconds
    answer = peer.show(a_picture(), 'depth/image', 'depth/camera_info', make=zero_intrinsics)
    ns = stamp_ns(answer['depth/image'])
    assert (answer['depth/camera_info'].k[0], answer['depth/camera_info'].width) == (0.0, 64)
    warning = peer.status(b'\x01', 'WARN')
    assert 'not calibrated' in warning.message and 'points' in warning.message
    assert process.log.count('not calibrated') >= 1
    peer.show(a_picture())  # calibrated again: points again
    assert peer.heard('points', ns) is None


def test_a_camera_info_of_another_frame_is_used_and_told(pair: tuple) -> None:
    _, peer = pair
    peer.only('depth/image', 'points')

    def mixed(header):
        return an_image(a_picture(), header), an_info(a_header(stamp_ns(an_image(BLACK, header)), 'other_eye'))

    peer.statuses.clear()

    def told():
        peer.show(a_picture(), make=mixed)
        return next((s for s in peer.statuses if 'other_eye' in s.message), None)

    assert peer.until(told, 'the frame in diagnostics').level == b'\x01'
    peer.show(a_picture())


def test_the_newest_frame_wins_and_losses_are_counted(pair: tuple) -> None:
    """While the engine takes 0.4 s over a frame, 40 others arrive: one of them, the last, is worth a look."""
    _, peer = pair
    peer.only('depth/image', 'stats')
    before = peer.show(a_picture())['stats']
    header = a_header()
    peer.info.publish(an_info(header))
    slow = an_image(WHITE, header)
    peer.image.publish(slow)
    stamps = []
    for _ in range(40):
        header = a_header()
        stamps.append(stamp_ns(slow.__class__(header=header)))
        peer.info.publish(an_info(header))
        peer.image.publish(an_image(WHITE, header))
        peer.spin(0.005)
    # the very last may be lost on its way; an older one that kept its place would be the first
    newest = set(stamps[-5:])
    peer.until(
        lambda: any(stamp_ns(m) in newest for m in peer.received['depth/image']), 'the newest of the burst', 20.0
    )
    after = peer.show(a_picture())['stats']
    received, processed, dropped, failed = (
        getattr(after, f'frames_{kind}') - getattr(before, f'frames_{kind}')
        for kind in ('received', 'processed', 'dropped', 'failed')
    )
    assert received == processed + dropped + failed
    assert dropped > processed
    order = [stamp_ns(m) for m in peer.received['depth/image']]
    assert order == sorted(order), 'an older picture after a newer one'
    assert after.latency_ms != 0


def test_images_that_best_effort_loses_are_counted_and_told(pair: tuple) -> None:
    """Eight megabytes do not fit a stock middleware's shared memory."""
    _, peer = pair
    peer.only('stats')
    large = np.zeros((1440, 1920, 3), np.uint8) + 90
    peer.statuses.clear()
    for _ in range(60):
        header = a_header()
        peer.info.publish(an_info(header, 1920, 1440, 1500.0))
        peer.image.publish(an_image(large, header))
        peer.spin(0.1)
        if told := next((s for s in peer.statuses if 'lost on their way' in s.message), None):
            break
    else:
        pytest.skip('this middleware lost nothing')
    assert told.level == b'\x01' and 'subscription.reliability' in told.message
    assert int({v.key: v.value for v in told.values}['frames lost']) >= 10
    peer.only()
    peer.status(b'\x00', 'nobody listens: nothing is lost')


def test_missing_weights_fail_configure_and_it_can_be_tried_again(start, random_model: Path, tmp_path: Path) -> None:
    weights = tmp_path / 'mine.safetensors'
    process, peer = start(active=False, model=weights, diagnostics_period_s=0.2)
    status = peer.status(b'\x02', 'ERROR for want of weights')
    assert 'mine.safetensors' in status.message
    assert peer.state() == 'unconfigured'
    assert not peer.change('configure') and peer.state() == 'unconfigured'
    assert 'Traceback' not in process.log
    weights.write_bytes(random_model.read_bytes()[:1000])
    assert not peer.change('configure') and peer.state() == 'unconfigured', 'half a file'
    shutil.copy(random_model, weights)
    assert peer.change('configure') and peer.change('activate')
    peer.only('depth/image')
    peer.show(a_picture())
    assert 'Traceback' not in process.log and process.is_alive


def test_every_topic_can_be_overridden_and_a_mismatch_is_told(start) -> None:
    namespace = '/overridden'
    process, peer = start(
        namespace=namespace,
        diagnostics_period_s=0.2,
        **{
            f'qos_overrides.{namespace}/image.subscription.reliability': 'reliable',
            f'qos_overrides.{namespace}/depth/image.publisher.reliability': 'best_effort',
            f'qos_overrides.{namespace}/points.publisher.depth': 1,
        },
    )
    peer.subscribe('depth/image', reliability=RELIABLE)  # asks for more than is offered
    told = peer.until(lambda: _told(peer, f'{namespace}/depth/image'), 'the consumer in diagnostics')
    assert 'RELIABILITY' in told.message and 'subscriber' in told.message and told.level == b'\x01'
    peer.subscribe('points')
    told = peer.until(lambda: _told(peer, f'{namespace}/image'), 'the camera in diagnostics')
    assert 'publisher' in told.message
    assert peer.image.get_subscription_count() == 0
    infos = peer.node.get_publishers_info_by_topic(f'{namespace}/depth/image')
    assert [info.qos_profile.reliability for info in infos] == [BEST_EFFORT]
    reliable = peer.node.create_publisher(Image, 'image', qos(RELIABLE))
    peer.image = reliable
    peer.until(reliable.get_subscription_count, 'a reliable camera')
    peer.show(a_picture(), 'points')
    names = peer.parameter_names()
    for topic, side in {
        'image': 'subscription', 'camera_info': 'subscription', 'depth/image': 'publisher', 'points': 'publisher',
        'depth/camera_info': 'publisher', 'depth/color': 'publisher', 'stats': 'publisher',
    }.items():  # fmt: skip
        for policy in ('reliability', 'depth', 'history'):
            assert f'qos_overrides.{namespace}/{topic}.{side}.{policy}' in names
    assert 'cannot connect' in process.log


def _told(peer: Peer, topic: str):
    return next((s for s in peer.statuses if f'of {topic} cannot connect' in s.message), None)


def test_an_override_that_means_nothing_is_told_and_the_node_stays(start) -> None:
    namespace = '/nonsense'
    process, peer = start(
        namespace=namespace,
        active=False,
        diagnostics_period_s=0.2,
        **{f'qos_overrides.{namespace}/points.publisher.reliability': 'perfect'},
    )
    assert 'perfect' in peer.status(b'\x02', 'ERROR').message
    assert peer.state() == 'unconfigured' and 'Traceback' not in process.log
    assert not peer.node.get_publishers_info_by_topic(f'{namespace}/depth/image'), 'no output is left behind'
