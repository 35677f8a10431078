# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a parameter is: a dataclass field that knows its meaning, bounds, choices, and when it may change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
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


def check(given: Any) -> None:
    """Raise ValueError, one sentence, if a field of a dataclass of parameters is out of its bounds or choices."""
    for each in fields(given):
        value, bounds, choices = getattr(given, each.name), each.metadata['bounds'], each.metadata['choices']
        if bounds and not bounds[0] <= value <= bounds[1]:
            raise ValueError(f'{each.name} is {value}: choose a value from {bounds[0]} to {bounds[1]}.')
        if choices and value not in choices:
            raise ValueError(f'{each.name} is {value!r}: choose one of {", ".join(map(repr, choices))}.')


@dataclass(frozen=True)
class Changeable:
    """A dataclass of parameters that a running node may be asked to change."""

    def changed(self, values: Mapping[str, Any], *, configured: bool) -> Any:
        """Return the parameters after a change; names that are not ours are left to others.

        Raises ValueError, one sentence, if a value is bad or must not change while the node is configured.
        """
        ours = {each.name: each for each in fields(self) if each.name in values}
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        for name, each in ours.items():
            if configured and each.metadata['changes'] == UNCONFIGURED and values[name] != getattr(self, name):
                raise ValueError(f'{name} {UNCONFIGURED}: deactivate and clean up the node, then set it.')
        return replace(self, **{name: values[name] for name in ours})


def change_time(when: str) -> str:
    """Say in the middle of a sentence when a parameter may change."""
    return f'is {when}' if when == NEVER else when


def choices_text(choices: tuple[str, ...]) -> str:
    """List choices in words; empty for none."""
    return f'One of {", ".join(map(json.dumps, choices))}' if choices else ''
