# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Define what an engine is: opened, asked, closed; a picture goes in, metres come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from dav2_ros.image.resize import ResizePlan

OUTPUTS = ('camera', 'network')
PRECISIONS = ('fp32', 'bf16', 'fp16', 'int8')


class EngineError(RuntimeError):
    """An engine is not there, or cannot do what was asked; the message says what to install or to choose instead."""


class WrongDepthError(EngineError):
    """An engine that is open and proved gave what cannot be depth."""


@dataclass(frozen=True)
class EngineSpec:
    """What an engine is asked to be.

    Args:
        plan: from the camera's pictures to the network's grid and back.
        device: auto, cpu, gpu (Intel's, openvino only), cuda, cuda:1 ...
        precision: auto or one of PRECISIONS; what auto means is each engine's to say.
        output: `camera` brings depth back to the camera's resolution, `network` leaves it on the network's grid.
        batch: most pictures of one call.
    """

    plan: ResizePlan
    device: str = 'auto'
    precision: str = 'auto'
    output: str = 'camera'
    batch: int = 1

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise EngineError(f'There is no output {self.output!r}: choose {" or ".join(OUTPUTS)}.')
        if self.precision not in ('auto', *PRECISIONS):
            raise EngineError(f'There is no precision {self.precision!r}: choose auto, {", ".join(PRECISIONS)}.')
        if self.batch < 1:
            raise EngineError(f'A batch of {self.batch} pictures is none: choose 1 or more.')

    @property
    def out_shape(self) -> tuple[int, int]:
        """Height and width of the depth that comes out."""
        plan = self.plan
        return (plan.height, plan.width) if self.output == 'camera' else (plan.net_height, plan.net_width)


def objection_to(depths: object, spec: EngineSpec, pictures: int, kind: str) -> str:
    """Return why what an engine gave for so many pictures cannot be depth, as a predicate; '' if it can.

    It must be (pictures, *spec.out_shape) float32, finite, and greater than 0 for a metric model; a relative one's
    disparity is 0 where it is far. 0.07 ms for 518x686.
    """
    shape = (pictures, *spec.out_shape)
    if not isinstance(depths, np.ndarray) or depths.dtype != np.float32 or depths.shape != shape:
        gave = f'{depths.dtype} {depths.shape}' if isinstance(depths, np.ndarray) else f'a {type(depths).__name__}'
        return f'gives {gave}, not float32 {shape}'
    least, most = depths.min(), depths.max()  # both are NaN where one value is
    is_positive = least > 0 if kind == 'metric' else least >= 0
    if is_positive and most < np.inf:
        return ''
    wrong = ~(np.isfinite(depths) & (depths > 0 if kind == 'metric' else depths >= 0))
    zero = ', zero' if kind == 'metric' else ''
    return f'gives depth that is NaN, infinite{zero} or negative (in {wrong.sum():,} of {wrong.size:,} pixels)'


@runtime_checkable
class Engine(Protocol):
    """A network for pictures of one shape on one device.

    Making one only describes it. Entering allocates, loads and warms up; leaving frees. One thread at a time uses it.
    """

    name: str  # one of engines.ENGINES
    device: str  # cpu, gpu, cuda, cuda:1 ...: never auto
    precision: str  # one of PRECISIONS: never auto
    spec: EngineSpec
    calibration: str  # int8: sha-256 of the pictures that its ranges were measured on; else ''

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exc: object) -> None: ...

    @property
    def is_built(self) -> bool:
        """Whether entering only reads what is there, in seconds; otherwise it builds, which may take minutes."""
        ...

    def infer(self, pictures: np.ndarray) -> np.ndarray:
        """Turn (B, H, W, 3) uint8 RGB, B <= spec.batch, into (B, *spec.out_shape) float32, the network's own depth.

        Resizing and normalising are part of it. The result belongs to the engine and holds until the next call: copy
        what must live longer.
        """
        ...
