# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make publishers and subscriptions that always connect (REP 2003), can be overridden, and tell why they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks, UnsupportedEventTypeError

DEPTH = 5  # as sensor data: enough for a side that stumbles, no store of old clouds
Warn = Callable[[str, str], None]  # a cause, and a sentence about it


def publish(node: Node, message: type, topic: str, *, matched: Callable[[], None], warn: Warn) -> Publisher:
    """Create a reliable publisher; `matched()` is called when subscribers come and go, where the middleware tells."""
    events = PublisherEventCallbacks(incompatible_qos=_incompatible(node, topic, 'subscriber', warn))
    if hasattr(events, 'matched'):  # since Iron
        events.matched = lambda event: matched()
    try:
        return node.create_publisher(message, topic, **_options(ReliabilityPolicy.RELIABLE, events))
    except UnsupportedEventTypeError:  # a middleware without such events
        return node.create_publisher(message, topic, **_options(ReliabilityPolicy.RELIABLE, PublisherEventCallbacks()))


def subscribe(
    node: Node,
    message: type,
    topic: str,
    callback: Callable[[Any], None],
    *,
    warn: Warn,
    lost: Callable[[int], None] | None = None,
) -> Subscription:
    """Create a best-effort subscription: it connects to reliable and best-effort publishers.

    `lost(n)` is called when the middleware lost n messages on their way, where it tells.
    """
    events = SubscriptionEventCallbacks(
        incompatible_qos=_incompatible(node, topic, 'publisher', warn),
        message_lost=None if lost is None else lambda event: lost(event.total_count_change),
    )
    best_effort = ReliabilityPolicy.BEST_EFFORT
    try:
        return node.create_subscription(message, topic, callback, **_options(best_effort, events))
    except UnsupportedEventTypeError:
        options = _options(best_effort, SubscriptionEventCallbacks())
        return node.create_subscription(message, topic, callback, **options)


def _options(reliability: ReliabilityPolicy, events: Any) -> dict[str, Any]:
    return {  # a new profile each time: overrides are written into it
        'qos_profile': QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH, reliability=reliability),
        'qos_overriding_options': QoSOverridingOptions.with_default_policies(),
        'event_callbacks': events,
    }


def _incompatible(node: Node, topic: str, other: str, warn: Warn) -> Callable[[Any], None]:
    def tell(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        name = node.resolve_topic_name(topic)
        sentence = (
            f'{event.total_count} {other}(s) of {name} cannot connect, the last for its {policy}: '
            f'change that {other}, or set qos_overrides.{name}.'
        )
        warn(f'QoS of {name}', sentence)

    return tell
