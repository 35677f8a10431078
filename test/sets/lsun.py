# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""LSUN: a database for each kind of scene, keys of 40 hexadecimal digits, WebP."""

from __future__ import annotations

from pathlib import Path

import cv2
import lmdb
from sets.truth import Truth, picture


def write(root: Path) -> dict[str, list[Truth]]:
    truths = []
    for i, kind in enumerate(('bedroom', 'tower')):
        (root / f'{kind}_train_lmdb').mkdir(parents=True)
        with (
            lmdb.open(str(root / f'{kind}_train_lmdb'), map_size=1 << 20) as database,
            database.begin(write=True) as to,
        ):
            for k in range(2):
                rgb = picture(32, 48, 2 * i + k)
                webp = cv2.imencode('.webp', rgb[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 100])[1]
                to.put(f'{k:040x}'.encode(), webp.tobytes())
                truths.append(Truth(rgb, rgb_atol=12))
    return {'all': truths}
