# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""int8 after training: the ranges of activations are measured on the user's own pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dav2_ros.engines import cache
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.export import GRAPH
from dav2_ros.models.checkpoints import Checkpoint
from dav2_ros.resize import ResizePlan

WHAT = 'quantised'
FILE = 'model.xml'


@dataclass(frozen=True)
class Quantised:
    """A graph in int8, in OpenVINO's format: `image` (1, 3, h, w) float32 -> `depth` (1, h, w) float32."""

    graph: Path
    calibration: str  # sha-256 of the pictures


def find_quantised(checkpoint: Checkpoint, plan: ResizePlan) -> Quantised:
    """Return the latest int8 graph of these weights and this shape; raises EngineError that says how to make one."""
    wanted = {'weights': checkpoint.sha256, 'what': WHAT, 'graph': GRAPH, 'network': [plan.net_height, plan.net_width]}
    found = [
        (folder.stat().st_mtime_ns, folder, manifest['key']['calibration'])
        for folder, manifest in cache.entries()
        if wanted.items() <= manifest.get('key', {}).items() and (folder / FILE).is_file()
    ]
    if not found:
        raise EngineError(
            f'There is no int8 graph of {checkpoint.info.name} at {plan.net_width}x{plan.net_height} yet: make it with '
            '`dav2 export --int8 --calibrate BAG|FOLDER`, or choose another precision.'
        )
    _, folder, calibration = max(found)
    return Quantised(folder / FILE, calibration)
