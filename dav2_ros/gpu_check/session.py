# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the parts within the seconds there are, each written to disk as soon as it is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dav2_ros.engines.engine import EngineError
from dav2_ros.files.atomic import write_whole
from dav2_ros.gpu_check.report import markdown, print_report
from dav2_ros.models.info import ModelError

JSON_FILE, MARKDOWN_FILE = 'gpu_check.json', 'gpu_check.md'
MARGIN_S = 3.0  # parts end so long before the seconds are over: for the report
TRACE_LINES = 14


@dataclass(frozen=True)
class CheckSettings:
    """What is checked, and where.

    Args:
        device: cuda, or cpu to try the check itself.
        presets: 'vitt' has the bundled weights, all others random ones.
        sizes: short sides of the network's input.
        runs: most calls of one measurement; measure_s: most seconds of one.
    """

    device: str
    presets: tuple[str, ...] = ('vitt', 'vits', 'vitb', 'vitl')
    sizes: tuple[int, ...] = (252, 518)
    precisions: tuple[str, ...] = ('fp16', 'fp32', 'bf16')
    batches: tuple[int, ...] = (1, 4)
    frame: tuple[int, int] = (480, 640)  # height, width of the camera's pictures
    chief: str = 'vits'  # the preset of the targets, of threads, cameras and torch.compile
    largest: str = 'vitl'  # the preset whose arithmetic is compared with the matrix product
    engines: tuple[str, ...] = ('torch', 'onnxruntime', 'tensorrt')
    runs: int = 200
    measure_s: float = 0.7
    matrix: int = 8192
    copied_mb: int = 1024
    repeats: int = 200  # of the determinism part
    cameras: int = 4
    camera_s: float = 2.0

    @property
    def half(self) -> str:
        """Return the precision that is expected to be fastest."""
        return self.precisions[0]


class CheckSession:
    """The results so far, and the clock.

    Args:
        folder: gets gpu_check.json and gpu_check.md, whole at any time.
        seconds: after so many the report is printed and the process ends, whatever it is doing.
        settings: what is checked.
        started_s: on the monotonic clock, by default now.
    """

    def __init__(self, folder: Path, seconds: float, settings: CheckSettings, started_s: float | None = None) -> None:
        self.folder, self.seconds, self.settings = folder, seconds, settings
        self.parts: dict[str, dict] = {}
        self.children: list[subprocess.Popen] = []
        self._started = time.monotonic() if started_s is None else started_s
        self._writing = threading.Lock()
        self._finished = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def used_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    @property
    def left_s(self) -> float:
        """Return the seconds that parts may still take."""
        return self.seconds - MARGIN_S - self.used_s

    def run(self, name: str, needs_s: float, part: Callable[[dict], None]) -> None:
        """Run a part, which fills the dictionary that it gets; what it raises is kept. Skip it where time is short."""
        if self.left_s < needs_s:
            self.parts[name] = {'state': 'not run', 'reason': 'no time left'}
            self._note(name)
            return
        result = self.parts[name] = {'state': 'running'}
        started = time.monotonic()
        try:
            part(result)
            if result['state'] == 'running':
                result['state'] = 'done'
        except (EngineError, ModelError) as error:
            result |= {'state': 'refused', 'reason': str(error)}
        except Exception as error:
            first = (str(error).splitlines() or [''])[0][:300]
            lines = traceback.format_exc().splitlines()[-TRACE_LINES:]
            result |= {'state': 'failed', 'reason': f'{type(error).__name__}: {first}', 'traceback': lines}
        result['took_s'] = round(time.monotonic() - started, 2)
        self._note(name)
        with suppress(Exception):
            self._free()

    def watch(self) -> threading.Timer:
        """Start the clock that ends the process once the seconds are over."""
        timer = threading.Timer(max(0.1, self.seconds - self.used_s), self._cut_off)
        timer.daemon = True
        timer.start()
        return timer

    def finish(self) -> int:
        """Print the report, once; return the exit status: 1 if a part failed or an engine was not proved."""
        if not self._finished.acquire(blocking=False):
            return 1
        for child in self.children:
            with suppress(OSError):
                child.kill()
        self.write()
        try:
            print_report(self.document())
        except Exception:  # the files have the numbers
            traceback.print_exc()
        print(f'{self.used_s:.0f} s; {self.folder / JSON_FILE} and {self.folder / MARKDOWN_FILE} are written.')
        sys.stdout.flush()
        bad = [p for p in self.parts.values() if p['state'] == 'failed' or p.get('passed') is False]
        return 1 if bad else 0

    def document(self) -> dict:
        """Return what the JSON file holds: a copy that no part changes any more."""
        facts = {'seconds': self.seconds, 'used_s': round(self.used_s, 1), 'settings': vars(self.settings)}
        for _ in range(20):  # a part that is cut off may add to its results just now
            with suppress(RuntimeError):
                return json.loads(json.dumps({**facts, 'parts': self.parts}, default=_plain))
        return {**facts, 'parts': {}}

    def write(self) -> None:
        """Write both files, beside and then renamed."""
        document = self.document()
        texts = {JSON_FILE: json.dumps(document, indent=1) + '\n'}
        with suppress(Exception):  # a fault in the tables must not cost the numbers
            texts[MARKDOWN_FILE] = markdown(document)
        with self._writing:
            for name, text in texts.items():
                write_whole(self.folder / name, text)

    def _note(self, name: str) -> None:
        result = self.parts[name]
        print(f'{self.used_s:6.1f} s  {name}: {result["state"]} {result.get("reason", "")}', flush=True)
        for line in result.get('traceback', []):
            print(f'          {line}', flush=True)
        self.write()

    def _free(self) -> None:
        if self.settings.device.startswith('cuda'):
            import gc

            import torch

            gc.collect()
            torch.cuda.empty_cache()

    def _cut_off(self) -> None:
        for result in list(self.parts.values()):
            if result['state'] == 'running':
                result |= {'state': 'cut off', 'reason': 'no time left'}
        try:
            self.finish()
        finally:
            os._exit(2)


def _plain(value: object) -> object:
    """Return what JSON knows in place of a NumPy number or a path."""
    return value.item() if hasattr(value, 'item') else str(value)
