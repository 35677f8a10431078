# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DA-2K: pictures, and pairs as (row, column)."""

from __future__ import annotations

import json
from pathlib import Path

from sets.truth import Truth, picture, write_picture


def write(root: Path) -> dict[str, list[Truth]]:
    names = ['images/indoor/a.jpg', 'images/underwater/b.png']
    pairs = [{'point1': [3, 5], 'point2': [39, 59], 'closer_point': 'point1'}]
    for i, name in enumerate(names):
        write_picture(root / name, picture(40, 60, i))
    (root / 'annotations.json').write_text(json.dumps(dict.fromkeys(names, pairs)))
    return {'test': [Truth(picture(40, 60, i), rgb_atol=6) for i in range(2)]}
