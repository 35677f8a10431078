# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure in processes of their own: a camera with an engine to itself, and torch.compile, which may not end.

`python -m dav2_ros.gpu_check.worker JOB`, a JSON object; a line of JSON comes out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from dav2_ros.benchmark.timing import in_turns_ms, summary
from dav2_ros.gpu_check.session import CheckSession
from dav2_ros.gpu_check.subjects import CheckSubject

START_S = 45.0  # PyTorch, CUDA and an engine
READY = 'ready'


def measure_cameras(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Measure the frames/s of several processes, each with one camera and an engine of its own, at the same time."""
    settings = session.settings
    job = {'work': 'camera', 'subject': asdict(subject), 'seconds': settings.camera_s}
    with tempfile.TemporaryFile('w+') as errors:
        children = [_start(session, job, errors) for _ in range(settings.cameras)]
        try:
            patience_s = min(START_S, max(5.0, session.left_s - settings.camera_s - 2))
            _wait_for_lines(children, patience_s)
            for child in children:
                assert child.stdin is not None  # a pipe
                child.stdin.write('go\n')
                child.stdin.flush()
            answers = [json.loads(line) for line in _wait_for_lines(children, settings.camera_s + 10)]
        except (OSError, ValueError, TimeoutError) as error:
            errors.seek(0)
            raise RuntimeError(f'{error} {errors.read()[-800:]}') from error
        finally:
            for child in children:
                child.kill()
                child.wait()
    result['processes'] = answers
    result['frames_s'] = sum(answer['frames'] / answer['seconds'] for answer in answers)
    batch = session.parts.get('cameras, one engine', {}).get('frames_s')
    if batch:
        result['one_engine_gains'] = batch / result['frames_s']


def measure_compiled(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Measure torch.compile beside our engine, in turns, within the time that is left."""
    job = {'work': 'compile', 'subject': asdict(subject), 'seconds': session.settings.measure_s}
    with tempfile.TemporaryFile('w+') as errors:
        child = _start(session, job, errors)
        try:
            (line,) = _wait_for_lines([child], max(5.0, session.left_s - 2))
            result |= json.loads(line)
        except (OSError, ValueError, TimeoutError) as error:
            errors.seek(0)
            raise RuntimeError(f'{error} {errors.read()[-800:]}') from error
        finally:
            child.kill()
            child.wait()


def _start(session: CheckSession, job: dict, errors: IO[str]) -> subprocess.Popen:
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get('PYTHONPATH')])]
    child = subprocess.Popen(
        [sys.executable, '-m', 'dav2_ros.gpu_check.worker', json.dumps(job)],
        env=os.environ | {'PYTHONPATH': os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    session.children.append(child)
    return child


def _wait_for_lines(children: list[subprocess.Popen], seconds: float) -> list[str]:
    """Read one line from each child; raises TimeoutError where they take longer, ValueError where one ends without."""
    lines: dict[int, str] = {}

    def read(k: int) -> None:
        answers = children[k].stdout
        assert answers is not None  # a pipe
        lines[k] = answers.readline()

    readers = [threading.Thread(target=read, args=(k,), daemon=True) for k in range(len(children))]
    for reader in readers:
        reader.start()
    end_s = time.monotonic() + seconds
    for reader in readers:
        reader.join(max(0.0, end_s - time.monotonic()))
    if any(reader.is_alive() for reader in readers):
        raise TimeoutError(f'A process did not answer within {seconds:.0f} s.')
    if not all(lines.values()):
        raise ValueError('A process ended without an answer.')
    return [lines[k] for k in range(len(children))]


def camera(subject: CheckSubject, seconds: float) -> dict:
    """Open an engine, wait for a line, and serve."""
    pictures = subject.pictures()
    with subject.describe() as engine:
        for _ in range(3):
            engine.infer(pictures)
        print(READY, flush=True)
        sys.stdin.readline()
        frames, started_s = 0, time.perf_counter()
        while time.perf_counter() - started_s < seconds:
            engine.infer(pictures)
            frames += len(pictures)
        return {'frames': frames, 'seconds': time.perf_counter() - started_s}


def compiled(subject: CheckSubject, seconds: float) -> dict:
    """Compile the network with everything around it, and measure it beside our engine, whole calls of both."""
    import numpy as np
    import torch

    from dav2_ros.engines.backends.torch_engine import DTYPES
    from dav2_ros.engines.export.end_to_end import PictureToDepth
    from dav2_ros.models.checkpoints import build

    on_gpu, pictures = subject.device.startswith('cuda'), subject.pictures()
    whole = PictureToDepth(
        build(subject.checkpoint), subject.plan, subject.spec.out_shape, getattr(torch, DTYPES[subject.precision])
    )
    whole = whole.to(subject.device, memory_format=torch.channels_last).eval()
    call = torch.compile(whole, mode='reduce-overhead' if on_gpu else None)

    def infer() -> np.ndarray:
        with torch.no_grad():
            return call(torch.from_numpy(pictures).to(subject.device)).cpu().numpy()

    started_s = time.perf_counter()
    for _ in range(3):
        infer()
    facts: dict[str, object] = {'compiled_in_s': round(time.perf_counter() - started_s, 1)}
    with subject.describe() as engine:
        ways = {'torch.compile': infer, 'engine': lambda: engine.infer(pictures)}
        facts['ways'] = {name: summary(times) for name, times in in_turns_ms(ways, 10, 3 * seconds).items()}
        wanted_m = engine.infer(pictures)
        facts['differs_by'] = float(np.abs(infer() - wanted_m).max() / wanted_m.max())
    return facts


def main() -> None:
    """Do the job of the command line."""
    job = json.loads(sys.argv[1])
    facts = job['subject']
    subject = CheckSubject(**{**facts, 'frame': tuple(facts['frame'])})
    work = {'camera': camera, 'compile': compiled}[job['work']]
    answer = json.dumps(work(subject, job['seconds']))
    print(answer, flush=True)


if __name__ == '__main__':
    main()
