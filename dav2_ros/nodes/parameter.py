# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a parameter is: a dataclass field that knows its meaning, bounds, choices, and when it may change."""

from __future__ import annotations

from dataclasses import field
from typing import Any

ANY_TIME = 'takes effect on the next frame'
UNCONFIGURED = 'can change while the node is unconfigured'
NEVER = 'fixed at start'


def parameter(
    default: Any,
    meaning: str,
    *,
    changes: str = UNCONFIGURED,
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Make a dataclass field that knows all about a parameter."""
    about = {'meaning': meaning, 'changes': changes, 'bounds': bounds, 'choices': choices}
    return field(default=default, metadata=about)
