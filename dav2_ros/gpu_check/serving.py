# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Check engines as a robot uses them: hours of frames, several engines, a swap while serving, memory that runs out."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np

from dav2_ros.benchmark.timing import call_ms, summary
from dav2_ros.engines.engine import Engine, EngineError
from dav2_ros.engines.hot_swap import SwappableEngine
from dav2_ros.engines.selection.accuracy_gate import REPEAT, TOLERANCES
from dav2_ros.engines.selection.reference import reference
from dav2_ros.gpu_check.session import CheckSession
from dav2_ros.gpu_check.subjects import CheckSubject

SWAP_PATIENCE_S = 25.0  # CPU reference, two engines and their races
FRAMES_AFTER = 20  # of the better engine, once it is there
TINY_MB = 64  # more than is allocated: what is left for an engine that has to run out of memory


def check_determinism(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Give two pictures in turn, many times: the bits that come out may not depend on when."""
    pictures = subject.pictures()
    pair = [pictures, np.ascontiguousarray(pictures[:, ::-1])]
    with subject.describe() as engine:
        first = [engine.infer(picture).copy() for picture in pair]
        changes = []
        for i in range(session.settings.repeats):
            depth_m = engine.infer(pair[i % 2])
            same = np.array_equal(depth_m, first[i % 2])
            changes.append(0.0 if same else _change(depth_m, first[i % 2]))
    result |= {'runs': len(changes), 'other_bits': sum(change > 0 for change in changes)}
    result['largest_change'] = max(changes)
    result['passed'] = result['largest_change'] <= _allowed(subject)


def _change(depth_m: np.ndarray, wanted_m: np.ndarray) -> float:
    return float(np.abs(depth_m - wanted_m).max() / max(float(wanted_m.max()), 1e-9))


def _allowed(subject: CheckSubject) -> float:
    return REPEAT[subject.device.partition(':')[0]]


class EngineServer(threading.Thread):
    """A camera that asks one engine for the same depth again and again, until it is told to stop."""

    def __init__(self, engine: Engine, pictures: np.ndarray, wanted_m: np.ndarray) -> None:
        super().__init__(daemon=True)
        self._engine, self._pictures, self._wanted_m = engine, pictures, wanted_m
        self._ended = threading.Event()
        self.frames, self.largest_change, self.longest_ms, self.error = 0, 0.0, 0.0, ''

    def run(self) -> None:
        """Serve."""
        try:
            while not self._ended.is_set():
                started_s = time.perf_counter()
                depth_m = self._engine.infer(self._pictures)
                self.longest_ms = max(self.longest_ms, 1e3 * (time.perf_counter() - started_s))
                self.largest_change = max(self.largest_change, _change(depth_m, self._wanted_m))
                self.frames += 1
        except Exception as error:
            self.error = f'{type(error).__name__}: {error}'[:300]

    def stop(self) -> dict:
        """End it and return what it saw."""
        self._ended.set()
        self.join(20.0)
        facts = {'frames': self.frames, 'largest_change': self.largest_change, 'error': self.error}
        return facts | {'longest_ms': round(self.longest_ms, 2)}


def check_threads(result: dict, session: CheckSession, one: CheckSubject, other: CheckSubject) -> None:
    """Let two engines serve on two threads, and open a third one meanwhile: each gives what it gave alone."""
    third = replace(other, precision='fp32')
    with one.describe() as first, other.describe() as second:
        wanted = [engine.infer(s.pictures()).copy() for engine, s in ((first, one), (second, other))]
        servers = [EngineServer(e, s.pictures(), m) for e, s, m in zip((first, second), (one, other), wanted)]
        for server in servers:
            server.start()
        time.sleep(session.settings.camera_s / 2)
        started_s = time.perf_counter()
        try:
            with third.describe() as opened_meanwhile:
                opened_meanwhile.infer(third.pictures())
        except Exception as error:
            result['opening'] = f'{type(error).__name__}: {error}'[:300]
        result['opened_in_s'] = round(time.perf_counter() - started_s, 2)
        time.sleep(session.settings.camera_s / 2)
        result['servers'] = [server.stop() for server in servers]
    right = all(not s['error'] and s['frames'] and s['largest_change'] <= _allowed(one) for s in result['servers'])
    result['passed'] = right and 'opening' not in result


def check_swap(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Serve with what opens at once while better engines are built and proved, and take the best between two frames."""
    said: list[str] = []
    spec = replace(subject.spec, precision='auto', batch=1)
    picture = subject.pictures()[:1]
    wanted_m = subject.plan.undo(reference(subject.checkpoint, subject.plan)[0])
    limit = TOLERANCES['fp16']
    supply = SwappableEngine(subject.checkpoint, 'torch', spec, background=True, say=said.append, warn=said.append)
    end_s = time.monotonic() + min(SWAP_PATIENCE_S, max(3.0, session.left_s - 5.0))
    served: dict[str, int] = {}
    errors, gaps_ms, last_s, frames_after = [], [], time.perf_counter(), 0
    with supply:
        while time.monotonic() < end_s:
            state = supply.state  # asked before: what is ready by then serves this frame
            is_building = bool(state and state.building)
            engine = supply.engine()
            name = f'{engine.name} {engine.precision} on {engine.device}'
            depth_m = engine.infer(picture)[0]
            now_s = time.perf_counter()
            gaps_ms.append(1e3 * (now_s - last_s))
            last_s = now_s
            errors.append(float(np.median(np.abs(depth_m - wanted_m) / np.maximum(wanted_m, 1e-3))))
            served[name] = served.get(name, 0) + 1
            frames_after += not is_building
            if frames_after > FRAMES_AFTER:
                break
        state = supply.state
        result['failure'] = state.failure if state else ''
    result |= {'served': served, 'longest_gap_ms': round(max(gaps_ms), 2), 'largest_error_p50': max(errors)}
    result['sentences'] = said[-6:]
    swapped = len(served) > 1 or not subject.device.startswith('cuda')
    result['passed'] = swapped and not result['failure'] and max(errors) <= limit.p50


def check_no_memory(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Leave an engine too little memory: one sentence, nothing kept, and the next one opens."""
    import torch

    before = torch.cuda.memory_allocated()
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, (before + (TINY_MB << 20)) / total))
    try:
        with subject.describe():
            result['sentence'] = ''
    except EngineError as error:
        result['sentence'] = str(error)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
    result['kept_mb'] = round((torch.cuda.memory_allocated() - before) * 1e-6, 1)
    with subject.describe() as engine:
        result['opens_again'] = bool(np.isfinite(engine.infer(subject.pictures())).all())
    is_sentence = result['sentence'].endswith('.') and '\n' not in result['sentence']
    result['passed'] = bool(result['sentence']) and is_sentence and result['opens_again'] and result['kept_mb'] < 1.0


def measure_batch(result: dict, session: CheckSession, subject: CheckSubject) -> None:
    """Measure the frames/s of several cameras through one engine."""
    pictures = subject.pictures()
    with subject.describe() as engine:
        times_ms = call_ms(lambda: engine.infer(pictures), seconds=session.settings.camera_s)
    result |= summary(times_ms)
    result['frames_s'] = 1e3 * subject.batch * len(times_ms) / sum(times_ms)
