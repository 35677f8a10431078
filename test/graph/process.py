# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A depth node in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


class NodeProcess:
    """Started in a namespace, stopped by SIGTERM; its log is kept for the test to read."""

    def __init__(self, log: Path, namespace: str, *, script='', remap=(), params_file=None, **parameters):
        what = [str(Path(__file__).parent / script)] if script else ['-m', 'dav2_ros.nodes.depth_node']
        command = [sys.executable, *what, '--ros-args', '-r', f'__ns:={namespace}']
        command += ['--params-file', str(params_file)] if params_file else []
        for rule in remap:
            command += ['-r', rule]
        for name, value in parameters.items():
            command += ['-p', f'{name}:={str(value).lower() if isinstance(value, bool) else value}']
        paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
        # two cores, many processes: threads that wait for work by spinning would take the cameras' time
        environment = os.environ | {'PYTHONPATH': os.pathsep.join(paths), 'OMP_WAIT_POLICY': 'PASSIVE'}
        self.namespace, self._log = namespace, log
        with open(log, 'w') as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def resident_mb(self) -> float:
        """Return the memory the process has in use, without pages it shares (DDS segments, libraries)."""
        _, resident, shared, *_ = (Path('/proc') / str(self._process.pid) / 'statm').read_text().split()
        return (int(resident) - int(shared)) * os.sysconf('SC_PAGE_SIZE') / 2**20

    def stop(self, number: int = signal.SIGTERM, patience_s: float = 30.0) -> int:
        """Signal it, unless it ended by itself, and return its exit status."""
        if self.is_alive:
            self._process.send_signal(number)
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(
                f'the node did not stop within {patience_s} s of signal {number}:\n{self.log}'
            ) from None

    def close(self) -> None:
        """Stop it, if no test did."""
        if self.is_alive:
            self.stop()

    def wait_for_log(self, text: str, patience_s: float = 60.0) -> None:
        """Wait until the log holds a text."""
        until_s = time.monotonic() + patience_s
        while text not in self.log:
            assert self.is_alive and time.monotonic() < until_s, f'no {text!r} in the log:\n{self.log}'
            time.sleep(0.05)
