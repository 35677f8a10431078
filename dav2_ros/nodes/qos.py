# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions that always connect (REP 2003), can be overridden, and tell when they do not connect."""

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

PUBLISHER_DEPTH = 5  # as sensor data: enough for a subscriber that stumbles, no store of old clouds


def publish(
    node: Node, message: type, topic: str, *, matched: Callable[[], None], warn: Callable[[str, str], None]
) -> Publisher:
    """Create a reliable publisher; `matched()` is called when subscribers come and go, where the middleware tells."""
    events = PublisherEventCallbacks(incompatible_qos=_incompatible(node, topic, 'subscriber', warn))
    if hasattr(events, 'matched'):  # since Iron
        events.matched = lambda event: matched()
    return _create(node.create_publisher, PublisherEventCallbacks, events, message, topic, ReliabilityPolicy.RELIABLE)


def subscribe(
    node: Node, message: type, topic: str, callback: Callable[[Any], None], *, warn: Callable[[str, str], None]
) -> Subscription:
    """Create a best-effort subscription: it connects to reliable and best-effort publishers."""
    events = SubscriptionEventCallbacks(incompatible_qos=_incompatible(node, topic, 'publisher', warn))
    create = node.create_subscription
    reliability = ReliabilityPolicy.BEST_EFFORT
    return _create(create, SubscriptionEventCallbacks, events, message, topic, reliability, callback=callback)


def _create(create: Callable, quiet: type, events: Any, *args: Any, **more: Any) -> Any:
    """Create with event callbacks, or without where the middleware has no such events."""
    message, topic, reliability = args
    for each in (events, quiet(use_default_callbacks=False)):
        # a new profile each time: overrides are written into it
        profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=PUBLISHER_DEPTH, reliability=reliability)
        overrides = QoSOverridingOptions.with_default_policies()
        try:
            return create(
                message,
                topic,
                qos_profile=profile,
                event_callbacks=each,
                qos_overriding_options=overrides,
                **more,
            )
        except UnsupportedEventTypeError:
            continue
    raise RuntimeError(f'The middleware refuses {topic} for its events although none were asked for.')


def _incompatible(node: Node, topic: str, other: str, warn: Callable[[str, str], None]) -> Callable[[Any], None]:
    def tell(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        name = node.resolve_topic_name(topic)
        sentence = (
            f'{event.total_count} {other}(s) of {name} cannot connect, the last for its {policy}: '
            f'change that {other}, or set qos_overrides.{name}.'
        )
        warn(f'QoS of {name}', sentence)

    return tell
