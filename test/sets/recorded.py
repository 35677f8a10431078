# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recording, extracted: written by hand, as its extract.json explains it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sets.truth import Truth, picture, write_picture, write_png16

from dav2_ros.camera import Camera

CAMERAS = (
    Camera(40, 30, 33.5, 34.0, 20.0, 14.0, 'plumb_bob', (0.1, -0.05, 0.0, 0.0, 0.0)),
    Camera(40, 30, 66.0, 67.0, 19.0, 15.0),
)


def write(root: Path) -> dict[str, list[Truth]]:
    lines = ['name,split,stamp_ns,picture,camera,known']
    truths: dict[str, list[Truth]] = {'train': [], 'val': []}
    for i, split in enumerate(('train', 'train', 'val')):
        units, suffix = np.random.default_rng(i).integers(1, 65535, (30, 40)), 'jpg' if i else 'png'
        units[0], units[1] = 0, 65535
        write_picture(root / f'rgb/{3 * i:06}.{suffix}', picture(30, 40, i))
        write_png16(root / f'depth/{3 * i:06}.png', units)
        lines.append(f'{3 * i:06},{split},{1_700_000_000_000_000_000 + i},{3 * i:06}.{suffix},{i % 2},0.9')
        z_m = units / 256.0
        z_m[0], z_m[1] = np.nan, np.inf
        truths[split].append(Truth(picture(30, 40, i), z_m, camera=CAMERAS[i % 2], rgb_atol=8))
    (root / 'extract.json').write_text(json.dumps({'units_per_m': 256}))
    (root / 'cameras.json').write_text(json.dumps([vars(camera) for camera in CAMERAS]))
    (root / 'frames.csv').write_text('\n'.join(lines) + '\n')
    return {**truths, 'all': truths['train'] + truths['val']}
