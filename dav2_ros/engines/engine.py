# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine is: opened, asked, closed."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


class EngineError(RuntimeError):
    """An engine is not there, or cannot do what was asked; the message says what to install or to choose instead."""


@runtime_checkable
class Engine(Protocol):
    """A network of one input shape on one device.

    Making one only describes it. Entering allocates, loads and warms up; leaving frees. One thread at a time uses it.
    """

    name: str  # torch, onnxruntime
    device: str  # cpu, cuda
    precision: str  # fp32, bf16, fp16
    height: int  # of the network input, pixels
    width: int

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exc: object) -> None: ...

    def infer(self, images: np.ndarray) -> np.ndarray:
        """Run (B, 3, height, width) float32 normalised RGB to (B, height, width) float32, the network's own output.

        The result belongs to the engine and holds until the next call: copy what must live longer.
        """
        ...
