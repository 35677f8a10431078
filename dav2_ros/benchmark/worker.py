# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure one case in a process: `python -m dav2_ros.benchmark.worker`, a line of JSON in, one out.

{"case": {...}}       opens it and runs it once -> {"ready": {...}} or {"absent": "a sentence"}
{"calls": n}          -> {"ms": [...]}, whole frames in, metres out
{"depths": "a.npy"}   writes the metres of the gate's pictures -> {}
{"memory": true}      -> {"peak_mb": ..., "private_mb": ...}
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dav2_ros.benchmark.cases import BenchmarkCase
from dav2_ros.benchmark.pipelines import BenchmarkWay, way_of
from dav2_ros.benchmark.timing import one_call_ms
from dav2_ros.engines.engine import EngineError
from dav2_ros.engines.selection.reference import gate_pictures
from dav2_ros.models import checkpoints
from dav2_ros.models.info import ModelError


class BenchmarkWorker:
    """An opened way and the pictures that it is given in turn."""

    def __init__(self, way: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, batch: int) -> None:
        self._way, self._pictures, self._batch = way, pictures, batch
        self._next = 0

    def call(self) -> float:
        """Run one batch and return the milliseconds it took."""
        chosen = [(self._next + i) % len(self._pictures) for i in range(self._batch)]
        self._next += 1
        pictures = self._pictures[chosen]
        return one_call_ms(lambda: self._way(pictures))

    def answer(self, request: dict) -> dict:
        """Do what a line asks for."""
        if 'calls' in request:
            return {'ms': [self.call() for _ in range(request['calls'])]}
        if 'depths' in request:
            depths = [self._way(np.repeat(picture[None], self._batch, 0))[:1].copy() for picture in self._pictures]
            np.save(request['depths'], np.concatenate(depths))
            return {}
        return memory()


def memory() -> dict[str, float]:
    """Return the most memory this process has held, all of it and without the files that it maps, in MB of 10^6."""
    lines = Path('/proc/self/status').read_text().splitlines()
    kb = {name: int(rest.split()[0]) for name, _, rest in (x.partition(':') for x in lines) if rest.endswith(' kB')}
    return {'peak_mb': 1.024e-3 * kb['VmHWM'], 'private_mb': 1.024e-3 * (kb['VmHWM'] - kb['RssFile'])}


def main() -> None:
    """Answer the lines of stdin until it ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    case = _case_from(json.loads(sys.stdin.readline())['case'])
    try:
        width, height = case.frame
        pictures = np.ascontiguousarray(gate_pictures(height, width)[..., ::-1])  # as cameras and OpenCV give them
        with way_of(case, checkpoints.load(case.model)) as way:
            worker = BenchmarkWorker(way, pictures, case.batch)
            worker.call()
            print(json.dumps({'ready': way_facts(way)}), file=answers)
            for line in sys.stdin:
                print(json.dumps(worker.answer(json.loads(line))), file=answers)
    except (EngineError, ModelError) as error:
        print(json.dumps({'absent': str(error)}), file=answers)
    except Exception as error:
        traceback.print_exc()
        text = ' '.join(str(error).split())[:300]
        print(json.dumps({'absent': f'It failed with {type(error).__name__}: {text}'}), file=answers)


def way_facts(way: BenchmarkWay) -> dict[str, str]:
    """Say which engine runs, where there is one."""
    engine = way.engine
    return {'engine': engine.name, 'precision': engine.precision, 'device': engine.device} if engine else {}


def _case_from(facts: dict) -> BenchmarkCase:
    return BenchmarkCase(**{**facts, 'frame': tuple(facts['frame'])})


if __name__ == '__main__':
    main()
