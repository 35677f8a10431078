# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a frame in a recording: the node's topics, with the stamps of the picture it came from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.definitions import DEFINITIONS, INFERENCE_STATS, SCALE_ESTIMATE
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.cloud.cloud import CloudMaker, coloured_at
from dav2_ros.frames import DepthMap, Frame
from dav2_ros.image.camera_info import info_fields_for
from dav2_ros.image.image_encodings import to_mm
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.scale.kalman import Scale

OUTPUTS = ('depth', 'points', 'confidence', 'stats')
ESTIMATED = ('applied', 'value', 'std_dev', 'trusted', 'inliers', 'total', 'age_s', 'source', 'reason')


@dataclass(frozen=True, eq=False)
class Estimated:
    """A frame with all that was found out about it."""

    frame: Frame
    info: Any | None  # its CameraInfo, or what stands for it; None: not calibrated
    log_ns: int
    depth: DepthMap
    scale: Scale
    stats: dict[str, Any]  # fields of InferenceStats that the estimator knows


class BagOutputs:
    """Writes the outputs that are wanted of each frame. One thread.

    Args:
        prefix: of the topics, as the namespace of a node.
        wanted: some of OUTPUTS; depth goes with its camera_info, stats with the scale.
    """

    def __init__(self, bag: BagWriter, given: BagParameters, prefix: str, wanted: tuple[str, ...]) -> None:
        self._bag, self._given, self.wanted = bag, given, wanted
        self._prefix = prefix.rstrip('/')
        self._cloud = CloudMaker()
        for msgtype, text in DEFINITIONS.items():
            messages.learn(msgtype, text)

    def topics(self) -> list[str]:
        """List the topics that may be written."""
        names = ('depth/image', 'depth/camera_info', 'points', 'depth/confidence', 'scale', 'stats')
        return [f'{self._prefix}/{name}' for name in names]

    def write(self, each: Estimated) -> None:
        """Write one frame; its stats come last."""
        started = time.perf_counter()
        at, frame_id, stride = each.frame.stamp_ns, each.frame.frame_id, self._given.depth_stride
        if 'depth' in self.wanted:
            z_m = each.depth.z_m[::stride, ::stride]
            values = to_mm(z_m) if self._given.depth_encoding == '16UC1' else z_m
            self._write('depth/image', messages.image(values, self._given.depth_encoding, at, frame_id), each)
        if 'depth' in self.wanted and each.info is not None:
            rectified, size = self._given.rectified_input, each.depth.z_m.shape[::-1]
            fields = info_fields_for(each.info, rectified=rectified, size=size, stride=stride)
            self._write('depth/camera_info', messages.info(fields, at, frame_id), each)
        if 'points' in self.wanted and each.depth.camera:
            options = self._given.cloud_options
            points = self._cloud.make(each.depth, coloured_at(each.depth, each.frame.rgb), options)
            self._write('points', messages.cloud(points, at, frame_id, is_dense=options.is_dense), each)
        if 'confidence' in self.wanted and each.depth.confidence is not None:
            confidence = each.depth.confidence[::stride, ::stride]
            self._write('depth/confidence', messages.image(confidence, '32FC1', at, frame_id), each)
        if 'stats' in self.wanted:
            self._write_stats(each, 1e3 * (time.perf_counter() - started))

    def _write_stats(self, each: Estimated, publish_ms: float) -> None:
        header = messages.header(each.frame.stamp_ns, each.frame.frame_id)
        types = messages.kilted().types
        scale = {name: getattr(each.scale, name) for name in ESTIMATED}
        self._write('scale', types[SCALE_ESTIMATE](header, **scale), each)
        z_m = each.depth.z_m[::4, ::4]
        known_m = z_m[np.isfinite(z_m)]
        low, middle, high = np.percentile(known_m, (0, 50, 100)).tolist() if known_m.size else 3 * [float('nan')]
        stats = types[INFERENCE_STATS](
            header,
            publish_ms=publish_ms,
            latency_ms=float('nan'),  # nobody waited for it
            valid_fraction=known_m.size / z_m.size,
            min_z_m=low,
            median_z_m=middle,
            max_z_m=high,
            scale=each.scale.applied,
            **each.stats,
        )
        self._write('stats', stats, each)

    def _write(self, topic: str, message: Any, each: Estimated) -> None:
        self._bag.write(f'{self._prefix}/{topic}', message, each.log_ns)
