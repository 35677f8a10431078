# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run a node's process, from its first parameter to Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor


def spin(make: Callable, name: str, args: list[str] | None = None) -> int:
    """Make a node, run it until it is told to stop, `close` and destroy it; return the exit status.

    A bad parameter is one fatal sentence of `name`, and status 1.
    """
    rclpy.init(args=args)
    executor = SingleThreadedExecutor()
    try:
        node = make()
    except (ParameterException, ValueError) as error:
        rclpy.logging.get_logger(name).fatal(f'Bad parameter: {error}')
        rclpy.try_shutdown()
        return 1
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:  # RCLError, where the signal ends the context between two waits
        if rclpy.ok():
            raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch may send its own after Ctrl-C: clean up in peace
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
