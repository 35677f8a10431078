# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compute what engines are compared with: PyTorch in fp32 on the CPU, on bundled pictures, once."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models.checkpoints import Checkpoint

PICTURES = Path(__file__).parent / 'gate_pictures'  # made by dav2_training.assets.gate_pictures
EDITION = 1  # raise when the pictures change
FILE = 'depth.npy'


def gate_pictures(height: int, width: int) -> np.ndarray:
    """Return the bundled pictures as a camera of this shape would give them: (3, H, W, 3) uint8 RGB, stretched."""
    pictures = []
    for path in sorted(PICTURES.glob('*.jpg')):
        bgr = cv2.imread(str(path))
        shrinks = height * width < bgr.shape[0] * bgr.shape[1]
        bgr = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        pictures.append(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    return np.stack(pictures)


def reference(checkpoint: Checkpoint, plan: ResizePlan) -> np.ndarray:
    """Return what fp32 says of these pictures, (3, h, w) float32 on the network's grid; a warm cache needs no forward.

    Raises EngineError where nothing is kept and PyTorch is not installed.
    """
    try:
        torch_version = metadata.version('torch')
    except metadata.PackageNotFoundError as error:
        raise EngineError(
            'An engine is proved against PyTorch in fp32, and PyTorch is not here: `pip install torch`.'
        ) from error
    key = cache.CacheKey(
        checkpoint.info.name,
        checkpoint.sha256,
        cache.REFERENCE,
        EDITION,
        (plan.height, plan.width),
        (plan.net_height, plan.net_width),
        runtime=f'torch {torch_version}',
    )
    try:
        folder = cache.obtain(key, lambda made: np.save(made / FILE, _compute(checkpoint, plan)))
        return np.load(folder / FILE)
    except OSError:  # nowhere to keep it
        return _compute(checkpoint, plan)


def _compute(checkpoint: Checkpoint, plan: ResizePlan) -> np.ndarray:
    from dav2_ros.engines.backends.torch_engine import TorchEngine

    pictures = gate_pictures(plan.height, plan.width)
    spec = EngineSpec(plan, 'cpu', 'fp32', 'network')
    with TorchEngine(checkpoint, replace(spec, batch=len(pictures))) as engine:
        return engine.infer(pictures)
