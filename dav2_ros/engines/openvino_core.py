# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Share the one OpenVINO core of a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino


@cache
def openvino_core() -> openvino.Core:
    """Return the process's `openvino.Core`, which lives as long as the process; raises ImportError without OpenVINO.

    A core gives the thread that made it a stack for signal handlers and takes the stack away with itself. Of two cores
    freed in the order they were made, the second restores the first one's stack, which is gone: the next Ctrl+C is a
    segmentation fault (OpenVINO 2026.4).
    """
    import openvino

    core = openvino.Core()
    core.available_devices  # noqa: B018 - loads the plugins, and so sets the stack, before any other core
    return core
