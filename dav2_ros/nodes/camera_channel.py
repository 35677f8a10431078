# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serve one camera of the node: its topics, its pipeline, and how it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from dav2_ros.estimator import DepthEstimator, Estimate
from dav2_ros.image.request import EstimateRequest
from dav2_ros.image.resize import ResizePlan
from dav2_ros.nodes.declare import parameters_of_camera
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.inputs import Inputs
from dav2_ros.nodes.outputs import Outputs
from dav2_ros.nodes.scale import scale_facts, scale_warnings
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.pipeline import DepthPipeline
from dav2_ros.scale.kalman import Scale


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image that waits for its depth."""

    request: EstimateRequest
    header: Header
    decoding_ms: float


class CameraChannel:
    """One camera's topics and pipeline. `request` is for one thread, `publish` for one, in the order of the images.

    Raises ValueError, one sentence, for parameters of its own that no camera can have.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        params: DepthNodeParameters,
        estimator: DepthEstimator,
        on_demand: Callable[[], None],
        health: Health,
    ) -> None:
        self._node, self.camera, self.health = node, camera, health
        self._params = parameters_of_camera(node, camera, params)
        self._pipeline = DepthPipeline(self._params, estimator, log=node.get_logger().info)
        self.plan: ResizePlan | None = None  # of its last picture
        self._scale: Scale | None = None  # of its last depth
        namespace = f'{camera}/' if camera else ''
        self.outputs = Outputs(node, namespace, self._params, on_demand, health)
        self.inputs = Inputs(node, namespace, self._params, health)

    def __enter__(self) -> CameraChannel:
        self.outputs.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.inputs.ignore()
        self.outputs.__exit__(*error)

    def change(self, params: DepthNodeParameters) -> None:
        """Take other parameters, from the next frame on."""
        self._params = parameters_of_camera(self._node, self.camera, params)
        self._pipeline.change(self._params)

    def follow_demand(self, on_image: Callable[[Image], None]) -> None:
        """Hold subscriptions exactly while somebody wants an output."""
        wanted = self.outputs.wanted()
        if self.inputs.listening and not wanted:
            self.inputs.ignore()
        elif wanted and not self.inputs.listening:
            self._pipeline.reset()
            self._scale = None
            self.inputs.listen(on_image)

    def request(self, image: Image | CompressedImage) -> DecodedImage:
        """Decode an image, and say what is asked of its depth; raises ValueError, one sentence."""
        started_ms = now_ms()
        frame, info = self.inputs.frame(image)
        request = self._pipeline.request(frame, info, confidence=self.outputs.wants_confidence())
        self.plan = request.plan
        return DecodedImage(request, image.header, now_ms() - started_ms)

    def publish(self, decoded: DecodedImage, estimate: Estimate) -> None:
        """Bring depth to right metres, and make every output that somebody wants."""
        params, header, request = self._params, decoded.header, decoded.request
        measurement, missing = self.inputs.reference.at(request.frame.stamp_ns, request.frame.frame_id)
        result = self._pipeline.finish(request, estimate, measurement, missing)
        self._scale = result.scale
        finished_ms = now_ms()
        self.outputs.publish_depth(result, header, params)
        latency_ms = 1e-6 * (self._node.get_clock().now().nanoseconds - result.frame.stamp_ns)
        self.outputs.publish_scale(result.scale, header)
        self.outputs.publish_views(result, header, params)
        published_ms = now_ms()
        self.health.processed(latency_ms, result.stats.engine_ms)
        if self.outputs.wants_stats():
            self.outputs.publish_stats(
                result,
                header,
                decoding_ms=decoded.decoding_ms,
                publish_ms=published_ms - finished_ms,
                latency_ms=latency_ms,
            )

    def scale_facts(self) -> dict[str, str]:
        """Tell diagnostics the last scale."""
        return scale_facts(self._scale)

    def scale_warnings(self) -> dict[str, str]:
        """Tell diagnostics why there is no trusted scale, by cause."""
        return scale_warnings(self._scale)


def now_ms() -> float:
    """Read the clock that durations are measured with."""
    return 1e3 * time.perf_counter()
