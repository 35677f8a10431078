# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Export in a process of its own.

While torch.export traces, it replaces the call of every module in its process: an engine that serves frames on another
thread would fail, and leave its layers in the exported graph. The memory that exporting takes goes with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from dav2_ros.engines.engine import EngineError, EngineSpec
from dav2_ros.engines.export.graphs import require_exporter
from dav2_ros.image.resize import ResizePlan
from dav2_ros.models import checkpoints
from dav2_ros.models.checkpoints import Checkpoint

KINDS = ('network', 'whole')  # export.export_network, export.export_whole
KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h


def export_in_a_process(kind: str, checkpoint: Checkpoint, spec: EngineSpec, path: Path, precision: str) -> None:
    """Write the ONNX file `path` of one of KINDS; raises EngineError with the reason."""
    require_exporter()
    with tempfile.TemporaryDirectory(prefix='dav2-') as folder:
        weights = Path(folder) / 'weights.safetensors'
        checkpoints.save(weights, checkpoint.state_dict, checkpoint.info)
        job = {'kind': kind, 'weights': str(weights), 'path': str(path), 'precision': precision, 'spec': asdict(spec)}
        paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get('PYTHONPATH')])]
        done = subprocess.run(
            [sys.executable, '-m', 'dav2_ros.engines.export.subprocess_export', json.dumps(job)],
            env=os.environ | {'PYTHONPATH': os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
    if done.returncode or not path.is_file():
        last = (done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]
        raise EngineError(f'{checkpoint.info.name} cannot be exported to ONNX ({last}): choose engine torch.')


def run(job: dict) -> None:
    """Do what `export_in_a_process` wrote down."""
    from dav2_ros.engines.export.graphs import export_network, export_whole

    facts = job['spec']
    spec = EngineSpec(**{**facts, 'plan': ResizePlan(**facts['plan'])})
    checkpoint, path = checkpoints.load(job['weights']), Path(job['path'])
    if job['kind'] == 'network':
        export_network(checkpoint, spec.plan, path)
    else:
        export_whole(checkpoint, spec, path, job['precision'])


if __name__ == '__main__':
    with contextlib.suppress(AttributeError):  # Linux: nobody waits for it any more once its parent is gone
        ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)
    run(json.loads(sys.argv[1]))
