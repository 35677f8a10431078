# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Predict depth at a picture's own size: disparity by relative models, metres by metric ones.

    with open_predictor('vitt-procedural') as predict:
        z_m = predict(sample.rgb, sample.camera)  # (H, W) float32, +inf beyond range

The default is the network itself in PyTorch, which takes pictures of any shape one after the other: data sets have
many. Any other engine is opened and proved for every shape anew, by the estimator that serves robots.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from dav2_ros.camera import Camera
from dav2_ros.depth.metric import to_metres
from dav2_ros.engines.engine import EngineError
from dav2_ros.estimator import DepthEstimator
from dav2_ros.frames import Frame
from dav2_ros.image.request import resize_plan
from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.parameter import build
from dav2_ros.parameters.bag import OfflineParameters
from dav2_ros.pipeline import DepthPipeline

PRECISIONS = ('fp32', 'bf16')  # of the network in PyTorch


class Predictor(Protocol):
    """A model that can be asked."""

    name: str
    kind: str  # 'relative' or 'metric'
    facts: dict[str, str]  # how it runs, for a report

    def __call__(self, rgb: np.ndarray, camera: Camera | None = None) -> np.ndarray:
        """Return (H, W) float32 for a picture (H, W, 3) uint8: disparity, or metres with +inf beyond range."""
        ...


def nearness_rank(prediction: np.ndarray, kind: str) -> np.ndarray:
    """Return (H, W) float32, 0 to 1: the share of the known pixels that is farther; NaN unknown.

    The same for every rising function of a disparity, and for metres as for their inverse; ties share their rank.
    """
    nearness = np.asarray(prediction if kind == 'relative' else -prediction, np.float64)
    known = ~np.isnan(nearness)
    _, inverse, counts = np.unique(nearness[known], return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - 0.5 * (counts + 1)
    ranks = np.full(nearness.shape, np.nan, np.float32)
    ranks[known] = (below / max(counts.sum() - 1, 1))[inverse.reshape(-1)]
    return ranks


@contextmanager
def open_predictor(
    model: str, *, engine: str = 'torch', precision: str = 'fp32', device: str = 'auto', size: int = 0
) -> Iterator[Predictor]:
    """Open a model of the registry, or of a file; `size` 0 is the short side that it was trained with.

    Raises ModelError and EngineError.
    """
    checkpoint = checkpoints.load(model)
    if engine == 'torch' and precision in PRECISIONS:
        yield NetworkPredictor(checkpoint, precision, device, size)
        return
    if checkpoint.info.kind == 'relative':
        raise EngineError(
            f'{checkpoint.info.name} is relative, and such models are judged in PyTorch: choose engine torch and '
            f'precision {" or ".join(PRECISIONS)}.'
        )
    with DepthEstimator(checkpoint, engine=engine, precision=precision, device=device, size=size or None) as estimator:
        yield EstimatorPredictor(estimator)


class NetworkPredictor:
    """The network in PyTorch, with the published resize before it and bilinear resize after it."""

    def __init__(self, checkpoint: Checkpoint, precision: str, device: str, size: int) -> None:
        import torch

        from dav2_ros.engines.backends.torch_engine import torch_device

        info = checkpoint.info
        self.name, self.kind, self.info = info.name, info.kind, info
        self._device = torch_device(device)
        self._dtype = {'fp32': torch.float32, 'bf16': torch.bfloat16}[precision]
        self._network = checkpoints.build(checkpoint).to(self._device, self._dtype)
        self._size = size or info.train_size
        self._estimator = DepthEstimator(checkpoint, size=self._size) if info.kind == 'metric' else None
        self.facts = {'engine': 'torch', 'precision': precision, 'device': self._device, 'short side': str(self._size)}

    def __call__(self, rgb: np.ndarray, camera: Camera | None = None) -> np.ndarray:
        import torch

        plan = resize_plan(*rgb.shape[:2], camera, 0, self._size)
        with torch.inference_mode():
            image = torch.from_numpy(plan.apply(rgb)).to(self._device, self._dtype)
            found = plan.undo(self._network(image[None])[0].float().cpu().numpy())
        if self._estimator is None:
            return np.array(found)
        focal_factor = self._estimator.request(Frame(rgb, camera)).focal_factor
        return to_metres(found, focal_factor, self.info.max_depth_m)


class EstimatorPredictor:
    """The runtime, as on a robot."""

    kind = 'metric'

    def __init__(self, estimator: DepthEstimator) -> None:
        self._estimator, self.name = estimator, estimator.info.name
        self._pipeline = DepthPipeline(build(OfflineParameters, {'steady': 'none'}), estimator)

    @property
    def facts(self) -> dict[str, str]:
        """How it runs; the engine is chosen with the first picture."""
        told = self._estimator.describe()
        return {name: told[name] for name in ('engine', 'precision', 'device')} | {
            'short side': str(self._estimator.size)
        }

    def __call__(self, rgb: np.ndarray, camera: Camera | None = None) -> np.ndarray:
        return np.array(self._pipeline.process(Frame(rgb, camera)).depth.z_m)
