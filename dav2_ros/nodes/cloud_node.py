# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run the cloud node: any depth image in, the same clouds out as the depth node's.

    depth/image, depth/camera_info, rgb/image -> [newest wins] -> CloudMaker -> points, /diagnostics

Depth is 32FC1 metres or 16UC1 millimetres, of a depth camera or a recording as well as ours. With `colour`, a depth
image waits for the colour image of its stamp, registered to it: of the same camera, of any size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from dav2_ros.cloud.cloud import CloudMaker
from dav2_ros.frames import DepthMap, stamp_ns
from dav2_ros.nodes.camera_info import RecentCameraInfos, camera_from_info
from dav2_ros.nodes.conversions import cloud_to_msg, image_to_depth, image_to_rgb
from dav2_ros.nodes.declare import declare
from dav2_ros.nodes.diagnostics import Health
from dav2_ros.nodes.doubles import TakesIntegersForDoubles
from dav2_ros.nodes.qos import publish, subscribe
from dav2_ros.nodes.spin import spin
from dav2_ros.nodes.worker import Worker
from dav2_ros.parameter import changed
from dav2_ros.parameters.cloud import CloudNodeParameters

DEMAND_S = 0.5  # how often subscribers are counted where the middleware does not tell (Humble)
UNPAIRED = 8  # images of one kind that wait for the other


@dataclass(frozen=True, eq=False)
class DepthColourPair:
    """A depth image, and the colour image of its stamp if there is to be one."""

    depth: Image
    colour: Image | None


class CloudNode(TakesIntegersForDoubles):
    """See the module; parameters in dav2_ros/parameters/cloud.py."""

    def __init__(self, **options: Any) -> None:
        super().__init__('cloud', **options)
        self.parameters = declare(self, CloudNodeParameters)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._health = Health(self.get_logger(), 'cloud', 'making')
        self._maker = CloudMaker()
        self._subscriptions_open: list[Subscription] = []
        self._worker = Worker(self._process, self._health.dropped, 'cloud').__enter__()
        self._points = publish(self, PointCloud2, 'points', matched=self._follow_demand, warn=self._health.warn)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # with use_sim_time and no /clock, ROS timers never fire
        self.create_timer(self.parameters.diagnostics_period_s, self._publish_diagnostics, clock=steady)
        self.create_timer(DEMAND_S, self._follow_demand, clock=steady)

    def close(self) -> None:
        """Finish the cloud in hand."""
        self._worker.__exit__()

    def _follow_demand(self) -> None:
        """Listen exactly while somebody wants points."""
        wanted = self._points.get_subscription_count() > 0
        if wanted and not self._subscriptions_open:
            self._infos = RecentCameraInfos()
            self._waiting: dict[str, dict[tuple[int, int], Image]] = {'depth': {}, 'colour': {}}  # by stamp
            self._health.listening()
            topics: dict[str, tuple[type, Callable[[Any], None]]] = {
                'depth/camera_info': (CameraInfo, self._infos.add),
                'depth/image': (Image, lambda image: self._receive('depth', image)),
            }
            if self.parameters.colour:
                topics['rgb/image'] = (Image, lambda image: self._receive('colour', image))
            warn = self._health.warn
            self._subscriptions_open = [subscribe(self, k, t, f, warn=warn) for t, (k, f) in topics.items()]
        elif not wanted:
            for subscription in self._subscriptions_open:
                self.destroy_subscription(subscription)
            self._subscriptions_open = []

    def _receive(self, kind: str, image: Image) -> None:
        if kind == 'depth':
            self._health.received()
        if not self.parameters.colour:
            self._worker.put(DepthColourPair(image, None))
            return
        stamp, other = (image.header.stamp.sec, image.header.stamp.nanosec), 'colour' if kind == 'depth' else 'depth'
        partner = self._waiting[other].pop(stamp, None)
        if partner is None:
            mine = self._waiting[kind]
            mine[stamp] = image
            if len(mine) > UNPAIRED:
                mine.pop(next(iter(mine)))
                why = f'{UNPAIRED} {kind} images have no {other} image of their stamp: set colour to false.'
                self._health.warn('colour', why)
                if kind == 'depth':
                    self._health.dropped('no colour image of its stamp')
        else:
            self._health.warn('colour', '')
            self._worker.put(DepthColourPair(image, partner) if kind == 'depth' else DepthColourPair(partner, image))

    def _process(self, pair: DepthColourPair) -> None:
        started_ms = 1e3 * time.perf_counter()
        try:
            cloud = self._cloud(pair)
            making_ms = 1e3 * time.perf_counter() - started_ms
            self._points.publish(cloud)
            latency_ms = 1e-6 * (self.get_clock().now().nanoseconds - stamp_ns(pair.depth))
            self._health.processed(latency_ms, making_ms)
        except Exception as error:  # a bad image: the next one gets its chance
            self._health.failed(' '.join(str(error).split()))

    def _cloud(self, pair: DepthColourPair) -> PointCloud2:
        header, options = pair.depth.header, self.parameters.cloud_options
        z_m = image_to_depth(pair.depth)
        z_m[~(z_m > 0)] = np.nan  # some cameras say 0 for unknown in 32FC1 too
        height, width = z_m.shape
        info = self._infos.match(header, width, height)
        camera = camera_from_info(info, self.parameters.rectified_input) if info else None
        rgb = image_to_rgb(pair.colour) if pair.colour else None
        if rgb is not None and rgb.shape[:2] != (height, width):
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        points = self._maker.make(DepthMap(z_m, camera), rgb, options)
        return cloud_to_msg(points, header, is_dense=options.is_dense)

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        values = {change.name: change.value for change in changes}
        try:
            self.parameters = changed(self.parameters, values, configured=True)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _publish_diagnostics(self) -> None:
        listening, name = bool(self._subscriptions_open), f'{self.get_fully_qualified_name()}: cloud'
        array = DiagnosticArray(status=[self._health.status(name, 'active', listening, {}, {})])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return spin(CloudNode, 'cloud', args)


if __name__ == '__main__':
    sys.exit(main())
