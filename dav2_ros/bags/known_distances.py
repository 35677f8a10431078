# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Know distances of a picture by a tape measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dav2_ros.bags import BagError
from dav2_ros.bags.storage.records import Recorded
from dav2_ros.frames import Frame
from dav2_ros.scale.measurements import Distances


class TapeMeasure:
    """Distances that somebody measured while the camera stood: u, v, metres along the ray. Raises BagError."""

    def __init__(self, distances: Sequence[tuple[float, ...]]) -> None:
        self._uvm = np.array(distances, np.float32)  # (N, 3)
        self.handlers: dict[str, Callable[[Recorded], None]] = {}  # nothing of a recording is read for it

    def __len__(self) -> int:
        return len(self._uvm)

    def at(self, frame: Frame) -> Distances:
        """Return the same for every picture; raises BagError for a pixel outside of it."""
        height, width = frame.rgb.shape[:2]
        for u, v, metres in self._uvm.tolist():
            if not (0 <= u < width and 0 <= v < height and metres > 0):
                raise BagError(
                    f'{u:g},{v:g},{metres:g} is no distance in a picture of {width}x{height}: give u,v,metres, the '
                    'metres from the lens.'
                )
        return Distances(self._uvm[:, :2], self._uvm[:, 2], frame.stamp_ns)
