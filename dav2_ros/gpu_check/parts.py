# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Order the parts: first what decides whether a GPU can be used, last what completes the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product

from dav2_ros.gpu_check import card, serving, speed
from dav2_ros.gpu_check.session import CheckSession, CheckSettings
from dav2_ros.gpu_check.subjects import CheckSubject, load
from dav2_ros.gpu_check.worker import measure_cameras, measure_compiled

# Seconds that are left at least before a part begins: what it takes on an H100 with 16 cores, and some more.
NEEDS_S = {'vitt': 4.0, 'vits': 5.0, 'vitb': 8.0, 'vitl': 15.0}
COMPILE_S, CAMERAS_S, SWAP_S = 45.0, 25.0, 20.0


def run_parts(session: CheckSession) -> None:
    """Run all parts within the session's time."""
    settings = session.settings
    chief, largest, real, half = settings.chief, settings.largest, settings.presets[0], settings.half
    small, large = settings.sizes[0], settings.sizes[-1]
    on_gpu = settings.device.startswith('cuda')

    def subject(preset: str, size: int, precision: str = half, batch: int = 1) -> CheckSubject:
        return CheckSubject(preset, size, precision, batch, settings.device, settings.frame)

    def stages(preset: str, size: int) -> None:
        one = subject(preset, size)
        session.run(f'stages {preset} {size} {half}', _needs(preset), lambda r: speed.measure_stages(r, session, one))

    session.run('card', 1, lambda r: card.describe_card(r, session))
    session.run('matrix products', 2, lambda r: card.measure_products(r, session))
    session.run('copies', 2, lambda r: card.measure_copies(r, session))
    session.run(f'load {chief}', 3, lambda r: r.update(sha256=load(chief).sha256))
    _check(session, [subject(real, small), subject(chief, large)])
    session.run(f'ways {chief} {large}', 8, lambda r: speed.compare_ways(r, session, subject(chief, large)))
    stages(chief, large)
    session.run('determinism', _needs(chief), lambda r: serving.check_determinism(r, session, subject(chief, large)))
    session.run('threads', 8, lambda r: serving.check_threads(r, session, subject(chief, small), subject(real, small)))
    session.run(f'load {largest}', 15 if on_gpu else 2, lambda r: r.update(sha256=load(largest).sha256))
    _check(session, [subject(largest, large)])
    stages(largest, large)
    session.run('attention', 2, lambda r: card.measure_attention(r, session))
    session.run('swap', SWAP_S if on_gpu else 3, lambda r: serving.check_swap(r, session, subject(real, small)))
    if on_gpu:
        session.run('no memory', 6, lambda r: serving.check_no_memory(r, session, subject(largest, small)))
        session.run('device memory', 1, lambda r: card.try_device_memory(r, session))
    cameras = subject(chief, small, batch=settings.cameras)
    session.run('cameras, one engine', 5, lambda r: serving.measure_batch(r, session, cameras))
    one_camera = subject(chief, small)
    session.run('cameras, processes', CAMERAS_S, lambda r: measure_cameras(r, session, one_camera))
    stages(chief, small)
    session.run(f'ways {largest} {large}', 15, lambda r: speed.compare_ways(r, session, subject(largest, large)))
    _check(session, _first(settings, subject))
    session.run(f'profile {chief} {large}', _needs(chief), lambda r: speed.profile(r, session, subject(chief, large)))
    session.run(
        f'profile {largest} {large}', _needs(largest), lambda r: speed.profile(r, session, subject(largest, large))
    )
    session.run('torch.compile', COMPILE_S, lambda r: measure_compiled(r, session, subject(chief, large)))
    _check(session, _others(settings, subject))


def _needs(preset: str) -> float:
    return NEEDS_S.get(preset, NEEDS_S['vitl'])


def _check(session: CheckSession, subjects: Iterable[CheckSubject]) -> None:
    """Check the engines of these subjects that have not been checked yet."""
    for one in subjects:
        name = f'engine {one.name}'
        if name not in session.parts:
            needs_s = _needs(one.preset) if session.settings.device.startswith('cuda') else 1.0
            session.run(name, needs_s, partial(speed.check_engine, session=session, subject=one))


def _first(settings: CheckSettings, subject: Callable[..., CheckSubject]) -> Iterator[CheckSubject]:
    """Yield batch 1 of the small presets, and what other libraries are installed."""
    for preset, size, precision in product(settings.presets[:2], settings.sizes, settings.precisions):
        yield subject(preset, size, precision)
    for engine in settings.engines:
        if engine != 'torch':
            one = subject(settings.presets[0], settings.sizes[0])
            yield CheckSubject(one.preset, one.size, one.precision, 1, one.device, one.frame, engine)
            if engine in ('onnxruntime', 'tensorrt') and find_spec(engine):
                two = subject(settings.chief, settings.sizes[-1])
                yield CheckSubject(two.preset, two.size, two.precision, 1, two.device, two.frame, engine)


def _others(settings: CheckSettings, subject: Callable[..., CheckSubject]) -> Iterator[CheckSubject]:
    """Yield everything else, cheap and telling first."""
    for batch, precision in product(settings.batches, settings.precisions):
        for preset, size in product(settings.presets, settings.sizes):
            yield subject(preset, size, precision, batch)
