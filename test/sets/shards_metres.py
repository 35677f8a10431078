# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shards of ours, put together by hand: two tar files, the depth in steps of its logarithm."""

from __future__ import annotations

import json
import math
import tarfile
from pathlib import Path

import cv2
import numpy as np
from sets.shards import add
from sets.truth import Truth, picture

from dav2_ros.camera import Camera

CAMERA = Camera(32, 24, 30.5, 31.5, 15.0, 11.0, 'plumb_bob', (0.1, 0.0, 0.0, 0.0, 0.0))


def write(root: Path, truth: str = 'metres') -> dict[str, list[Truth]]:
    root.mkdir()
    truths = []
    for shard, places in enumerate(([0, 1], [2])):
        spans = []
        with tarfile.open(root / f'{shard:06}.tar', 'w', format=tarfile.USTAR_FORMAT) as archive:
            for place in places:
                rgb, steps = picture(24, 32, place), np.random.default_rng(place).integers(1, 65535, (24, 32))
                steps[0], steps[1] = 0, 65535
                about = {'name': f'scene/{place}', 'truth': truth, 'camera': vars(CAMERA)}
                png = [cv2.imencode('.png', each)[1].tobytes() for each in (rgb[..., ::-1], steps.astype(np.uint16))]
                for name, data in (('png', png[0]), ('depth.png', png[1]), ('json', json.dumps(about).encode())):
                    spans.append((archive.offset + 512, len(data)))
                    add(archive, f'{place:09}.{name}', data)
                z_m = np.exp(math.log(1e-3) + (steps - 1) / 65533 * math.log(1e8))
                z_m[0], z_m[1] = np.nan, np.inf
                known = {'z_m': z_m} if truth == 'metres' else {'disparity': 1 / z_m}
                truths.append(Truth(rgb, camera=CAMERA, **known))
        np.save(root / f'{shard:06}.npy', np.reshape(spans, (-1, 3, 2)))
    (root / 'shards.json').write_text(json.dumps({'samples': 3, 'per_shard': 2, 'whole': True}))
    return {'all': truths}
