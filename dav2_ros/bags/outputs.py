# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Write depth into a recording: the node's topics, with the stamps of the picture it came from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from dav2_ros.bags.storage import messages
from dav2_ros.bags.storage.definitions import DEFINITIONS, INFERENCE_STATS, SCALE_ESTIMATE
from dav2_ros.bags.storage.writer import BagWriter
from dav2_ros.cloud.cloud import CloudMaker, coloured_at
from dav2_ros.image.camera_info import info_fields_for
from dav2_ros.image.image_encodings import to_mm
from dav2_ros.parameters.bag import BagParameters
from dav2_ros.pipeline import DepthResult
from dav2_ros.stats import SCALE_FIELDS, depth_range

OUTPUTS = ('depth', 'points', 'confidence', 'stats')


@dataclass(frozen=True, eq=False)
class EstimatedFrame:
    """What became of one picture of a recording, and when it was recorded."""

    result: DepthResult
    log_ns: int
    decode_ms: float
    engine_ms: float  # its share of the engine's time
    counts: dict[str, int]  # frames_received and so on, of InferenceStats


class BagOutputs:
    """Writes the outputs that are wanted of each frame. One thread.

    Args:
        prefix: of the topics, as the namespace of a node.
        wanted: some of OUTPUTS; depth goes with its camera_info, stats with the scale.
    """

    def __init__(self, bag: BagWriter, params: BagParameters, prefix: str, wanted: tuple[str, ...]) -> None:
        self._bag, self._params, self.wanted = bag, params, wanted
        self._prefix = prefix.rstrip('/')
        self._cloud = CloudMaker()
        for msgtype, text in DEFINITIONS.items():
            messages.learn(msgtype, text)

    def topics(self) -> list[str]:
        """List the topics that may be written."""
        names = ('depth/image', 'depth/camera_info', 'points', 'depth/confidence', 'scale', 'stats')
        return [f'{self._prefix}/{name}' for name in names]

    def write(self, estimated: EstimatedFrame) -> None:
        """Write one frame; its stats come last."""
        started = time.perf_counter()
        result, log_ns = estimated.result, estimated.log_ns
        depth, params = result.depth, self._params.estimator
        at, frame_id, stride = result.frame.stamp_ns, result.frame.frame_id, params.depth_stride
        if 'depth' in self.wanted:
            z_m = depth.z_m[::stride, ::stride]
            values = to_mm(z_m) if params.depth_encoding == '16UC1' else z_m
            self._write('depth/image', messages.image(values, params.depth_encoding, at, frame_id), log_ns)
        if 'depth' in self.wanted and result.info is not None:
            size = depth.z_m.shape[::-1]
            fields = info_fields_for(result.info, rectified=params.rectified_input, size=size, stride=stride)
            self._write('depth/camera_info', messages.info(fields, at, frame_id), log_ns)
        if 'points' in self.wanted and depth.camera:
            options = self._params.cloud_options
            points = self._cloud.make(depth, coloured_at(depth, result.frame.rgb), options)
            self._write('points', messages.cloud(points, at, frame_id, is_dense=options.is_dense), log_ns)
        if 'confidence' in self.wanted and depth.confidence is not None:
            confidence = depth.confidence[::stride, ::stride]
            self._write('depth/confidence', messages.image(confidence, '32FC1', at, frame_id), log_ns)
        if 'stats' in self.wanted:
            self._write_stats(estimated, 1e3 * (time.perf_counter() - started))

    def _write_stats(self, estimated: EstimatedFrame, publish_ms: float) -> None:
        result, types = estimated.result, messages.kilted().types
        header = messages.header(result.frame.stamp_ns, result.frame.frame_id)
        scale = {name: getattr(result.scale, name) for name in SCALE_FIELDS}
        self._write('scale', types[SCALE_ESTIMATE](header, **scale), estimated.log_ns)
        times = {'pre_ms': estimated.decode_ms + result.stats.pre_ms, 'engine_ms': estimated.engine_ms}
        stats = types[INFERENCE_STATS](
            header,
            publish_ms=publish_ms,
            latency_ms=float('nan'),  # nobody waited for it
            **estimated.counts,
            **vars(result.stats) | times,
            **vars(depth_range(result.depth.z_m)),
        )
        self._write('stats', stats, estimated.log_ns)

    def _write(self, topic: str, message: Any, log_ns: int) -> None:
        self._bag.write(f'{self._prefix}/{topic}', message, log_ns)
