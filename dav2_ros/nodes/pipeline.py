# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a configured node holds, and the way of one image through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from dav2_ros.estimator_parameters import make_estimator
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.inputs import Inputs
from dav2_ros.nodes.outputs import Outputs
from dav2_ros.nodes.parameters import DepthNodeParameters

USUAL_SIZE = (480, 640)  # the engine is opened for it at configure, and anew where a camera has another aspect ratio


class Pipeline:
    """The camera's topics, the estimator, the outputs' topics. `process` is for one thread.

    Raises ValueError, ModelError, EngineError, one sentence each, when the model cannot be had.
    """

    def __init__(self, node: Node, given: DepthNodeParameters, on_demand: Callable[[], None], health: Health) -> None:
        self._node, self._health = node, health
        self._inferring = False  # whose fault it is when something is raised
        with ExitStack() as opened:
            log = node.get_logger()
            self.estimator = opened.enter_context(
                make_estimator(given, background=True, say=log.info, warn=log.warning)
            )
            self.estimator.prepare(*USUAL_SIZE)
            self.outputs = opened.enter_context(Outputs(node, on_demand, health))
            self.inputs = Inputs(node, given, health)
            opened.callback(self.inputs.ignore)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Leave the graph and free the model."""
        self._opened.close()

    def process(self, image: Image | CompressedImage, given: DepthNodeParameters) -> None:
        """Turn an image into every output that somebody wants, or count it as failed and say why."""
        try:
            self._make_depth(image, given)
        except Exception as error:  # a bad frame or a failing engine: the next frame gets its chance
            self._health.failed(sentence(error))
            if self._inferring:
                self._replace_engine(sentence(error))

    def _replace_engine(self, why: str) -> None:
        """An engine that threw is in doubt."""
        self._inferring = False
        try:
            self.estimator.replace_engine(why)
        except Exception as error:  # the next frame looks for one again
            self._health.broken(sentence(error))

    def facts(self) -> dict[str, str]:
        """Say for diagnostics what runs, what was proved of it, and what is being built meanwhile."""
        facts, state = {**self.estimator.describe(), **self.inputs.scaling.facts()}, self.estimator.state
        if not state:
            return facts
        found = state.proved.verdict
        proof = {
            'engine error p50': _percent(found.error_p50),
            'engine error p99': _percent(found.error_p99),
            'engine proved at': found.time,
            'engine versions': ', '.join(f'{name} {version}' for name, version in sorted(found.versions.items())),
        }
        return {**facts, **proof, 'engine build': state.building or 'none under way'}

    def warnings(self) -> dict[str, str]:
        """Say what keeps the node from its best engine, and from right metres, by cause."""
        state, scale = self.estimator.state, self.inputs.scaling.warnings()
        if not state or not state.failure:
            return scale
        what = state.proved.verdict.what
        return {
            **scale,
            'engine failure': f'{what} stands in for a faster engine, which could not be had: {state.failure}',
        }

    def _make_depth(self, image: Image | CompressedImage, given: DepthNodeParameters) -> None:
        started_ms, header = now_ms(), image.header
        frame, info = self.inputs.frame(image)
        decoded_ms = now_ms()
        self._inferring = True
        wanted = given.confidence if self.outputs.wants_confidence() or given.min_confidence else ''
        depth, timings = self.estimator.estimate(frame, confidence=wanted, min_confidence=given.min_confidence)
        self._inferring = False
        depth, scale = self.inputs.scaling.correct(depth, given.max_range_m)
        estimated_ms = now_ms()
        self.outputs.publish_depth(depth, info, header, given)
        latency_ms = 1e-6 * (self._node.get_clock().now().nanoseconds - frame.stamp_ns)
        self.outputs.publish_scale(scale, header)
        self.outputs.publish_views(depth, frame, header, given)
        published_ms = now_ms()
        self._health.processed(latency_ms, timings.engine_ms)
        if self.outputs.wants_stats():
            about, counts = self.estimator.describe(), self._health.counts
            plan = self.estimator.prepare(*frame.rgb.shape[:2], frame.camera)
            self.outputs.publish_stats(
                header,
                depth,
                pre_ms=decoded_ms - started_ms + timings.pre_ms,
                engine_ms=timings.engine_ms,
                post_ms=timings.post_ms,
                publish_ms=published_ms - estimated_ms,
                latency_ms=latency_ms,
                scale=scale.applied,
                focal_correction=self.estimator.focal_factor(plan, frame.camera),
                **{f'frames_{kind}': counts[kind] for kind in ('received', 'processed', 'dropped', 'failed')},
                **{key: about[key] for key in ('model', 'engine', 'precision')},
            )


def _percent(share: float | None) -> str:
    return 'not measured' if share is None else f'{100 * share:.2g} %'


def sentence(error: Exception) -> str:
    """Return the message of an error of ours; the others' need their type to be understood."""
    ours = isinstance(error, ValueError) or type(error).__module__.startswith('dav2_ros')
    text = ' '.join(str(error).split())
    return text if ours and text else f'{type(error).__name__}: {text}'


def now_ms() -> float:
    """Read the clock that durations are measured with."""
    return 1e3 * time.perf_counter()
