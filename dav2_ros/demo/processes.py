# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Start child processes that end when we do, however we do, and that say why when they fail."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0))


PROFILE = Path(__file__).parent / 'fastdds.xml'
SHARED_MEMORY = 3 * 2**24  # bytes: a segment of fastdds.xml for each process


class DemoError(RuntimeError):
    """The demo cannot go on; one sentence."""


def shared_memory_bytes() -> int:
    """Return how much shared memory is left; containers may have little, or none."""
    return shutil.disk_usage('/dev/shm').free if os.access('/dev/shm', os.W_OK) else 0


def graph_of_our_own() -> dict[str, str]:
    """Return an environment with a ROS graph that no other process on this or another machine sees."""
    own = {
        'ROS_DOMAIN_ID': str(random.randint(1, 101)),  # above 101 the ports collide with those Linux hands out
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'PYTHONUNBUFFERED': '1',
        'RCUTILS_COLORIZED_OUTPUT': '0',
    }
    humble = os.environ.get('ROS_DISTRO') == 'humble'  # it has other words, of which later ones warn
    if humble:
        own['ROS_LOCALHOST_ONLY'] = '1'
    if shared_memory_bytes() > SHARED_MEMORY:
        own['FASTRTPS_DEFAULT_PROFILES_FILE' if humble else 'FASTDDS_DEFAULT_PROFILES_FILE'] = str(PROFILE)
    return {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ, **own}  # threads that spin take the cores of other processes


class ChildProcesses:
    """Processes of this package, one log file each; leaving the `with` block ends them all."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._running: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> ChildProcesses:
        return self

    def start(self, name: str, module: str, *args: str | Path) -> None:
        """Run `python -m module args` in a session of its own: Ctrl-C is ours to pass on."""
        command = [sys.executable, '-m', module, *map(str, args)]
        with self.log(name).open('w') as log:
            self._running[name] = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment, start_new_session=True
            )

    def log(self, name: str) -> Path:
        """Return the file that holds what a child says."""
        return self._folder / f'{name}.log'

    def said(self, name: str) -> list[str]:
        """Return the whole lines that a child has said."""
        return self.log(name).read_text(errors='replace').split('\n')[:-1]

    def last_line(self, name: str) -> str:
        """Return the last line that a child said, '' before the first."""
        return ''.join(self.said(name)[-1:])

    def wait(self, name: str, *, timeout_s: float, tick: Callable[[], None] = lambda: None) -> None:
        """Wait until one child ends well while the others run; raises DemoError if anything else happens."""
        end = time.monotonic() + timeout_s
        while self._running[name].poll() is None:
            self.check(but=name)
            if time.monotonic() > end:
                raise DemoError(f'The {name} did not end in {timeout_s:g} s; it last said: {self.last_line(name)!r}.')
            tick()
            time.sleep(0.05)
        self.check()
        tick()

    def check(self, but: str = '') -> None:
        """Raise DemoError if a child has failed."""
        for name, process in self._running.items():
            if name != but and process.poll():  # ended, and not with 0
                raise DemoError(
                    f'The {name} ended with status {process.returncode}, and last said:\n{self._tail(name)}'
                )

    def _tail(self, name: str, lines: int = 8) -> str:
        said = self.log(name).read_text(errors='replace').strip().split('\n')  # the last line may have no end
        return '\n'.join(f'  {line}' for line in said[-lines:])

    def stop(self, name: str) -> None:
        """End one child in order, and by force if it does not."""
        process = self._running[name]
        for number, patience_s in PATIENCE_S:
            if process.poll() is None:
                process.send_signal(number)
                try:
                    process.wait(patience_s)
                except subprocess.TimeoutExpired:
                    continue
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __exit__(self, *error: object) -> None:
        impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave children behind
        try:
            for process in self._running.values():  # all at once: they end while we wait for the first
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
            for name in self._running:
                self.stop(name)
        finally:
            signal.signal(signal.SIGINT, impatient)
