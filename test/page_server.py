# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dav2 web` as users start it: a process, an address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]


@contextmanager
def served(folder: Path, model: Path, *args: object) -> Iterator[str]:
    """Start it with its files below `folder`, yield its address, end it as Ctrl-C does."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    fixed = ('--port', port, '--model', model, '--engine', 'torch', '--precision', 'fp32')
    command = [sys.executable, '-m', 'dav2_ros.commands.app', 'web', *map(str, (*fixed, *args))]
    proxies = ('http_proxy', 'https_proxy', 'all_proxy')
    environment = {k: v for k, v in os.environ.items() if k.lower() not in proxies}
    environment |= {'TMPDIR': str(folder), 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line == f'dav2: http://127.0.0.1:{port}/ (Ctrl-C ends it)\n'
        yield f'http://127.0.0.1:{port}'
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def draw(path: Path, width: int = 90, height: int = 60) -> Path:
    """Write a picture in which every pixel differs from its neighbours."""
    v, u = np.mgrid[0:height, 0:width]
    cv2.imwrite(str(path), np.stack([3 * v, 2 * u, (u * v) % 256], axis=-1).astype(np.uint8))
    return path


def film(path: Path, count: int) -> Path:
    """Write a video of 64x48 with a square that moves."""
    import av

    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for number in range(count):
            rgb = np.full((48, 64, 3), 90, np.uint8)
            rgb[10:30, 2 * number : 2 * number + 20] = 220, 40, 90
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format='rgb24')))
        file.mux(stream.encode())
    return path
