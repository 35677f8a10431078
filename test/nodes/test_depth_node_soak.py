# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Half a minute of a camera at 10 Hz: every output flows, and memory stays where it was."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from graph.peer import OUTPUTS, a_header, a_picture, an_image, an_info, stamp_ns

RATE_HZ, SECONDS = 10, 30
WINDOW = 50  # frames
GROWTH_MB = 4.0  # in the whole run; one forgotten picture per frame would be 60


def test_10_hz_for_30_s_without_growth(start) -> None:
    process, peer = start()
    peer.only(*OUTPUTS)
    picture = a_picture(240, 320)  # whole in Fast DDS' default shared memory of 512 KB: best effort loses larger ones
    for _ in range(10):  # DDS histories, rays and buffers find their size
        peer.show(picture)
    shown, sizes_mb, started_s = [], [], time.monotonic()
    for count in range(RATE_HZ * SECONDS):
        for heard in peer.received.values():
            del heard[:-1]
        header = a_header()
        image = an_image(picture, header)
        shown.append(stamp_ns(image))
        peer.info.publish(an_info(header, 320, 240, 300.0))
        peer.image.publish(image)
        peer.spin(max(0.0, started_s + (count + 1) / RATE_HZ - time.monotonic()))
        sizes_mb.append(process.resident_mb())
    stats = peer.show(picture)['stats']
    assert stats.frames_failed == 0
    assert stats.frames_received > 0.5 * len(shown), 'best effort loses some on a busy machine, not most'
    assert stats.frames_received == stats.frames_processed + stats.frames_dropped
    # What leaks grows in every window; an allocator that takes one more arena (5 MB, once) grows in one.
    floors_mb = [min(sizes_mb[start : start + WINDOW]) for start in range(WINDOW, len(sizes_mb), WINDOW)]
    growth_mb = statistics.median(np.diff(floors_mb)) * len(sizes_mb) / WINDOW
    assert growth_mb < GROWTH_MB, f'{growth_mb:.1f} MB in the run, by {floors_mb}'
    assert process.is_alive and 'ERROR' not in process.log
