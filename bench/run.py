# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what the package costs on this machine, as tables and as JSON under bench/results/.

`bench/run.py engines` measures one part alone; the parts are around, rendering, node, bags, cameras and engines. The
engines are measured by `dav2 bench`, in files of their own, and drawn in docs/pictures/engines.png.

Timings are wall-clock milliseconds, median and p95 of the runs counted, after a warm-up; targets are those of the
project, not asserted: a shared machine misses them now and then.
"""

from __future__ import annotations

import os

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # spinning threads ruin every other process's timing

import argparse
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console

from dav2_ros.benchmark.report import times_table
from dav2_ros.benchmark.timing import call_ms, median_and_p95
from dav2_ros.files.atomic import write_json
from dav2_ros.frames import Frame

HEIGHT, WIDTH = 480, 640
PARTS = ('around', 'rendering', 'node', 'bags', 'cameras', 'engines')
RESULTS = Path(__file__).parent / 'results'
LATEST = RESULTS / 'latest.json'
DEMO = Path(__file__).parents[1] / 'dav2_ros' / 'bags' / 'bundled' / 'demo'
PICTURE = Path(__file__).parents[1] / 'docs' / 'pictures' / 'engines.png'


def timed(call: Callable[[], object], runs: int = 60, warm_up: int = 5) -> list[float]:
    return call_ms(call, runs, warm_up=warm_up)


def frame() -> Frame:
    """Return one rendered 640x480 frame with its camera."""
    from dav2_ros.camera import Camera
    from dav2_training.data.procedural.procedural import ProceduralScenes

    batch = ProceduralScenes(7, HEIGHT, WIDTH).batch([3])
    f_px = float(batch.f_px[0])
    return Frame(batch.rgb[0].numpy(), Camera(WIDTH, HEIGHT, f_px, f_px, 0.5 * (WIDTH - 1), 0.5 * (HEIGHT - 1)))


def around_the_network() -> dict[str, list[float]]:
    """Time every step of a 640x480 frame that is not the network."""
    from builtin_interfaces.msg import Time
    from std_msgs.msg import Header

    from dav2_ros.cloud.cloud import CloudMaker
    from dav2_ros.cloud.options import CloudOptions
    from dav2_ros.depth.colour import colourise
    from dav2_ros.frames import DepthMap
    from dav2_ros.image.resize import ResizePlan, Resizer
    from dav2_ros.nodes.conversions import cloud_to_msg, depth_to_image

    one, maker = frame(), CloudMaker()
    header = Header(stamp=Time(sec=1), frame_id='camera')
    found = {}
    for size in (168, 252, 518):
        plan = ResizePlan.lower_bound(HEIGHT, WIDTH, size)
        kept = Resizer(plan)
        net = f'{plan.net_width}x{plan.net_height}'
        small = np.random.default_rng(0).uniform(1, 20, (plan.net_height, plan.net_width)).astype(np.float32)
        found[f'resize and normalise to {net}'] = timed(lambda kept=kept: kept.apply(one.rgb))
        found[f'depth back from {net}'] = timed(lambda kept=kept, small=small: kept.undo(small))
    depth = DepthMap(plan.undo(small), one.camera)
    plain = CloudOptions(remove_flying=False)
    points = maker.make(depth, one.rgb, plain)
    found['cloud: 307,200 points'] = timed(lambda: maker.make(depth, one.rgb, plain))
    found['cloud into its message'] = timed(lambda: cloud_to_msg(points, header))
    found['cloud, points and message (target 4)'] = timed(
        lambda: cloud_to_msg(maker.make(depth, one.rgb, plain), header)
    )
    found['depth into its message'] = timed(lambda: depth_to_image(depth.z_m, '32FC1', header))
    found['colour picture'] = timed(lambda: colourise(depth.z_m, 0.3, 20.0))
    return found


def clouds() -> dict[str, list[float]]:
    """Time clouds for navigation, and confidence, on a rendered 640x480 scene with edges as a network draws them."""
    from dav2_ros.cloud.cloud import CloudMaker
    from dav2_ros.cloud.options import CloudOptions
    from dav2_ros.depth.confidence import confidence_of
    from dav2_ros.evaluation.flying_pixels import softened
    from dav2_ros.frames import DepthMap
    from dav2_training.data.procedural.procedural import ProceduralScenes

    one = frame()
    depth = DepthMap(softened(ProceduralScenes(7, HEIGHT, WIDTH).batch([3]).z_m[0].numpy()), one.camera)
    asked = {
        'cloud without flying points (target 4)': CloudOptions(),
        'the same, dense': CloudOptions(organised=False),
        'the same, one point per 5 cm voxel': CloudOptions(voxel_m=0.05),
        'the same, without the ground': CloudOptions(remove_ground=True),
    }
    makers = {name: CloudMaker() for name in asked}
    found = {n: timed(lambda n=n, o=o: makers[n].make(depth, one.rgb, o)) for n, o in asked.items()}
    found['confidence, cheap'] = timed(lambda: confidence_of(depth.z_m, 80.0))
    mirrored_m = np.ascontiguousarray(depth.z_m[:, ::-1])
    found['confidence, full, without the second look'] = timed(lambda: confidence_of(depth.z_m, 80.0, mirrored_m))
    return found


def rendering() -> dict[str, list[float]]:
    """Time the procedural scenes, per frame of 224x168: in one process, and as training renders, in two."""
    from torch.utils.data import DataLoader

    from dav2_training.data.procedural.frame_buffer import FrameStream
    from dav2_training.data.procedural.procedural import ProceduralScenes

    scenes = ProceduralScenes(7)
    alone = timed(lambda: scenes.batch(range(8)), runs=12, warm_up=2)
    source = iter(DataLoader(FrameStream(scenes, 0, 4), batch_size=None, num_workers=2, prefetch_factor=2))
    together = timed(lambda: [next(source) for _ in range(4)], runs=20, warm_up=3)  # two batches of each process
    return {
        'a rendered frame, one process': [t / 8 for t in alone],
        'a rendered frame, two processes (target 33)': [t / 16 for t in together],
    }


def engines(rounds: int) -> None:
    """Let `dav2 bench` measure every engine, on random weights of the published small model and on the bundled one."""
    vits = ['--random', 'vits', '--size', '252', '--size', '518', '--png', str(PICTURE)]
    bundled = ['--batch', '1', '--batch', '2', '--batch', '4']
    int8 = ['--calibrate', str(DEMO)] if find_spec('nncf') else []
    for name, order in (('vits', vits), ('bundled', bundled)):
        kept = ['--json', str(RESULTS / f'engines-{name}.json')]
        rest = ['--against', '--rounds', str(rounds), *int8]
        subprocess.run([sys.executable, '-m', 'dav2_ros.commands.app', 'bench', *order, *rest, *kept], check=True)


def cameras() -> None:
    """Compare one node for four cameras with four nodes, print and keep it."""
    from cameras import compare, show

    console = Console()
    with console.status('four cameras'):
        found = {'machine': machine(), **compare(frame())}
    console.print(show(found))
    write_json(RESULTS / 'cameras.json', found)


def machine() -> dict[str, object]:
    """Say what was measured on."""
    from dav2_ros.benchmark.machine import machine

    return {**machine(), 'rclpy': importlib.metadata.version('ros-kilted-rclpy')}


def steps(parts: list[str], frames: int) -> None:
    """Measure what is timed in this process or by the node, print and keep it."""
    import bags
    from node import overhead

    sections = {
        'around': ('around the network, 640x480', around_the_network),
        'rendering': ('procedural scenes', rendering),
        'node': ('the node, 640x480, depth and cloud subscribed', lambda: overhead(frame(), frames)),
        'bags': ('dav2 bag run, per frame of 640x480 (target: 0.9 of the engine alone)', bags.overhead),
    }
    console = Console()
    kept = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    for part in parts:
        title, measure = sections[part]
        here = machine()
        with console.status(title):
            found = measure()
        ms = {name: summary(times) for name, times in found.items()}
        kept = {name: facts for name, facts in kept.items() if name in sections} | {part: {'machine': here, 'ms': ms}}
        console.print(times_table(title, found))
        write_json(LATEST, kept)
    console.print(f'kept in {LATEST}')


def summary(times: list[float]) -> dict[str, float]:
    p50, p95 = median_and_p95(times)
    return {'p50': round(p50, 3), 'p95': round(p95, 3), 'min': round(min(times), 3), 'runs': len(times)}


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('part', nargs='*', choices=[*PARTS, []], metavar='PART', help=f'Only {", ".join(PARTS)}; all.')
    parser.add_argument('--frames', type=int, default=150, help='Frames sent through the node.')
    parser.add_argument('--rounds', type=int, default=5, help='Turns of each engine.')
    asked = parser.parse_args()
    parts = asked.part or list(PARTS)
    if within := [part for part in parts if part not in ('cameras', 'engines')]:
        steps(within, asked.frames)
    if 'cameras' in parts:
        cameras()
    if 'engines' in parts:
        engines(asked.rounds)


if __name__ == '__main__':
    main()
