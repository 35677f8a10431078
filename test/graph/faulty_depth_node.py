# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node with an engine that throws on a black picture, is slow on a white one and gives NaN on a grey one."""

from __future__ import annotations

import sys
import time

import numpy as np

from dav2_ros.engines.torch_engine import TorchEngine
from dav2_ros.nodes.depth_node import main

SLOW_S = 0.4
GREY = 128
sound = TorchEngine.infer


def infer(self: TorchEngine, pictures: np.ndarray) -> np.ndarray:
    if not pictures.any(axis=(1, 2, 3)).all():
        raise RuntimeError('out of memory (the test says so)')
    time.sleep(SLOW_S * int((pictures == 255).all(axis=(1, 2, 3)).sum()))
    depths = sound(self, pictures)
    depths[(pictures == GREY).all(axis=(1, 2, 3)), -1, -1] = np.nan
    return depths


TorchEngine.infer = infer
sys.exit(main())
