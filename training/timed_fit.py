# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training that is given a time instead of a number of steps, on varied scenes that its own device renders.

    dav2-train metric config/training/vitt_procedural_gpu.yaml --out out/gpu --minutes 9

fit.py is the loop of the papers' recipes, whose steps come again bit for bit; here the clock decides how far the
learning rate has come, and rendering and learning share one device. Once a minute, at the end, and on SIGTERM or
Ctrl-C, last.pt and the runtime's safetensors are written whole; the same command goes on from there until its minutes
are over.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dav2_ros.models.info import ModelInfo
from dav2_training.config import MetricConfig, TimedConfig
from dav2_training.data.renderer import Batch
from dav2_training.data.varied.camera_faults import take
from dav2_training.data.varied.frame_buffer import ComposedScenes, FrameBuffer, SceneQueue, Shape
from dav2_training.data.varied.ray_kernel import caster_for
from dav2_training.held_out import HELD_OUT_SEED
from dav2_training.sitting import Sitting
from dav2_training.timed_judge import Judgement, judge, procedural_frames, varied_frames

TELL_S = 2.0  # between lines of the log
SMALLEST_BATCH = 4


def shapes(config: MetricConfig) -> tuple[tuple[float, bool, Shape], ...]:
    """Return (share of steps, of panoramas, shape): the trained size, smaller, wide, square, very wide."""
    t, h, w = config.timed, config.height, config.width
    small = Shape(h * 2 // 3 // 14 * 14, w * 2 // 3 // 14 * 14)
    panorama = Shape(t.panorama_height, t.panorama_width)
    wide = Shape(h, round(w / 0.75 / 14) * 14, of_height=0.75)
    square = Shape(h, h, of_width=h / w)
    some = [(t.small_share, False, small), (config.wide_share, False, wide), (config.square_share, False, square),
            (t.panorama_share, True, panorama)]  # fmt: skip
    rest = 1.0 - sum(share for share, _, _ in some)
    return ((rest, False, Shape(h, w)), *some)


def _step(
    sitting: Sitting, buffer: FrameBuffer, shape: Shape, generator: torch.Generator
) -> tuple[float, float] | None:
    """Draw and learn; None where memory was not enough, and steps are smaller from here on."""
    p = sitting.progress
    try:
        batch = buffer.draw(p.batch, shape, generator, sitting.timed.zoom)
        return sitting.learn(dataclasses.replace(batch, rgb=take(batch.rgb, generator)))
    except torch.OutOfMemoryError:
        if p.batch <= SMALLEST_BATCH:
            raise
    p.batch //= 2
    sitting.optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    sitting.say(f'Out of memory: {p.batch} frames a step from here on.')
    return None


def _learn_until_the_end(sitting: Sitting, scenes: SceneQueue, judge_now: Callable[[], None]) -> None:
    """Render, draw and learn until the time is over or somebody stops it."""
    config, t, p, device = sitting.config, sitting.timed, sitting.progress, sitting.device
    buffers = {False: FrameBuffer(t.buffer, config.height, config.width, device),
               True: FrameBuffer(max(1, t.panoramas), t.panorama_height, t.panorama_width, device)}  # fmt: skip
    generator = torch.Generator(device=device).manual_seed(config.fit.seed + 7919 * p.step)
    rng, owed = np.random.default_rng([config.fit.seed, p.step]), float(min(t.fill, t.buffer))
    kinds = shapes(config)
    share = np.array([each[0] for each in kinds])
    started, told, judged, kept = time.monotonic(), time.monotonic(), time.monotonic(), p.drawn
    rendered_s = 0.0
    while not sitting.stopped and sitting.elapsed_s < sitting.total_s:
        while owed > 0 and not sitting.stopped and sitting.elapsed_s < sitting.total_s:
            made = scenes.get(wait=buffers[False].filled < min(t.fill, t.buffer))
            if made is None:
                break
            at = time.monotonic()
            count = buffers[made[0]].fill(made[1])
            rendered_s += time.monotonic() - at
            owed, p.rendered = owed - count, p.rendered + count
        owed = min(owed, 4.0 * p.batch)
        _, panorama, shape = kinds[rng.choice(len(kinds), p=share / share.sum())]
        buffer = buffers[panorama] if buffers[panorama].filled else buffers[False]
        shape = shape if buffer is buffers[panorama] else kinds[0][2]
        if not buffer.filled:
            continue
        learnt = _step(sitting, buffer, shape, generator)
        if learnt is None:
            continue
        value, norm = learnt
        p.drawn, owed = p.drawn + p.batch, owed + p.batch / t.uses
        now = time.monotonic()
        if now - told > TELL_S:
            rate, lr = (p.drawn - kept) / (now - told), sitting.optimizer.param_groups[0]['lr']
            with (sitting.out / 'log.csv').open('a') as file:
                file.write(
                    f'{p.step},{sitting.elapsed_s:.1f},{value:.5f},{norm:.4f},{lr:.3e},{rate:.1f},{p.rendered}\n'
                )
            told, kept = now, p.drawn
        if now - judged > t.judge_every_s:
            sitting.keep()
            judge_now()
            rate = f'{p.drawn / (now - started):.0f} frames/s learnt, {p.rendered / (now - started):.0f} rendered'
            sitting.say(
                f'step {p.step}: loss {value:.4f}, {rate}, {100 * rendered_s / (now - started):.0f} % rendering'
            )
            judged = time.monotonic()


def _final(sitting: Sitting, until: float) -> dict[str, Any]:
    """Judge the averaged weights on held-out frames of both generators."""
    config, found = sitting.config, {}
    n = config.validation_frames or 64
    sets = {
        'varied': lambda: varied_frames(HELD_OUT_SEED, n, config.height, config.width, sitting.device),
        'procedural': lambda: procedural_frames(HELD_OUT_SEED, n, sitting.device),
    }
    with sitting.average.applied():
        for name, make in sets.items():
            if time.monotonic() < until:
                result = judge(sitting.network, make(), config, edges=n // 4, until=until)
                if result:
                    found[name] = dataclasses.asdict(result)
                    sitting.say(f'held-out {name}, {result.frames} frames: {result.line()}')
    return found


def train(
    network: nn.Module, config: MetricConfig, loss: Callable[[nn.Module, Batch], Tensor], info: ModelInfo, out: Path
) -> Path:
    """Train for the configured minutes and write the runtime's safetensors. Raises ConfigError."""
    began, t = time.monotonic(), config.timed
    out.mkdir(parents=True, exist_ok=True)
    if config.fit.threads:
        torch.set_num_threads(config.fit.threads)
    on_gpu = config.fit.accelerator != 'cpu' and torch.cuda.is_available()
    torch.backends.cudnn.benchmark = on_gpu
    every = t.panorama_every if t.panorama_share else 0
    scenes = ComposedScenes(config.scenes_seed, _unseen(out, t), t.scenes, t.views, every)
    with SceneQueue(scenes, config.workers) as queue:  # its processes begin before there is a GPU in this one
        sitting = Sitting(network, config, loss, info, out, 'cuda' if on_gpu else 'cpu', began)
        sitting.resume()
        with _stopped_by_signals(sitting):
            return _sit(sitting, queue)


@contextmanager
def _stopped_by_signals(sitting: Sitting) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end a sitting as the end of its time does."""

    def stop(number: int, frame: object) -> None:
        sitting.stopped = True

    try:
        before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread, which alone hears signals
        before = {}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _unseen(out: Path, t: TimedConfig) -> int:
    """Return the number of a scene that no sitting before has composed, so that a resumed run sees new ones."""
    try:
        state = torch.load(out / 'last.pt', map_location='cpu', weights_only=True, mmap=True)
        return int(state['progress']['rendered']) // max(1, t.views) + 1_000_000
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError):
        return 0


def _sit(sitting: Sitting, queue: SceneQueue) -> Path:
    config, p = sitting.config, sitting.progress
    name = torch.cuda.get_device_name() if sitting.device != 'cpu' else 'CPU'
    sitting.say(f'{name}, rays by {caster_for(sitting.device).name}, {config.workers} processes compose scenes')
    count = min(64, config.validation_frames or 64)
    watched = varied_frames(config.validation_seed, count, config.height, config.width, sitting.device)

    def judge_now() -> Judgement | None:
        with sitting.average.applied():
            result = judge(sitting.network, watched, config)
        if result:
            sitting.say(f'step {sitting.progress.step}, validation: {result.line()}')
            sitting.progress.judged.append({'step': sitting.progress.step, 'elapsed_s': sitting.elapsed_s,
                                            **dataclasses.asdict(result)})  # fmt: skip
        return result

    began_s, drawn, rendered, step = sitting.elapsed_s, p.drawn, p.rendered, p.step
    try:
        _learn_until_the_end(sitting, queue, judge_now)
    finally:  # whatever ends it, what was learnt is kept
        path = sitting.keep()
    p, passed_s = sitting.progress, max(1e-9, sitting.elapsed_s - began_s)
    summary = {
        'device': name, 'rays': caster_for(sitting.device).name, 'steps': p.step, 'elapsed_s': sitting.elapsed_s,
        'batch': p.batch, 'frames_drawn': p.drawn, 'frames_rendered': p.rendered, 'stopped': sitting.stopped,
        'frames_per_s': (p.drawn - drawn) / passed_s, 'rendered_per_s': (p.rendered - rendered) / passed_s,
        'steps_per_s': (p.step - step) / passed_s, 'validation': p.judged,
    }  # fmt: skip
    _write_json(sitting.out / 'summary.json', summary)
    if not sitting.stopped:
        box_ends = sitting.began + 60.0 * sitting.timed.minutes - sitting.before_s
        summary['held_out'] = _final(sitting, box_ends - 2.0)
        _write_json(sitting.out / 'summary.json', summary)
    return path


def _write_json(path: Path, value: dict[str, Any]) -> None:
    beside = path.with_suffix('.part')
    beside.write_text(json.dumps(value, indent=1))
    os.replace(beside, path)
