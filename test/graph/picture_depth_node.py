# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node with an engine that is always right: the picture says how far each of its pixels is.

Red and green are the millimetres, high byte first; blue 255 is "unknown". So a test knows the truth of every topic, of
a node whose every other part is the real one. No network says "unknown", so a depth that no picture has stands for it
until the node has checked what the engine gave.
"""

from __future__ import annotations

import sys

import numpy as np

from dav2_ros import estimator
from dav2_ros.depth.metric import to_metres
from dav2_ros.engines.backends.torch_engine import TorchEngine
from dav2_ros.nodes.depth_node import main

UNKNOWN_M = np.float32(1e-6)


def infer(self: TorchEngine, pictures: np.ndarray) -> np.ndarray:
    high, low, unknown = np.moveaxis(pictures.astype(np.float32), -1, 0)
    return np.where(unknown == 255, UNKNOWN_M, (256 * high + low) / 1000)


def to_metres_or_nan(z_net_m: np.ndarray, *how: float) -> np.ndarray:
    return np.where(z_net_m == UNKNOWN_M, np.float32('nan'), to_metres(z_net_m, *how))


if __name__ == '__main__':
    TorchEngine.infer, estimator.to_metres = infer, to_metres_or_nan
    sys.exit(main())
