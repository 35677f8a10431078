# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Four cameras on one machine: one node for all of them against a node for each, in frames per second and in memory.

    python bench/run.py cameras

The cameras send more than can be served. They and who receives depth are one process beside those measured, which
takes and gives serialised messages: what it costs both sides is little, and the same.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from node import messages_of, nodes
from rich.table import Table

from dav2_ros.benchmark.timing import median_and_p95, rounds_of
from dav2_ros.demo.processes import graph_of_our_own
from dav2_ros.frames import Frame

CAMERAS = ('front', 'left', 'right', 'rear')
RATE_HZ = 30.0  # of each camera
SETTLE_S, PATIENCE_S = 4.0, 120.0
HEADER = slice(4, 12)  # sec and nanosec in a serialised message: after four bytes that say how it is serialised


@dataclass(frozen=True)
class Side:
    """What was found with one process, or with four."""

    frames_per_s: dict[str, float]  # by camera
    latencies_ms: dict[str, list[float]]  # from image published to depth received
    pss_mb: float  # sum over processes; what they share is divided among those who share it
    rss_mb: float


def memory_mb(processes: list[subprocess.Popen]) -> tuple[float, float]:
    """Return the sums of PSS and RSS over processes."""
    sums = [0, 0]
    for process in processes:
        told = (Path('/proc') / str(process.pid) / 'smaps_rollup').read_text()
        for k, kind in enumerate(('Pss', 'Rss')):
            sums[k] += int(re.search(rf'^{kind}: +(\d+) kB', told, re.MULTILINE).group(1))
    return sums[0] / 1024, sums[1] / 1024


class Cameras:
    """Sends one picture as four cameras would, each in its turn, and receives what becomes of it."""

    def __init__(self, one: Frame) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.qos import qos_profile_sensor_data
        from rclpy.serialization import serialize_message
        from sensor_msgs.msg import CameraInfo, Image

        self._node = rclpy.create_node('cameras')
        self._image, self._info = (bytearray(serialize_message(message)) for message in messages_of(one))
        create = self._node.create_publisher
        self._images = {name: create(Image, f'/{name}/image', qos_profile_sensor_data) for name in CAMERAS}
        self._infos = {name: create(CameraInfo, f'/{name}/camera_info', qos_profile_sensor_data) for name in CAMERAS}
        self.arrived: dict[str, dict[int, float]] = {name: {} for name in CAMERAS}  # when, by stamp
        self.sent: dict[str, dict[int, float]] = {name: {} for name in CAMERAS}
        for name in CAMERAS:
            take = lambda raw, name=name: self._note(name, raw)  # noqa: E731
            self._node.create_subscription(Image, f'/{name}/depth/image', take, qos_profile_sensor_data, raw=True)
        self._building: dict[str, bool] = {}  # by status
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, 10)

    def close(self) -> None:
        self._node.destroy_node()

    def _note(self, name: str, raw: bytes) -> None:
        sec, nanosec = np.frombuffer(raw[HEADER], np.uint32)
        self.arrived[name][int(sec) * 10**9 + int(nanosec)] = time.perf_counter()

    def _hear(self, array) -> None:
        for status in array.status:
            facts = {each.key: each.value for each in status.values}
            self._building[status.name] = facts.get('engine build') != 'none under way'

    def are_settled(self) -> bool:
        """Tell whether every camera has the engine that it will keep."""
        return len(self._building) >= len(CAMERAS) and not any(self._building.values())

    def are_heard(self) -> bool:
        """Tell whether every camera has a listener."""
        return all(publisher.get_subscription_count() for publisher in self._images.values())

    def spin(self, seconds: float) -> None:
        """Receive for a while."""
        import rclpy

        until_s = time.perf_counter() + seconds
        while (left_s := until_s - time.perf_counter()) > 0:
            rclpy.spin_once(self._node, timeout_sec=left_s)

    def send(self, seconds: float) -> None:
        """Send for so long, one camera after the other."""
        started_s = time.perf_counter()
        for k, name in enumerate(itertools.cycle(CAMERAS)):
            due_s = started_s + k / (RATE_HZ * len(CAMERAS))
            if due_s - started_s > seconds:
                return
            self.spin(max(due_s - time.perf_counter(), 1e-4))
            now_ns = time.time_ns()
            stamp = np.array(divmod(now_ns, 10**9), np.uint32).tobytes()
            self._info[HEADER] = self._image[HEADER] = stamp
            self._infos[name].publish(bytes(self._info))
            self.sent[name][now_ns] = time.perf_counter()
            self._images[name].publish(bytes(self._image))


def measure(one: Frame, commands: list[list[str]], seconds: float) -> Side:
    """Run nodes under more frames than they can serve."""
    with nodes(commands) as running:
        cameras = Cameras(one)
        try:
            until_s = time.monotonic() + PATIENCE_S
            while not cameras.are_heard():
                cameras.spin(0.1)
                if any(process.poll() is not None for process in running) or time.monotonic() > until_s:
                    raise RuntimeError('The nodes did not come up: start `python -m dav2_ros.nodes.depth_node`.')
            cameras.send(SETTLE_S)
            while not cameras.are_settled() and time.monotonic() < until_s:
                cameras.send(1.0)
            for times in (cameras.arrived, cameras.sent):
                for each in times.values():
                    each.clear()
            started_s = time.perf_counter()
            cameras.send(seconds)
            cameras.spin(0.2)  # what is in hand
            lasted_s = time.perf_counter() - started_s
            pss_mb, rss_mb = memory_mb(running)
        finally:
            cameras.close()
    came = {name: [s for s in cameras.arrived[name] if s in cameras.sent[name]] for name in CAMERAS}
    took = {name: [1e3 * (cameras.arrived[name][s] - cameras.sent[name][s]) for s in came[name]] for name in CAMERAS}
    return Side({name: len(came[name]) / lasted_s for name in CAMERAS}, took, pss_mb, rss_mb)


def sides() -> dict[str, list[list[str]]]:
    """Return the arguments of the nodes of each side."""
    four = [['-r', f'__ns:=/{name}'] for name in CAMERAS]
    return {'one process': [['-p', f'cameras:=[{",".join(CAMERAS)}]']], 'four processes': four}


def compare(one: Frame, seconds: float = 10.0, rounds: int = 2) -> dict[str, object]:
    """Run both sides in turns; returns by side frames per second, latencies and memory, and the ratios of both."""
    import rclpy

    os.environ.update(graph_of_our_own())  # with shared memory that a VGA image fits into: see demo/fastdds.xml
    rclpy.init()
    try:
        found = {name: [] for name in sides()}
        for order in rounds_of(found, rounds):
            for name in order:
                found[name].append(measure(one, sides()[name], seconds))
    finally:
        rclpy.shutdown()
    told: dict[str, object] = {name: summary(runs) for name, runs in found.items()}
    one_process, four = (told[name] for name in found)
    ratios = {kind: one_process[kind] / four[kind] for kind in ('frames_per_s', 'pss_mb', 'rss_mb')}
    return {'rate_hz': RATE_HZ, **told, 'ratios': {kind: round(value, 3) for kind, value in ratios.items()}}


def summary(runs: list[Side]) -> dict[str, object]:
    """Return the numbers of one side: means over its turns, percentiles over all of its frames."""
    percentiles = {}
    for name in CAMERAS:
        p50, p95 = median_and_p95([ms for side in runs for ms in side.latencies_ms[name]])
        hz = np.mean([side.frames_per_s[name] for side in runs])
        percentiles[name] = {'frames_per_s': round(float(hz), 1), 'p50_ms': round(p50, 1), 'p95_ms': round(p95, 1)}
    return {
        'frames_per_s': round(float(np.mean([sum(side.frames_per_s.values()) for side in runs])), 1),
        'cameras': percentiles,
        'pss_mb': round(float(np.mean([side.pss_mb for side in runs]))),
        'rss_mb': round(float(np.mean([side.rss_mb for side in runs]))),
    }


def show(found: dict[str, object]) -> Table:
    """Return what was found as a table."""
    table = Table('four cameras, 640x480', 'frames/s', *(f'{name} p50/p95 ms' for name in CAMERAS), 'PSS MB', 'RSS MB')
    for name in sides():
        side = found[name]
        latencies = [f'{each["p50_ms"]:.0f}/{each["p95_ms"]:.0f}' for each in side['cameras'].values()]
        table.add_row(name, f'{side["frames_per_s"]}', *latencies, f'{side["pss_mb"]}', f'{side["rss_mb"]}')
    fps, pss, rss = found['ratios'].values()
    table.add_row('ratio (targets 1.3, 0.4)', f'{fps:.2f}', *4 * [''], f'{pss:.2f}', f'{rss:.2f}')
    return table
