# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the depth node: camera topics in, metres out.

    image, camera_info -> [newest wins] -> DepthEstimator -> depth/image, depth/camera_info, points, depth/color, stats

With `cameras` there are such topics below each camera's name, and one estimator for what all of them show. A lifecycle
node: configure loads the model and opens the engine, activate listens while somebody wants an output. Messages are
received on the executor's thread; decoding, inference and publishing happen on the worker's.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from dav2_ros.engines.hot_swap import is_building
from dav2_ros.errors import sentence
from dav2_ros.nodes.camera_group import CameraGroup
from dav2_ros.nodes.declare import declare
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.doubles import TakesIntegersForDoubles
from dav2_ros.nodes.spin import spin
from dav2_ros.nodes.worker import FairWorker
from dav2_ros.parameter import changed
from dav2_ros.parameters.cameras import refuse_own
from dav2_ros.parameters.node import DepthNodeParameters

DEMAND_S = 0.5  # how often subscribers are counted where the middleware does not tell (Humble)


class DepthNode(TakesIntegersForDoubles, LifecycleNode):
    """See the module; parameters in dav2_ros/parameters/node.py, topics in inputs.py and outputs.py."""

    def __init__(self, **options: Any) -> None:
        super().__init__('depth', **options)
        self.parameters = declare(self, DepthNodeParameters)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._healths: dict[str, Health] = {}  # by camera
        self._count_anew()
        self._group: CameraGroup | None = None  # while configured
        self._worker: FairWorker[str, Image] | None = None  # while active, and so configured
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # with use_sim_time and no /clock, ROS timers never fire
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(self.parameters.start.diagnostics_period_s, self._publish_diagnostics, clock=steady)
        self.create_timer(DEMAND_S, self._follow_demand, clock=steady)
        if self.parameters.start.autostart:
            self._autostart = self.create_timer(1e-3, self._start, clock=steady)

    # -- transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model, open the engine, advertise the outputs."""
        self._count_anew()
        try:
            self._group = CameraGroup(self, self.parameters, self._follow_demand, self._healths)
        except Exception as error:  # whatever it is, the node stays up and can be configured again
            for health in self._healths.values():
                health.broken(f'Not configured: {sentence(error)}')
            return TransitionCallbackReturn.FAILURE
        about = self._group.estimator.describe()
        del about['why']  # it has said so already
        self.get_logger().info('Configured: ' + ', '.join(f'{key} {value}' for key, value in about.items()))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker, and listen as soon as somebody wants an output."""
        for health in self._healths.values():
            health.reset()
        cameras, dropped = self.parameters.cameras, lambda camera: self._healths[camera].dropped()
        assert self._group is not None, 'a node is configured before it is activated'
        worker = FairWorker(
            self._group.process,
            dropped,
            'depth',
            tuple(self._group.channels),
            most=cameras.batch,
            wait_s=1e-3 * cameras.batch_wait_ms,
        )
        self._worker = worker.__enter__()
        self._follow_demand()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and finish the frame in hand."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model, withdraw the outputs."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, from any state."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured."""
        self.close()
        return super().on_error(state)

    def _start(self) -> None:
        self._autostart.cancel()
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _stop(self) -> None:
        if self._worker and self._group:
            for channel in self._group.channels.values():
                channel.inputs.ignore()
            self._worker.__exit__()
            self._worker = None
            self._group.finish()

    def close(self) -> None:
        """Stop, free the model and withdraw the outputs, whatever the state."""
        self._stop()
        if self._group:
            self._group.close()
            self._group = None

    # -- demand, parameters, diagnostics

    def _count_anew(self) -> None:
        log, cameras = self.get_logger(), self.parameters.cameras.cameras
        self._healths = {camera: Health(log.get_child(camera)) for camera in cameras} or {'': Health(log)}

    def _follow_demand(self) -> None:
        """Hold subscriptions exactly while the node is active and somebody wants an output."""
        if not self._worker or not self._group:
            return
        for camera, channel in self._group.channels.items():
            try:
                channel.follow_demand(partial(self._worker.put, camera))
            except Exception as error:  # qos_overrides that mean nothing; tried again while somebody wants depth
                channel.inputs.ignore()
                channel.health.broken(f'Not listening: {sentence(error)}')

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        values = {change.name: change.value for change in changes}
        try:
            if self._group:
                refuse_own(self.parameters.cameras, values)
            self.parameters = changed(self.parameters, values, configured=self._group is not None)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._group:
            self._group.change(self.parameters)
        return SetParametersResult(successful=True)

    def _publish_diagnostics(self) -> None:
        state = 'active' if self._worker else 'inactive' if self._group else 'unconfigured'
        array = DiagnosticArray()
        for camera, health in self._healths.items():
            group = self._group
            facts = group.facts(camera) if group else {'model': self.parameters.estimator.model}
            warnings = group.warnings(camera) if group else {}
            listening = bool(self._worker and group and group.channels[camera].inputs.listening)
            name = f'{self.get_fully_qualified_name()}: {camera and f"{camera}/"}depth'
            array.status.append(health.status(name, state, listening, facts, warnings))
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    # Before torch is imported: OpenMP threads that spin while they wait take the cores of every other process. On two
    # busy cores a frame of the bundled model took 503 ms with the default, 100 ms with this.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    try:
        return spin(DepthNode, 'depth', args)
    finally:
        if is_building():  # inside a compiler, which Python would take down with it
            sys.stderr.flush()
            os._exit(0)


if __name__ == '__main__':
    sys.exit(main())
