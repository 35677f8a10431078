# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a configured node holds, and the way of images through it: each camera's own, and the estimator of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from dav2_ros.engines.engine import WrongDepthError
from dav2_ros.estimator import Timings
from dav2_ros.estimator_parameters import make_estimator
from dav2_ros.frames import DepthMap
from dav2_ros.nodes.camera_parameters import declare_own
from dav2_ros.nodes.channel import Channel, Shown
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.parameters import DepthNodeParameters
from dav2_ros.overlap import Behind

USUAL_SIZE = (480, 640)  # the engine is opened for it at configure, and anew where a camera has another aspect ratio


Estimated = tuple[Channel, tuple[DepthMap, Timings]]


class Pipeline:
    """The cameras' topics and the estimator. `process` and `finish` are for one thread.

    What several cameras get is published on a thread of its own, while the engine works on what came next.

    Raises ValueError, ModelError, EngineError, one sentence each, when the model cannot be had.
    """

    def __init__(
        self,
        node: Node,
        given: DepthNodeParameters,
        on_demand: Callable[[], None],
        healths: Mapping[str, Health],
    ) -> None:
        declare_own(node, given)
        self._context = node.context
        with ExitStack() as opened:
            log = node.get_logger()
            self.estimator = opened.enter_context(
                make_estimator(given, batch=given.batch, background=True, say=log.info, warn=log.warning)
            )
            self.estimator.prepare(*USUAL_SIZE)
            self.channels = {
                camera: opened.enter_context(Channel(node, camera, given, on_demand, health))
                for camera, health in healths.items()
            }
            self._publisher = opened.enter_context(Behind(most=1)) if len(self.channels) > 1 else None
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Leave the graph and free the model."""
        self._opened.close()

    def change(self, given: DepthNodeParameters) -> None:
        """Take other parameters, from the next frames on."""
        for channel in self.channels.values():
            channel.change(given)

    def process(self, images: Mapping[str, Image | CompressedImage]) -> None:
        """Turn one image of each of some cameras into every output that somebody wants, or count it as failed."""
        shown = {}
        for camera, image in images.items():
            channel = self.channels[camera]
            try:
                shown[channel] = channel.look(image, self.estimator.size)
            except Exception as error:  # a bad frame: the next one gets its chance
                channel.health.failed(sentence(error))
        self.estimator.keep({channel.plan for channel in self.channels.values() if channel.plan})
        if len(self.channels) > 1:  # or the others would wait while the engine of a new shape opens
            for channel in [channel for channel in shown if not self.estimator.begin(channel.plan)]:
                del shown[channel]
                channel.health.dropped('while its engine opens')
        if self._publisher:
            self._publisher.call(self._publish, shown, list(self._estimate(shown)))
        else:
            self._publish(shown, self._estimate(shown))

    def finish(self) -> None:
        """Wait until all that was estimated is published."""
        if self._publisher:
            self._publisher.rest()

    def _publish(self, shown: Mapping[Channel, Shown], estimated: Iterable[Estimated]) -> None:
        for channel, (depth, timings) in estimated:
            try:
                channel.publish(shown[channel], depth, timings, self.estimator)
            except Exception as error:
                if self._context.ok():  # or a signal ended it in the middle of a frame
                    channel.health.failed(sentence(error))

    def _estimate(self, shown: Mapping[Channel, Shown]) -> Iterator[Estimated]:
        """Give depth of all together; if that fails, of each alone: no camera fails for another's picture."""
        try:
            yield from zip(shown, self.estimator.estimate_many([each.look for each in shown.values()]), strict=True)
        except Exception as error:
            if len(shown) > 1:
                for channel, each in shown.items():
                    yield from self._estimate({channel: each})
                return
            for channel in shown:
                channel.health.failed(sentence(error))
                if not isinstance(error, WrongDepthError):  # after which the estimator has replaced it already
                    self._replace_engine(channel, sentence(error))

    def _replace_engine(self, channel: Channel, why: str) -> None:
        """An engine that threw is in doubt."""
        try:
            self.estimator.replace_engine(why)
        except Exception as error:  # the next frame looks for one again
            channel.health.broken(sentence(error))

    def facts(self, camera: str) -> dict[str, str]:
        """Say for diagnostics what runs, what was proved of it, and what is being built meanwhile."""
        channel = self.channels[camera]
        facts = {**self.estimator.describe(channel.plan), **channel.inputs.scaling.facts()}
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
        state, scale = self.estimator.state_of(channel.plan), channel.inputs.scaling.warnings()
        if not state or not state.failure:
            return scale
        what = state.proved.verdict.what
        return {
            **scale,
            'engine failure': f'{what} stands in for a faster engine, which could not be had: {state.failure}',
        }


def _percent(share: float | None) -> str:
    return 'not measured' if share is None else f'{100 * share:.2g} %'


def sentence(error: Exception) -> str:
    """Return the message of an error of ours; the others' need their type to be understood."""
    ours = isinstance(error, ValueError) or type(error).__module__.startswith('dav2_ros')
    text = ' '.join(str(error).split())
    return text if ours and text else f'{type(error).__name__}: {text}'
