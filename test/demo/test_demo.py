# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demo, whole: three processes on a ROS graph, a recording, pictures, numbers; and how it ends when it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed (pip: the extra ros)')
pytest.importorskip('rosbags', reason='rosbags is not installed (pip: the extra bags)')
pytest.importorskip('matplotlib', reason='matplotlib is not installed (pip: the extra plot)')
pytest.importorskip('dav2_ros.msg', reason='dav2_ros.msg is not built (pip install builds it)')

from dav2_ros.bags import DEMO_BAG
from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.reader import BagReader
from dav2_ros.demo.processes import ChildProcesses, DemoError, graph_of_our_own
from dav2_ros.engines.engine import PRECISIONS
from dav2_ros.evaluation.metrics import depth_metrics

ROOT = Path(__file__).parents[2]
FRAMES = 20
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'COLUMNS': '160'}


def demo(out: Path, *args: object, **options) -> subprocess.Popen:
    command = [sys.executable, '-m', 'dav2_ros.demo', '--out', str(out), *map(str, args)]
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    return subprocess.Popen(command, cwd=out.parent, env=ENVIRONMENT, **pipes, **options)


def processes_of(folder: Path) -> list[str]:
    """List command lines that name a folder: the recorder's, and all that the demo started have its log open."""
    found = []
    for each in Path('/proc').glob('[0-9]*'):
        try:
            logs = [os.readlink(fd) for fd in (each / 'fd').glob('[12]')]
        except OSError:  # ended meanwhile, or not ours
            continue
        if any(log.startswith(f'{folder}/') and log.endswith('.log') for log in logs):
            found.append((each / 'cmdline').read_bytes().replace(b'\0', b' ').decode())
    return found


class TestWhole:
    @pytest.fixture(scope='class')
    @classmethod
    def run(cls, tmp_path_factory, random_model):
        out = tmp_path_factory.mktemp('demo') / 'out'
        process = demo(out, '--model', random_model, '--frames', FRAMES)
        said, complained = process.communicate(timeout=240)
        assert process.returncode == 0, said + complained
        return out, said

    def test_nobody_is_left_behind(self, run):
        assert processes_of(run[0]) == []

    def test_numbers_agree_with_each_other(self, run):
        numbers = json.loads((run[0] / 'results.json').read_text())
        assert numbers['frames_in'] == FRAMES
        assert numbers['frames_out'] + numbers['frames_dropped'] == FRAMES
        assert numbers['frames_out'] >= FRAMES // 2
        frames = numbers['frames']
        assert [f['number'] for f in frames] == sorted({f['number'] for f in frames})
        latencies = [f['latency_ms'] for f in frames]
        assert min(latencies) <= numbers['latency_p50_ms'] <= numbers['latency_p95_ms'] <= max(latencies)
        for frame in frames:
            assert 0 < frame['engine_ms'] < frame['latency_ms'] < 30_000
        assert numbers['abs_rel'] == pytest.approx(np.mean([f['metrics']['abs_rel'] for f in frames]))
        assert numbers['model'] == 'random' and numbers['precision'] in PRECISIONS

    def test_errors_are_those_of_the_recorded_depth_against_the_bundled_truth(self, run):
        """Not the truth that went over the graph: the one in the package, by the frame's number."""
        with BagReader(DEMO_BAG) as bag:
            truths = [depth.z_m for _, depth in zip(range(FRAMES), bag.depths(), strict=False)]
        frames = {f['stamp_ns']: f for f in json.loads((run[0] / 'results.json').read_text())['frames']}
        with BagReader(run[0] / 'run') as bag:
            depths = {messages.stamp_ns(m): messages.depth(m, None) for m in map(bag.decode, bag.raw('/depth/image'))}
        assert frames.keys() == depths.keys()
        for stamp_ns, frame in frames.items():
            wanted = depth_metrics(depths[stamp_ns].z_m, truths[frame['number']], max_m=65.535)
            assert frame['metrics']['abs_rel'] == pytest.approx(wanted.abs_rel)
            assert frame['metrics']['pixels'] == wanted.pixels

    def test_the_recorded_run_holds_inputs_and_outputs(self, run):
        with BagReader(run[0] / 'run') as bag:
            counts = {topic: sum(1 for _ in bag.raw(topic)) for topic in bag.topics}
            frames = {frame.stamp_ns: frame for frame in bag.frames('/camera/image/compressed')}
            infos = {messages.stamp_ns(m): m for m in map(bag.decode, bag.raw('/depth/camera_info'))}
            depths = {messages.stamp_ns(m): m for m in map(bag.decode, bag.raw('/depth/image'))}
            clouds = [bag.decode(each) for each in bag.raw('/points')]
        assert counts['/camera/image/compressed'] == counts['/camera/depth/image/compressedDepth'] == FRAMES
        assert set(depths) <= set(frames)
        both = set(infos) & set(depths)
        assert both
        for stamp_ns in both:
            assert infos[stamp_ns].k[0] == pytest.approx(frames[stamp_ns].camera.fx_px)
            assert (depths[stamp_ns].height, depths[stamp_ns].width, depths[stamp_ns].encoding) == (480, 640, '32FC1')
        assert 1 <= len(clouds) <= FRAMES // 8 + 1
        for cloud in clouds:
            assert (cloud.height, cloud.width) == (240, 320)
            points = messages.points(cloud)
            assert np.isfinite(points['z']).mean() > 0.5

    def test_stamps_are_of_the_time_of_playing_at_the_pace_of_the_recording(self, run):
        with BagReader(run[0] / 'run') as bag:
            stamps = sorted(frame.stamp_ns for frame in bag.frames('/camera/image/compressed'))
        assert abs(1e-9 * stamps[0] - run[0].stat().st_mtime) < 120
        assert 1e-9 * (stamps[-1] - stamps[0]) == pytest.approx((FRAMES - 1) / 10, abs=0.5)

    @pytest.mark.parametrize(('name', 'smallest'), [('contact_sheet.png', (1200, 1200)), ('cloud.png', (600, 1000))])
    def test_pictures_show_something(self, run, name, smallest):
        bgr = cv2.imread(str(run[0] / name))
        assert bgr.shape[0] >= smallest[0] and bgr.shape[1] >= smallest[1]
        assert len(np.unique(bgr.reshape(-1, 3)[::7], axis=0)) > 1000
        assert 0.1 < (bgr == 255).all(axis=-1).mean() < 0.9  # paper and print

    def test_the_terminal_says_it_all(self, run):
        numbers = json.loads((run[0] / 'results.json').read_text())
        said = run[1]
        assert re.search(rf'in, out, dropped\W+{FRAMES}, {numbers["frames_out"]}, {numbers["frames_dropped"]}\b', said)
        assert f'{numbers["latency_p50_ms"]:.1f} ms, {numbers["latency_p95_ms"]:.1f} ms' in said
        assert f'{numbers["abs_rel"]:.4f}, {numbers["d1"]:.4f}' in said
        for name in ('contact_sheet.png', 'cloud.png', 'results.json'):
            assert str(run[0] / name) in said


class TestEnds:
    def test_a_node_that_cannot_start_is_told_with_its_own_words(self, tmp_path):
        process = demo(tmp_path / 'out', '--frames', 3, '--model', 'v2-small', '--engine', 'torch')
        began = time.monotonic()
        _, complained = process.communicate(timeout=200)
        assert process.returncode == 1
        assert 'dav2 models fetch v2-small' in complained
        assert 'Traceback' not in complained
        assert time.monotonic() - began < 60
        assert processes_of(tmp_path / 'out') == []

    def test_a_recording_that_is_not_there_is_one_sentence(self, tmp_path, random_model):
        process = demo(tmp_path / 'out', '--bag', tmp_path / 'nothing', '--model', random_model)
        _, complained = process.communicate(timeout=100)
        assert process.returncode == 1
        assert complained.startswith('demo: There is no recording at')
        assert len(complained.strip().splitlines()) == 1

    @pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_all_of_it(self, tmp_path, random_model, number):
        out = tmp_path / 'out'
        process = demo(out, '--model', random_model, start_new_session=True)
        end = time.monotonic() + 100
        while 'played' not in ((out / 'player.log').read_text() if (out / 'player.log').is_file() else ''):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        assert len(processes_of(out)) == 3
        process.send_signal(number)
        _, complained = process.communicate(timeout=60)
        assert process.returncode not in (0, None)
        assert 'Traceback' not in complained
        assert processes_of(out) == []


class TestChildren:
    def test_one_that_dies_is_told_with_its_last_lines(self, tmp_path):
        with pytest.raises(DemoError, match='The compiler ended with status 1') as caught:
            with ChildProcesses(tmp_path, dict(os.environ)) as children:
                children.start('sleeper', 'http.server', '0')
                children.start('compiler', 'py_compile', tmp_path / 'nothing.py')
                children.wait('sleeper', timeout_s=30)
        assert 'nothing.py' in str(caught.value)
        assert processes_of(tmp_path) == []

    def test_one_that_does_not_listen_is_ended_by_force(self, tmp_path, monkeypatch):
        monkeypatch.setattr('dav2_ros.demo.processes.PATIENCE_S', ((signal.SIGINT, 0.5), (signal.SIGTERM, 0.5)))
        (tmp_path / 'deaf.py').write_text(
            'import signal, time\n'
            'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
            'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
            'print("deaf", flush=True)\n'
            'time.sleep(600)\n'
        )
        with ChildProcesses(tmp_path, {**os.environ, 'PYTHONPATH': str(tmp_path)}) as children:
            children.start('deaf', 'deaf')
            while children.last_line('deaf') != 'deaf':
                time.sleep(0.02)
            assert len(processes_of(tmp_path)) == 1
        assert processes_of(tmp_path) == []

    def test_every_graph_is_one_of_its_own_on_this_machine(self):
        graphs = [graph_of_our_own() for _ in range(40)]
        domains = {int(graph['ROS_DOMAIN_ID']) for graph in graphs}
        assert len(domains) > 10 and min(domains) >= 1 and max(domains) <= 101
        for graph in graphs:
            assert graph['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
            assert graph['OMP_WAIT_POLICY']
