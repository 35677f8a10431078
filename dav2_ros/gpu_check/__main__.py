# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the check: python -m dav2_ros.gpu_check --out DIR --seconds 220.

Needs PyTorch, NumPy, OpenCV, safetensors and rich; ONNX Runtime and TensorRT are checked where they are installed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # before PyTorch is loaded: threads that wait do not spin

from dav2_ros.gpu_check.parts import run_parts
from dav2_ros.gpu_check.session import CheckSession, CheckSettings


def settings_for(device: str, quick: bool) -> CheckSettings:
    """Return what is checked on a device; on a CPU only enough to try the check itself."""
    if not device.startswith('cuda'):
        return CheckSettings(device, presets=('vitt',), sizes=(56,), frame=(60, 80), chief='vitt', largest='vitt',
                             runs=5, measure_s=0.05, matrix=128, copied_mb=1, repeats=6, camera_s=0.2,
                             precisions=('bf16', 'fp32'), batches=(1, 2), engines=('torch',), cameras=2)  # fmt: skip
    if quick:
        return CheckSettings(device, presets=('vitt', 'vits'), sizes=(252,), precisions=('fp16', 'fp32'),
                             largest='vits', runs=60, measure_s=0.4, repeats=50, camera_s=1.0)  # fmt: skip
    return CheckSettings(device)


def main(arguments: list[str] | None = None) -> int:
    """Run the check; returns the exit status."""
    started_s = time.monotonic()  # loading PyTorch is part of the seconds
    parser = argparse.ArgumentParser(prog='python -m dav2_ros.gpu_check', description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True, help='folder of gpu_check.json and gpu_check.md')
    parser.add_argument('--seconds', type=float, default=220.0, help='all ends by then, whatever is left to do')
    parser.add_argument('--device', default='cuda', help='cuda, cuda:1 ...; cpu tries the check itself')
    parser.add_argument('--quick', action='store_true', help='one size and two presets')
    asked = parser.parse_args(arguments)
    try:
        import torch
    except ImportError:
        print('The GPU check needs PyTorch: `pip install torch`.', file=sys.stderr)
        return 2
    if asked.device.startswith('cuda') and not torch.cuda.is_available():
        print(f'PyTorch {torch.__version__} sees no CUDA GPU here: install its driver, or choose --device cpu.',
              file=sys.stderr)  # fmt: skip
        return 2
    if ':' in asked.device:
        torch.cuda.set_device(asked.device)
    session = CheckSession(asked.out, asked.seconds, settings_for(asked.device, asked.quick), started_s)
    timer = session.watch()
    with tempfile.TemporaryDirectory(prefix='dav2-gpu-check-') as cache:
        kept = os.environ.get('DAV2_CACHE')
        os.environ['DAV2_CACHE'] = cache  # nothing that was proved earlier counts
        try:
            run_parts(session)
            return session.finish()
        finally:
            timer.cancel()
            os.environ.pop('DAV2_CACHE')
            if kept is not None:
                os.environ['DAV2_CACHE'] = kept


if __name__ == '__main__':
    sys.exit(main())
