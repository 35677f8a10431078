# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""List what could run the network on this machine: engine, precision, device, expected fastest first."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from dav2_ros.engines.devices import cpu_has_bf16, cuda_is_here
from dav2_ros.engines.engine import EngineSpec

# Measured when they are proved; fp32 is proved only where the engine does not pass in less. int8 is there once
# somebody has calibrated it: describing it before is an EngineError, and the search goes on to the next.
LADDER: dict[str, tuple[tuple[str, str], ...]] = {
    'cuda': (
        ('tensorrt', 'int8'),
        ('tensorrt', 'fp16'),
        ('torch', 'fp16'),
        ('onnxruntime', 'fp16'),
        ('tensorrt', 'fp32'),
        ('torch', 'fp32'),
        ('onnxruntime', 'fp32'),
    ),
    'gpu': (('openvino', 'int8'), ('openvino', 'fp16'), ('openvino', 'fp32')),
    'cpu': (
        ('openvino', 'int8'),
        ('openvino', 'bf16'),
        ('openvino', 'fp32'),
        ('torch', 'bf16'),
        ('onnxruntime', 'fp32'),
        ('torch', 'fp32'),
    ),
}


@dataclass(frozen=True)
class EngineCandidate:
    """One way to run the network."""

    engine: str
    precision: str
    device: str = 'auto'


def list_candidates(name: str, spec: EngineSpec) -> list[EngineCandidate]:
    """Return what could run `spec` here, expected fastest first; name, precision and device may be auto.

    A name that no device of ours has comes back as it is: describing it says what is wrong.
    """
    found = []
    for device in _devices(name, spec.device):
        ladder = LADDER[device.partition(':')[0]]
        if spec.precision != 'auto':
            ladder = tuple((engine, spec.precision) for engine in dict(ladder))
        elif device == 'cpu' and not cpu_has_bf16():
            ladder = tuple(rung for rung in ladder if rung[1] != 'bf16')
        found += [
            EngineCandidate(*rung, device)
            for rung in ladder
            if rung[0] == name or (name == 'auto' and _installed(rung[0]))
        ]
    return found or [EngineCandidate(name, spec.precision, spec.device)]


def _devices(name: str, asked: str) -> list[str]:
    """Return the devices to try, best first; none for one that we do not know."""
    if asked == 'auto':
        return ['cuda', 'cpu'] if cuda_is_here() or name == 'tensorrt' else ['cpu']
    return [asked] if asked.partition(':')[0] in LADDER else []


def _installed(engine: str) -> bool:
    return find_spec(engine) is not None
