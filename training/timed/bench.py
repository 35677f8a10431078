# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure where the time of a timed training goes: composing, rendering, drawing, a step of each shape.

python -m dav2_training.timed.bench config/training/vitt_procedural_gpu.yaml
"""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer

from dav2_ros.benchmark.timing import device_ms
from dav2_ros.files.atomic import write_json
from dav2_training import config as configs
from dav2_training.config import MetricConfig
from dav2_training.data.varied.camera_faults import take
from dav2_training.data.varied.compose import compose
from dav2_training.data.varied.frame_buffer import FrameBuffer, Shape
from dav2_training.data.varied.ray_kernel import caster_for
from dav2_training.data.varied.render import pack
from dav2_training.stages.metric import info_of, loss_of, network_of
from dav2_training.timed.fit import shapes
from dav2_training.timed.session import TimedSession


def _draw(buffer: FrameBuffer, count: int, shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return take(buffer.draw(count, shape, generator).rgb, generator)


def main(
    config: Annotated[Path, typer.Argument(help='YAML file of a timed training.')],
    repeats: Annotated[int, typer.Option(help='Calls of each part.')] = 5,
    out: Annotated[Path, typer.Option(help='JSON to write.')] = Path('out/timed_bench.json'),
) -> None:
    """Print milliseconds for each frame, part by part, and write them as JSON."""
    c = configs.load(MetricConfig, config)
    c = dataclasses.replace(c, timed=dataclasses.replace(c.timed, minutes=c.timed.minutes or 1.0))
    device = 'cuda' if torch.cuda.is_available() and c.fit.accelerator != 'cpu' else 'cpu'
    torch.backends.cudnn.benchmark = device != 'cpu'
    out.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    packed = pack([compose(c.scenes_seed, i, c.timed.views) for i in range(c.timed.scenes)])
    found = {'compose, 1 process': 1e3 * (time.perf_counter() - began) / len(packed)}
    print(f'{len(packed)} frames a table, {packed.counts.mean():.0f} primitives; rays by {caster_for(device).name}')
    buffer = FrameBuffer(4 * len(packed), c.height, c.width, device)
    found['render'] = device_ms(partial(buffer.fill, packed), repeats, device) / len(packed)
    generator = torch.Generator(device=device).manual_seed(0)
    session = TimedSession(network_of(c), c, loss_of(c), info_of(c), out.parent, device, time.monotonic())
    n = c.fit.batch
    for share, panorama, shape in shapes(c):
        if panorama:
            buffer = FrameBuffer(4 * len(packed), c.timed.panorama_height, c.timed.panorama_width, device)
            found['render panoramas'] = device_ms(partial(buffer.fill, packed), 2, device) / len(packed)
        name = f'{shape.height}x{shape.width}'
        batch = buffer.draw(n, shape, generator)
        taken = dataclasses.replace(batch, rgb=take(batch.rgb, generator))
        draw = partial(_draw, buffer, n, shape, generator)
        found[f'draw and take {name}'] = device_ms(draw, repeats, device) / n
        learn = partial(session.learn, taken)
        found[f'learn {name}, {100 * share:.0f} % of steps'] = device_ms(learn, repeats, device) / n
    for name, ms in found.items():
        print(f'{name:40s} {ms:8.4f} ms a frame {1e3 / ms:10.0f} frames/s')
    if device != 'cpu':
        found['peak GiB'] = torch.cuda.max_memory_allocated() / 2**30
        print(f'peak memory {found["peak GiB"]:.1f} GiB')
    write_json(out, found)


if __name__ == '__main__':
    typer.run(main)
