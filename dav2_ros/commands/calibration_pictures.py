# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read some pictures of a recording or a folder, evenly spread."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dav2_ros.media.images import MediaError, read_photo

BAGS = ('*.mcap', '*.db3', 'metadata.yaml')


def samples(source: Path, most: int) -> list[np.ndarray]:
    """Return up to `most` pictures, (H, W, 3) uint8 RGB. Raises MediaError or BagError where there is none."""
    if source.is_file() or any(file for pattern in BAGS for file in source.glob(pattern)):
        return _of_bag(source, most)
    files = sorted(file for file in source.glob('*') if file.is_file() and cv2.haveImageReader(str(file)))
    if not files:
        raise MediaError(f'There are no pictures in {source}: name a recording, or a folder of pictures.')
    return [read_photo(files[i], 60.0).frame.rgb for i in _spread(len(files), most)]


def _of_bag(source: Path, most: int) -> list[np.ndarray]:
    from dav2_ros.bags.storage import messages
    from dav2_ros.bags.storage.reader import BagReader

    with BagReader(source) as bag:
        topic = bag.picture_topic()
        chosen = _spread(sum(1 for _ in bag.raw(topic)), most)
        recorded = (each for i, each in enumerate(bag.raw(topic)) if i in chosen)
        found = [messages.picture(bag.decode(each)) for each in recorded]
    if not found:
        raise MediaError(f'Topic {topic} of {source} holds no pictures: name another recording.')
    return found


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers below `count`, rising, the first and the last among them."""
    return [round(float(i)) for i in np.linspace(0, count - 1, min(count, most))]
