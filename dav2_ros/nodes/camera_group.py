# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Take images of one or several cameras through one estimator, and publish what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from dav2_ros.engines.engine import WrongDepthError
from dav2_ros.errors import sentence
from dav2_ros.estimator import Estimate
from dav2_ros.files.prefetch import BackgroundWriter
from dav2_ros.nodes.camera_channel import CameraChannel, DecodedImage
from dav2_ros.nodes.declare import declare_own
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.parameters.node import DepthNodeParameters
from dav2_ros.pipeline import make_estimator

USUAL_SIZE = (480, 640)  # the engine is opened for it at configure, and anew where a camera has another aspect ratio


class CameraGroup:
    """The cameras' topics and the estimator. `process` and `finish` are for one thread.

    What several cameras get is published on a thread of its own, while the engine works on what came next.

    Raises ValueError, ModelError, EngineError, one sentence each, when the model cannot be had.
    """

    def __init__(
        self,
        node: Node,
        params: DepthNodeParameters,
        on_demand: Callable[[], None],
        healths: Mapping[str, Health],
    ) -> None:
        declare_own(node, params)
        self._context = node.context
        with ExitStack() as opened:
            log = node.get_logger()
            self.estimator = opened.enter_context(
                make_estimator(
                    params.estimator,
                    batch=params.cameras.batch,
                    background=True,
                    log=log.info,
                    warn=log.warning,
                )
            )
            self.estimator.prepare(*USUAL_SIZE)
            self.channels = {
                camera: opened.enter_context(CameraChannel(node, camera, params, self.estimator, on_demand, health))
                for camera, health in healths.items()
            }
            self._publisher = opened.enter_context(BackgroundWriter(most=1)) if len(self.channels) > 1 else None
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Leave the graph and free the model."""
        self._opened.close()

    def change(self, params: DepthNodeParameters) -> None:
        """Take other parameters, from the next frames on."""
        for channel in self.channels.values():
            channel.change(params)

    def process(self, images: Mapping[str, Image | CompressedImage]) -> None:
        """Turn one image of each of some cameras into every output that somebody wants, or count it as failed."""
        decoded = {}
        for camera, image in images.items():
            channel = self.channels[camera]
            try:
                decoded[channel] = channel.request(image)
            except Exception as error:  # a bad frame: the next one gets its chance
                channel.health.failed(sentence(error))
        self.estimator.keep({channel.plan for channel in self.channels.values() if channel.plan})
        if len(self.channels) > 1:  # or the others would wait while the engine of a new shape opens
            plans = {channel: image.request.plan for channel, image in decoded.items()}
            for channel in [channel for channel, plan in plans.items() if not self.estimator.begin(plan)]:
                del decoded[channel]
                channel.health.dropped('while its engine opens')
        if self._publisher:
            self._publisher.call(self._publish, decoded, list(self._estimate(decoded)))
        else:
            self._publish(decoded, self._estimate(decoded))

    def finish(self) -> None:
        """Wait until all that was estimated is published."""
        if self._publisher:
            self._publisher.rest()

    def _publish(
        self, decoded: Mapping[CameraChannel, DecodedImage], estimated: Iterable[tuple[CameraChannel, Estimate]]
    ) -> None:
        for channel, estimate in estimated:
            try:
                channel.publish(decoded[channel], estimate)
            except Exception as error:
                if self._context.ok():  # or a signal ended it in the middle of a frame
                    channel.health.failed(sentence(error))

    def _estimate(self, decoded: Mapping[CameraChannel, DecodedImage]) -> Iterator[tuple[CameraChannel, Estimate]]:
        """Give depth of all together; if that fails, of each alone: no camera fails for another's picture."""
        try:
            requests = [image.request for image in decoded.values()]
            yield from zip(decoded, self.estimator.estimate_many(requests), strict=True)
        except Exception as error:
            if len(decoded) > 1:
                for channel, image in decoded.items():
                    yield from self._estimate({channel: image})
                return
            for channel in decoded:
                channel.health.failed(sentence(error))
                if not isinstance(error, WrongDepthError):  # after which the estimator has replaced it already
                    self._replace_engine(channel, sentence(error))

    def _replace_engine(self, channel: CameraChannel, why: str) -> None:
        """An engine that threw is in doubt."""
        try:
            self.estimator.replace_engine(why)
        except Exception as error:  # the next frame looks for one again
            channel.health.broken(sentence(error))

    def facts(self, camera: str) -> dict[str, str]:
        """Say for diagnostics what runs, what was proved of it, and what is being built meanwhile."""
        channel = self.channels[camera]
        facts = {**self.estimator.describe(channel.plan), **channel.scale_facts()}
        state = self.estimator.state_of(channel.plan)
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

    def warnings(self, camera: str) -> dict[str, str]:
        """Say what keeps a camera from its best engine, and from right metres, by cause."""
        channel = self.channels[camera]
        state, scale = self.estimator.state_of(channel.plan), channel.scale_warnings()
        if not state or not state.failure:
            return scale
        what = state.proved.verdict.what
        return {
            **scale,
            'engine failure': f'{what} stands in for a faster engine, which could not be had: {state.failure}',
        }


def _percent(share: float | None) -> str:
    return 'not measured' if share is None else f'{100 * share:.2g} %'
