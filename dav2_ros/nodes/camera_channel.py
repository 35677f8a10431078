# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the node: its topics, calibration, scale, and how it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from dav2_ros.depth.postprocess import Finish
from dav2_ros.estimator import DepthEstimator, Timings
from dav2_ros.frames import DepthMap
from dav2_ros.image.request import Look
from dav2_ros.image.resize import ResizePlan
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.inputs import Inputs
from dav2_ros.nodes.outputs import Outputs
from dav2_ros.parameters.cameras import given_to
from dav2_ros.parameters.estimator import TURNS
from dav2_ros.parameters.node import DepthNodeParameters


@dataclass(frozen=True, eq=False)
class Shown:
    """An image that was decoded, and waits for its depth."""

    look: Look
    info: CameraInfo | None
    header: Header
    decoding_ms: float


class Channel:
    """What one camera shows, and what becomes of it. `look` and `publish` are for one thread.

    Raises ValueError, one sentence, for parameters of its own that no camera can have.
    """

    def __init__(
        self, node: Node, camera: str, given: DepthNodeParameters, on_demand: Callable[[], None], health: Health
    ) -> None:
        self._node, self.camera, self.health = node, camera, health
        self.change(given)
        self.plan: ResizePlan | None = None  # of its last picture
        namespace = f'{camera}/' if camera else ''
        self._finish = Finish()
        self.outputs = Outputs(node, namespace, self._given, on_demand, health)
        self.inputs = Inputs(node, namespace, self._given, health)

    def __enter__(self) -> Channel:
        self.outputs.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.inputs.ignore()
        self.outputs.__exit__(*error)

    def change(self, given: DepthNodeParameters) -> None:
        """Take other parameters, from the next frame on."""
        self._given = given_to(self._node, self.camera, given)

    def follow_demand(self, on_image: Callable[[Image], None]) -> None:
        """Hold subscriptions exactly while somebody wants an output."""
        wanted = self.outputs.wanted()
        if self.inputs.listening and not wanted:
            self.inputs.ignore()
        elif wanted and not self.inputs.listening:
            self.inputs.listen(on_image)

    def look(self, image: Image | CompressedImage, size: int) -> Shown:
        """Decode an image, and say what is asked of its depth; raises ValueError, one sentence."""
        started_ms, given = now_ms(), self._given
        frame, info = self.inputs.frame(image)
        wanted = given.confidence if self.outputs.wants_confidence() or given.min_confidence else ''
        look = Look(
            frame,
            confidence=wanted,
            min_confidence=given.min_confidence,
            turns=TURNS[given.turn_upright],
            assumed_hfov_rad=math.radians(given.assumed_hfov_deg),
        )
        self.plan = look.plan(size)
        return Shown(look, info, image.header, now_ms() - started_ms)

    def publish(self, shown: Shown, depth: DepthMap, timings: Timings, estimator: DepthEstimator) -> None:
        """Bring depth to right metres, and make every output that somebody wants."""
        given, header, frame = self._given, shown.header, shown.look.frame
        depth = self._finish.apply(depth, frame.rgb, given)
        depth, scale = self.inputs.scaling.correct(depth, given.max_range_m)
        estimated_ms = now_ms()
        self.outputs.publish_depth(depth, shown.info, header, given)
        latency_ms = 1e-6 * (self._node.get_clock().now().nanoseconds - frame.stamp_ns)
        self.outputs.publish_scale(scale, header)
        self.outputs.publish_views(depth, frame, header, given)
        published_ms = now_ms()
        self.health.processed(latency_ms, timings.engine_ms)
        if self.outputs.wants_stats():
            about, counts = estimator.describe(self.plan), self.health.counts
            self.outputs.publish_stats(
                header,
                depth,
                pre_ms=shown.decoding_ms + timings.pre_ms,
                engine_ms=timings.engine_ms,
                post_ms=timings.post_ms,
                publish_ms=published_ms - estimated_ms,
                latency_ms=latency_ms,
                scale=scale.applied,
                focal_correction=estimator.focal_factor(shown.look),
                **{f'frames_{kind}': counts[kind] for kind in ('received', 'processed', 'dropped', 'failed')},
                **{key: about[key] for key in ('model', 'engine', 'precision')},
            )


def now_ms() -> float:
    """Read the clock that durations are measured with."""
    return 1e3 * time.perf_counter()
