# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Train for a given time instead of a number of steps, on varied scenes that its own device renders.

    dav2-train metric config/training/vitt_procedural_gpu.yaml --out out/gpu --minutes 9

fit.py is the loop of the papers' recipes, whose steps come again bit for bit; here the clock decides how far the
learning rate has come, and rendering and learning share one device. Once a minute, at the end, and on SIGTERM or
Ctrl-C, last.pt and the runtime's safetensors are written whole; the same command goes on from there until its minutes
are over.
"""

from __future__ import annotations

import dataclasses
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

from dav2_ros.files.atomic import write_json
from dav2_ros.models.info import ModelInfo
from dav2_training.config import MetricConfig, TimedConfig
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.data.varied.camera_faults import take
from dav2_training.data.varied.frame_buffer import ComposedScenes, FrameBuffer, SceneQueue, Shape
from dav2_training.data.varied.ray_kernel import caster_for
from dav2_training.evaluation.held_out import HELD_OUT_SEED
from dav2_training.timed.evaluation import TimedScore, procedural_frames, score_network, varied_frames
from dav2_training.timed.session import TimedSession

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
    session: TimedSession, buffer: FrameBuffer, shape: Shape, generator: torch.Generator
) -> tuple[float, float] | None:
    """Draw and learn; None where memory was not enough, and steps are smaller from here on."""
    p = session.progress
    try:
        batch = buffer.draw(p.batch, shape, generator, session.timed.zoom)
        return session.learn(dataclasses.replace(batch, rgb=take(batch.rgb, generator)))
    except torch.OutOfMemoryError:
        if p.batch <= SMALLEST_BATCH:
            raise
    p.batch //= 2
    session.optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    session.say(f'Out of memory: {p.batch} frames a step from here on.')
    return None


def _render(
    session: TimedSession, scenes: SceneQueue, buffers: dict[bool, FrameBuffer], owed: float
) -> tuple[int, float]:
    """Render composed scenes into their buffers, `owed` frames or what is there; return how many, and seconds."""
    t, rendered, passed_s = session.timed, 0, 0.0
    while rendered < owed and not session.stopped and session.elapsed_s < session.total_s:
        composed = scenes.get(wait=buffers[False].filled < min(t.fill, t.buffer))
        if composed is None:
            break
        started_s = time.monotonic()
        rendered += buffers[composed[0]].fill(composed[1])
        passed_s += time.monotonic() - started_s
    session.progress.rendered += rendered
    return rendered, passed_s


def _learn_until_the_end(session: TimedSession, scenes: SceneQueue, judge_now: Callable[[], None]) -> None:
    """Render, draw and learn until the time is over or somebody stops it."""
    config, t, p, device = session.config, session.timed, session.progress, session.device
    buffers = {False: FrameBuffer(t.buffer, config.height, config.width, device),
               True: FrameBuffer(max(1, t.panoramas), t.panorama_height, t.panorama_width, device)}  # fmt: skip
    generator = torch.Generator(device=device).manual_seed(config.fit.seed + 7919 * p.step)
    rng, owed = np.random.default_rng([config.fit.seed, p.step]), float(min(t.fill, t.buffer))
    kinds = shapes(config)
    share = np.array([each[0] for each in kinds])
    started, told, judged, kept = time.monotonic(), time.monotonic(), time.monotonic(), p.drawn
    rendered_s = 0.0
    while not session.stopped and session.elapsed_s < session.total_s:
        rendered, passed_s = _render(session, scenes, buffers, owed)
        owed, rendered_s = min(owed - rendered, 4.0 * p.batch), rendered_s + passed_s
        _, panorama, shape = kinds[rng.choice(len(kinds), p=share / share.sum())]
        buffer = buffers[panorama] if buffers[panorama].filled else buffers[False]
        shape = shape if buffer is buffers[panorama] else kinds[0][2]
        if not buffer.filled:
            continue
        learnt = _step(session, buffer, shape, generator)
        if learnt is None:
            continue
        value, norm = learnt
        p.drawn, owed = p.drawn + p.batch, owed + p.batch / t.uses
        now = time.monotonic()
        if now - told > TELL_S:
            rate, lr = (p.drawn - kept) / (now - told), session.optimizer.param_groups[0]['lr']
            with (session.out / 'log.csv').open('a') as file:
                file.write(
                    f'{p.step},{session.elapsed_s:.1f},{value:.5f},{norm:.4f},{lr:.3e},{rate:.1f},{p.rendered}\n'
                )
            told, kept = now, p.drawn
        if now - judged > t.judge_every_s:
            session.keep()
            judge_now()
            rate = f'{p.drawn / (now - started):.0f} frames/s learnt, {p.rendered / (now - started):.0f} rendered'
            session.say(
                f'step {p.step}: loss {value:.4f}, {rate}, {100 * rendered_s / (now - started):.0f} % rendering'
            )
            judged = time.monotonic()


def _final(session: TimedSession, until: float) -> dict[str, Any]:
    """Judge the averaged weights on held-out frames of both generators."""
    config, found = session.config, {}
    n = config.validation_frames or 64
    sets = {
        'varied': lambda: varied_frames(HELD_OUT_SEED, n, config.height, config.width, session.device),
        'procedural': lambda: procedural_frames(HELD_OUT_SEED, n, session.device),
    }
    with session.average.applied():
        for name, make in sets.items():
            if time.monotonic() < until:
                result = score_network(session.network, make(), config, edges=n // 4, until=until)
                if result:
                    found[name] = dataclasses.asdict(result)
                    session.say(f'held-out {name}, {result.frames} frames: {result.line()}')
    return found


def train(
    network: nn.Module,
    config: MetricConfig,
    loss: Callable[[nn.Module, MetricBatch], Tensor],
    info: ModelInfo,
    out: Path,
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
        session = TimedSession(network, config, loss, info, out, 'cuda' if on_gpu else 'cpu', began)
        session.resume()
        with _stopped_by_signals(session):
            return _run(session, queue)


@contextmanager
def _stopped_by_signals(session: TimedSession) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end a session as the end of its time does."""

    def stop(number: int, frame: object) -> None:
        session.stopped = True

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
    """Return the number of a scene that no earlier session has composed, so that a resumed run sees new ones."""
    try:
        state = torch.load(out / 'last.pt', map_location='cpu', weights_only=True, mmap=True)
        return int(state['progress']['rendered']) // max(1, t.views) + 1_000_000
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError):
        return 0


def _run(session: TimedSession, queue: SceneQueue) -> Path:
    config, p = session.config, session.progress
    name = torch.cuda.get_device_name() if session.device != 'cpu' else 'CPU'
    session.say(f'{name}, rays by {caster_for(session.device).name}, {config.workers} processes compose scenes')
    count = min(64, config.validation_frames or 64)
    watched = varied_frames(config.validation_seed, count, config.height, config.width, session.device)

    def judge_now() -> TimedScore | None:
        with session.average.applied():
            result = score_network(session.network, watched, config)
        if result:
            session.say(f'step {session.progress.step}, validation: {result.line()}')
            session.progress.judged.append({'step': session.progress.step, 'elapsed_s': session.elapsed_s,
                                            **dataclasses.asdict(result)})  # fmt: skip
        return result

    began_s, drawn, rendered, step = session.elapsed_s, p.drawn, p.rendered, p.step
    try:
        _learn_until_the_end(session, queue, judge_now)
    finally:  # whatever ends it, what was learnt is kept
        path = session.keep()
    p, passed_s = session.progress, max(1e-9, session.elapsed_s - began_s)
    summary = {
        'device': name, 'rays': caster_for(session.device).name, 'steps': p.step, 'elapsed_s': session.elapsed_s,
        'batch': p.batch, 'frames_drawn': p.drawn, 'frames_rendered': p.rendered, 'stopped': session.stopped,
        'frames_per_s': (p.drawn - drawn) / passed_s, 'rendered_per_s': (p.rendered - rendered) / passed_s,
        'steps_per_s': (p.step - step) / passed_s, 'validation': p.judged,
    }  # fmt: skip
    write_json(session.out / 'summary.json', summary)
    if not session.stopped:
        box_ends = session.began + 60.0 * session.timed.minutes - session.before_s
        summary['held_out'] = _final(session, box_ends - 2.0)
        write_json(session.out / 'summary.json', summary)
    return path
