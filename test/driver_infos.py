# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""camera_info as drivers send it: no size, no calibration, a lens we do not know, and numbers that no camera has."""

from __future__ import annotations

import math

from graph.peer import an_info
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

NAN, INF = math.nan, math.inf
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def changed(info: CameraInfo, **changes) -> CameraInfo:
    """Change fields, or with `k0` one number of K."""
    for name, value in changes.items():
        if name[-1].isdigit():
            getattr(info, name.rstrip('0123456789'))[int(name.lstrip('kpr'))] = value
        else:
            setattr(info, name, value)
    return info


def uncalibrated(header: Header) -> CameraInfo:
    """Return what gscam and usb_cam send without a calibration file."""
    return CameraInfo(header=header)


def lens(header: Header, model: str, d: list[float]) -> CameraInfo:
    return changed(an_info(header), distortion_model=model, d=d)


UNKNOWN_LENSES = {
    'unknown': ('double_sphere', [0.1, 0.2]),
    'empty': ('', [-0.1, 0.01, 0.0, 0.0, 0.0]),
    'coefficients': ('plumb_bob', [-0.1, 0.01, 0.0]),
}
IMPOSSIBLE = {
    'K tiny': ({'k0': 1e-300}, r'K .*fx=1e-300'),
    'K small': ({'k0': 1e-3, 'k4': 1e-3}, r'K .*fx=0\.001'),
    'K huge': ({'k0': 1e300, 'k4': 1e300}, r'K .*fx=1e\+300'),
    'K huge fy': ({'k4': 1e300}, r'K .*fy=1e\+300'),
    'K identity': ({'k': IDENTITY}, r'K .*fx=1\.0.*degrees'),
    'K negative': ({'k4': -60.0}, r'K .*fy=-60\.0'),
    'K NaN': ({'k2': NAN}, r'K = .*nan'),
    'K skew NaN': ({'k1': NAN}, r'K = .*nan'),
    'K centre': ({'k2': 1e6}, r'K .*cx=1000000\.0.*centre'),
    'P NaN': ({'p2': NAN}, r'P = .*nan'),
    'P negative': ({'p0': -60.0}, r'P .*fx=-60\.0'),
    'P zero fy': ({'p5': 0.0}, r'P .*fy=0\.0'),
    'P tiny': ({'p0': 1e-300}, r'P .*fx=1e-300'),
    'P baseline': ({'p3': INF}, r'P = .*inf'),
    'R NaN': ({'r0': NAN}, r'R = .*nan'),
    'R doubled': ({'r': [2.0 * each for each in IDENTITY]}, r'R = .*no rotation'),
    'R mirrored': ({'r0': -1.0}, r'R = .*no rotation'),
    'D NaN': ({'d': [NAN] * 5}, r'D = .*nan'),
    'D inf': ({'d': [INF, 0.0, 0.0, 0.0, 0.0]}, r'D = .*inf'),
}
