# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What training costs: python bench/training.py. Writes bench/results/training.json and tables of training/README.md.

Measured, for the bundled preset and for vits at 518x518 on this CPU, and for vits in bf16 on a GPU if there is one:
images/s of the loop as a stage runs it (pictures and 16-bit labels read from disk, loss, AdamW), and of nothing but
forward and backward of the same network on a batch that lies there already. And what one core feeds a student.

Computed, not measured (`python bench/training.py plan` alone): hours of the whole method on GPUs named, from floating
point operations counted in the network's own code, the GPU's peak in its data sheet, and a share of it that is assumed.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import cv2
import numpy as np
import torch
from torch import nn

from dav2_ros.benchmark.machine import machine
from dav2_ros.benchmark.timing import call_ms
from dav2_ros.files.atomic import write_file, write_json, write_whole
from dav2_training.config import FitConfig, SetConfig, Start
from dav2_training.data.pseudo.label_file import encode, label_path
from dav2_training.data.relative_batches import RelativeBatches, open_sets
from dav2_training.losses import RelativeLoss
from dav2_training.stages import relative

RESULTS = Path(__file__).parent / 'results' / 'training.json'
README = Path(__file__).parents[1] / 'training' / 'README.md'
PICTURES, HEIGHT, WIDTH = 24, 480, 640
# Dense bf16 with float32 sums, TFLOP/s: NVIDIA's data sheets.
GPUS = {'RTX 4090 (24 GB)': 165, 'A100 (80 GB)': 312, 'L40S (48 GB)': 362, 'H100 SXM (80 GB)': 989}
SHARE = 0.35  # of it that training is assumed to reach; ViT trainings are told to reach 0.25 to 0.45
UNLABELLED, LABEL_STRETCH = 62.3e6, 4 / 3  # pictures; a label is of the whole picture: 518x686 of a 4:3 one


@dataclasses.dataclass(frozen=True)
class Case:
    """A network at a size on a device."""

    preset: str
    height: int
    width: int
    batch: int
    precision: str
    device: str = 'cpu'
    steps: int = 6
    workers: int = 1


def cases() -> list[Case]:
    """List what this machine can do."""
    here = [Case('vitt', 168, 224, 16, '32-true'), Case('vitt', 168, 224, 16, 'bf16-mixed')]
    here += [Case('vits', 518, 518, 2, 'bf16-mixed', steps=3)]
    if torch.cuda.is_available():
        here.append(Case('vits', 518, 518, 24, 'bf16-mixed', 'cuda', 60, len(os.sched_getaffinity(0))))
    return here


def labelled_pictures(root: Path) -> int:
    """Write JPEGs with a sensor's grain and their labels; return the bytes of all labels."""
    from dav2_training.data.procedural.procedural import ProceduralScenes

    (root / 'pictures').mkdir()
    scenes, rng = ProceduralScenes(7, HEIGHT, WIDTH), np.random.default_rng(0)
    for number in range(PICTURES):
        batch = scenes.batch([number])
        rgb = batch.rgb[0].numpy() + rng.normal(0, 4, (HEIGHT, WIDTH, 3))
        picture = rgb.clip(0, 255).astype(np.uint8)[..., ::-1]
        cv2.imwrite(str(root / f'pictures/{number:03d}.jpg'), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        disparity = cv2.GaussianBlur(1 / batch.z_m[0].numpy(), (0, 0), 1.5)  # a network's labels are not sharper
        write_file(label_path(root / 'labels', f'{number:03d}.jpg'), encode(disparity, {}))
    return sum(path.stat().st_size for path in (root / 'labels').iterdir())


def images_s(call: Callable[[], object], images: int, runs: int) -> list[float]:
    """Return the images/s of each of `runs` calls, after two that do not count."""
    return [1e3 * images / ms for ms in call_ms(call, runs)]


def pure(case: Case) -> list[float]:
    """Forward and backward alone."""
    network = relative.build_network(Start(), case.preset, case.height * case.width, 0).to(case.device).train()
    x = torch.randn(case.batch, 3, case.height, case.width, device=case.device)
    x = x.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        with relative.autocast(x.device, case.precision):
            loss = network(x).float().mean()
        loss.backward()
        network.zero_grad(set_to_none=True)
        wait(case.device)

    return images_s(step, case.batch, case.steps)


def wait(device: str) -> None:
    """Wait until a GPU has done what it was given."""
    if device == 'cuda':
        torch.cuda.synchronize()


def loop(case: Case, root: Path) -> list[float]:
    """The loop as the student's stage runs it, without its frozen encoder."""
    from dav2_training.loop.fit import fit

    sets = [SetConfig('folder', str(root / 'pictures'), labels=str(root / 'labels'))]
    feed = RelativeBatches(
        case.height, case.width, case.batch, pseudo=open_sets(sets, case.height, case.width), workers=case.workers
    )
    network = relative.build_network(Start(), case.preset, case.height * case.width, 0)
    objective = relative.RelativeObjective(relative.ObjectiveWeights(), RelativeLoss(), RelativeLoss(ignored=0.1), 0.0)
    steps = case.steps + 3
    config = FitConfig(steps=steps, batch=case.batch, precision=case.precision, accelerator=case.device,
                       save_every=10**9, validate_every=10**9, log_every=10**9, tensorboard=False)  # fmt: skip
    ends: list[float] = []

    def after(step: int) -> None:
        wait(case.device)
        ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as out:
        fit(network, config, feed, objective, lambda model: 'not validated', Path(out), after)
    return [case.batch / (b - a) for a, b in itertools.pairwise(ends[2:])]


def fed(root: Path) -> list[float]:
    """Crops/s that one process reads, cuts, pastes and perturbs for a student at 518x518."""
    sets = [SetConfig('folder', str(root / 'pictures'), labels=str(root / 'labels'))]
    feed = RelativeBatches(518, 518, 8, pseudo=open_sets(sets, 518, 518))
    steps = iter(range(100))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return images_s(lambda: feed.make(next(steps), range(8)), 8, 6)
    finally:
        cv2.setNumThreads(threads)


def operations(preset: str, height: int, width: int, encoder_only: bool = False) -> tuple[float, float]:
    """Count the floating point operations of one picture: forward, and forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device('meta'):
        network: nn.Module = relative.RelativeNetwork(preset).explicit_attention()
        x = torch.zeros(1, 3, height, width)
        network = network.pretrained if encoder_only else network
        with FlopCounterMode(display=False) as forward:
            found = network(x)
        with FlopCounterMode(display=False) as both:
            found = network(x)
            (found[-1] if encoder_only else found).sum().backward()
    return float(forward.get_total_flops()), float(both.get_total_flops())


def plan() -> list[str]:
    """Return the rows of the computed table: GPU hours of each part of the method."""
    work = {'teacher, vitg: 160,000 steps of 64': 160_000 * 64 * operations('vitg', 518, 518)[1]}
    work['labels of 62.3 million pictures, vitg'] = UNLABELLED * LABEL_STRETCH * operations('vitg', 518, 518)[0]
    for preset in ('vits', 'vitb', 'vitl', 'vitg'):
        one = operations(preset, 518, 518)[1] + operations(preset, 518, 518, encoder_only=True)[0]  # the frozen encoder
        work[f'student, {preset}: 480,000 steps of 192'] = 480_000 * 192 * one
    for preset in ('vits', 'vitb', 'vitl'):
        work[f'metric, {preset}, Hypersim, in bf16: 223,200 steps of 32'] = (
            223_200 * 32 * operations(preset, 518, 518)[1]
        )
    rows = ['| part | 10^18 operations | ' + ' | '.join(GPUS) + ' |', '|-|-:|' + '-:|' * len(GPUS)]
    for name, total in work.items():
        hours = (f'{total / (peak * 1e12 * SHARE) / 3600:,.0f} h' for peak in GPUS.values())
        rows.append(f'| {name} | {total / 1e18:,.0f} | ' + ' | '.join(hours) + ' |')
    return rows


def measured(kept: dict) -> list[str]:
    """Return the rows of the measured table."""
    rows = ['| network | input | batch | precision | loop, images/s | forward and backward alone | share |',
            '|-|-|-:|-|-:|-:|-:|']  # fmt: skip
    for one in kept['cases']:
        case, loop_s, pure_s = one['case'], float(np.median(one['loop'])), float(np.median(one['pure']))
        what = f'{case["preset"]} | {case["width"]}x{case["height"]} | {case["batch"]} | {case["precision"]}'
        rows.append(f'| {what}, {case["device"]} | {loop_s:.2f} | {pure_s:.2f} | {loop_s / pure_s:.0%} |')
    machine = kept['machine']
    gpu = machine.get('gpu', 'no GPU')
    return [
        *rows,
        '',
        f'Medians, on {machine["cpu"]}, {machine["cores"]} cores, {gpu}; load before: {machine["load_before"]}.',
        f'One process feeds a student {float(np.median(kept["fed"])):.1f} crops/s of 518x518, everything done;',
        f'a label of 640x480 takes {kept["label_kb"]:.0f} KB on disk.',
    ]


def tell(name: str, rows: list[str]) -> None:
    """Print rows, and put them between their marks in the README."""
    print('\n'.join(rows))
    text = README.read_text()
    marks = f'<!-- {name} -->', f'<!-- end of {name} -->'
    inside = re.compile(f'{marks[0]}.*?{marks[1]}', re.DOTALL)
    write_whole(README, inside.sub(lambda _: '\n'.join([marks[0], *rows, marks[1]]), text))


def main() -> None:
    """Measure, and compute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('part', nargs='?', choices=['measure', 'plan'], help='Only this; both.')
    part = parser.parse_args().part
    if part != 'plan':
        kept: dict = {'machine': machine(), 'cases': []}
        with tempfile.TemporaryDirectory() as folder:
            kept['label_kb'] = labelled_pictures(Path(folder)) / PICTURES / 1e3
            kept['fed'] = fed(Path(folder))
            for case in cases():
                kept['cases'].append(
                    {'case': dataclasses.asdict(case), 'pure': pure(case), 'loop': loop(case, Path(folder))}
                )
        write_json(RESULTS, kept)
        tell('measured', measured(kept))
    if part != 'measure':
        tell('computed', plan())


if __name__ == '__main__':
    main()
