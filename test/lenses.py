# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera behind each distortion model of ROS."""

from __future__ import annotations

from dataclasses import replace

from dav2_ros.camera import Camera

PLAIN = Camera(320, 240, 210.0, 205.0, 157.0, 123.0)
LENSES = {
    'plumb_bob': replace(PLAIN, distortion_model='plumb_bob', distortion=(-0.28, 0.09, 0.001, -0.0012, -0.01)),
    'rational_polynomial': replace(
        PLAIN, distortion_model='rational_polynomial', distortion=(0.4, -0.1, 0.0005, 0.0003, 0.01, 0.7, -0.05, 0.02)
    ),
    'equidistant': replace(
        PLAIN, fx_px=110.0, fy_px=111.0, distortion_model='equidistant', distortion=(0.02, -0.005, 0.001, -0.0002)
    ),
}
